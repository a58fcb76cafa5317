#include "kube/status.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "kube/json_slice.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kShownBytes = 200;
constexpr std::int64_t kMaxRetrySeconds = 3'600;

std::optional<Milliseconds> seconds(std::string_view text) {
  const auto number = parse_int(trim(text));
  if (!number || *number < 0) return std::nullopt;  // the HTTP date form is not used by the API server
  return Milliseconds(std::min(*number, kMaxRetrySeconds) * 1'000);
}

std::string_view verb_of(std::string_view method, bool named, bool watching) {
  if (method == "GET") return watching ? "watch" : named ? "get" : "list";
  static constexpr struct {
    std::string_view method, verb;
  } kVerbs[] = {{"POST", "create"}, {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
  const auto* const found =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const auto& v) { return v.method == method; });
  return found == std::end(kVerbs) ? method : found->verb;
}

}  // namespace

Status read_status(int http_code, std::string_view body, std::string_view retry_after) {
  Status status;
  status.code = http_code;
  status.retry_after = seconds(retry_after);
  if (!is_json(body) || text_member(body, "kind") != "Status") {
    status.message = valid_utf8(trim(body).substr(0, kShownBytes));
    return status;
  }
  status.reason = text_member(body, "reason");
  status.message = text_member(body, "message");
  const auto code = parse_int(member(body, "code").value_or(""));
  if (code && *code > 0 && *code < 1'000) status.code = static_cast<int>(*code);
  const auto details = member(body, "details").value_or("");
  each_item(member(details, "causes").value_or(""), [&](std::string_view cause) {
    if (status.cause.empty()) status.cause = text_member(cause, "reason");
  });
  if (!status.retry_after) status.retry_after = seconds(member(details, "retryAfterSeconds").value_or(""));
  return status;
}

std::string needed_right(std::string_view method, std::string_view path, bool watching) {
  // /api/v1/... or /apis/GROUP/VERSION/..., then [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]
  auto parts = split(path.substr(0, path.find('?')), '/');
  std::erase(parts, std::string_view());
  if (parts.empty()) return fmt::format("\"get\" on the path {}", path);
  const std::size_t skipped = parts[0] == "api" ? 2 : parts[0] == "apis" ? 3 : parts.size();
  if (parts.size() <= skipped) return fmt::format("\"get\" on the path {}", path);
  const std::string group = parts[0] == "apis" ? fmt::format(" of group \"{}\"", parts[1]) : "";
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(skipped));
  std::string where;
  if (parts[0] == "namespaces" && parts.size() > 2) {
    where = fmt::format(" in namespace \"{}\"", parts[1]);
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  const std::string resource = parts.size() > 2 ? fmt::format("{}/{}", parts[0], parts[2]) : std::string(parts[0]);
  return fmt::format("\"{}\" on \"{}\"{}{}", verb_of(method, parts.size() > 1, watching), resource, group, where);
}

Error refusal(const Status& status, std::string_view tried, std::string_view right) {
  const std::string said = fmt::format("{}: {}{}{}: {}", tried, status.code, status.reason.empty() ? "" : " ",
                                       status.reason, status.message.empty() ? "no reason given" : status.message);
  switch (status.code) {
    case 401:
      return fail(Code::Denied, "{}; the token or certificate is not accepted", said);
    case 403:
      return fail(Code::Denied, "{}; a role bound to this account must allow {}", said, right);
    case 404:
      return fail(Code::NotFound, "{}", said);
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return fail(Code::Invalid, "{}", said);
    default:
      return fail(Code::Unavailable, "{}", said);
  }
}

}  // namespace tessera::kube
