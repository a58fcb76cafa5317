#include "server/access/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "base/text.h"
#include "server/access/secret.h"
#include "server/access/viewer.h"
#include "store/replies.h"

namespace tessera::server {
namespace {

constexpr std::size_t kLongestIdempotencyKey = 255;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

store::AuditEntry entry_of(const http::Request& request, std::string_view action) {
  store::AuditEntry out;
  out.time = now_epoch_ms();
  out.actor = viewer_of(request).actor;
  out.action = action;
  out.request_id = request_id(request);
  out.peer = request.peer;
  out.result = "done";
  return out;
}

http::Response reply_of(int status, const std::string& location, std::string body) {
  http::Response out;
  out.status = status;
  out.content_type = body.empty() ? "" : "application/json";
  out.body = std::move(body);
  if (!location.empty()) out.headers.emplace_back("Location", location);
  return out;
}

Problem not_saved(std::string_view action) {
  return {503, "database-unavailable",
          fmt::format("{}: nothing was changed, because the database takes nothing now; the server's log says why",
                      action)};
}

}  // namespace

http::Response Changes::make(const http::Request& request, std::string_view action, const std::string& object,
                             const Change& change) {
  const std::string key(trim(request.header("Idempotency-Key")));
  if (key.size() > kLongestIdempotencyKey || !is_printable(key))
    return reply(
        {400, "invalid-parameter",
         fmt::format("Idempotency-Key: at most {} printable ASCII characters expected", kLongestIdempotencyKey)},
        request);
  store::AuditEntry entry = entry_of(request, action);
  const std::string caller = viewer_of(request).caller;
  const std::string hash =
      sha256_hex(fmt::format("{} {}?{}\n{}", request.method, request.path, request.query, request.body));
  std::optional<Problem> refused;
  http::Response out;
  const std::lock_guard lock(mutex_);
  const auto done = database_->atomically([&]() -> Result<void> {
    if (!key.empty())
      if (const auto kept = TRY(store::kept_reply(*database_, caller, key, entry.time))) {
        if (kept->request != hash) {
          refused = {422, "idempotency-key-reused",
                     "this Idempotency-Key came with another request within the last 24 hours: take a new one"};
          return {};
        }
        out = reply_of(static_cast<int>(kept->status), kept->location, kept->body);
        out.headers.emplace_back("Idempotency-Replayed", "true");
        return {};
      }
    auto made = TRY(change(*database_));
    if (auto* problem = std::get_if<Problem>(&made)) {
      refused = std::move(*problem);
      return fail(Code::Invalid, "{}", refused->detail);
    }
    Changed& changed = std::get<Changed>(made);
    entry.object = std::move(changed.object);
    entry.detail = std::move(changed.detail);
    TRY(store::append_audit(*database_, entry));
    if (!key.empty())
      TRY(store::keep_reply(*database_, {caller, key, hash, entry.time, changed.status, changed.location,
                                         changed.kept.empty() ? changed.body : changed.kept}));
    out = reply_of(changed.status, changed.location, std::move(changed.body));
    return {};
  });
  if (!done && !refused) {
    log::error("a change could not be made", {{"action", std::string(action)}, {"why", done.error().what}});
    return reply(not_saved(action), request);
  }
  if (!refused) {
    out.headers.emplace_back("X-Request-Id", entry.request_id);
    return out;
  }
  if (!done) {  // it was rolled back, so what was tried is told on its own
    entry.object = object;
    entry.result = fmt::format("refused: {}", refused->detail);
    if (const auto told = database_->atomically([&] { return store::append_audit(*database_, entry); }); !told)
      log::error("the audit log takes nothing", {{"why", told.error().what}});
  }
  return reply(*refused, request);
}

std::string etag_of(std::string_view shown) { return fmt::format("\"{}\"", sha256_hex(shown).substr(0, 32)); }

std::optional<Problem> check_if_match(const http::Request& request, std::string_view etag) {
  const std::string_view wanted = trim(request.header("If-Match"));
  if (wanted.empty() || wanted == "*") return std::nullopt;
  for (const std::string_view one : split(wanted, ','))
    if (trim(one) == etag) return std::nullopt;
  return Problem{412, "precondition-failed",
                 fmt::format("If-Match: it has been changed, and is {} now: read it again", etag)};
}

}  // namespace tessera::server
