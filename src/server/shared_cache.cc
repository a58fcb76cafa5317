#include "server/shared_cache.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <chrono>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

namespace tessera::server {
namespace {
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostIdle = 16;  // connections
constexpr std::string_view kForm = "tessera 1\n";

timeval time_of(Milliseconds duration) {
  const auto ms = duration.count();
  return {static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};
}

}  // namespace

Result<SharedCacheOptions> parse_cache_url(std::string_view url) {
  constexpr std::string_view kScheme = "redis://";
  const auto wrong = [&](std::string_view why) {
    return fail(Code::Invalid, "'{}': {}; redis://HOST[:PORT][/DATABASE] expected", url, why);
  };
  if (url.find('@') != std::string_view::npos)
    return fail(Code::Invalid, "no user or password in the URL: cache.username and cache.password-file have them");
  if (!url.starts_with(kScheme)) return wrong("no redis://");
  std::string_view rest = url.substr(kScheme.size());
  SharedCacheOptions out;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view database = rest.substr(slash + 1);
    const auto number = parse_int(database);
    if (!database.empty() && (!number || *number < 0 || *number > 1'000'000)) return wrong("the database is no number");
    out.database = static_cast<int>(number.value_or(0));
    rest = rest.substr(0, slash);
  }
  const auto bracket = rest.rfind(']');
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto port = parse_int(rest.substr(colon + 1));
    if (!port || *port < 1 || *port > 65'535) return wrong("the port is no number from 1 to 65535");
    out.port = static_cast<int>(*port);
    rest = rest.substr(0, colon);
  }
  if (rest.size() > 1 && rest.front() == '[' && rest.back() == ']') rest = rest.substr(1, rest.size() - 2);
  if (rest.empty()) return wrong("no host");
  out.host = rest;
  return out;
}

void SharedCache::Close::operator()(redisContext* connection) const { redisFree(connection); }

SharedCache::SharedCache(SharedCacheOptions options) : options_(std::move(options)) {}
SharedCache::~SharedCache() = default;

std::string SharedCache::name_of(const std::string& key) const { return fmt::format("{}:{}", options_.prefix, key); }

std::optional<http::Response> SharedCache::find(const std::string& key) {
  const std::string name = name_of(key);
  const auto bytes = ask({"GET", name});
  return bytes ? reply_from_bytes(*bytes) : std::nullopt;
}

void SharedCache::keep(const std::string& key, const http::Response& reply) {
  const std::string name = name_of(key), bytes = reply_bytes(reply);
  const std::string life = std::to_string(options_.time_to_live.count());
  ask({"SET", name, bytes, "PX", life});
}

SharedCacheStats SharedCache::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

/// Says it when the cache begins to fail and when it works again; whoever asks meanwhile need not wait for it.
void SharedCache::note(const Result<void>& done) {
  bool begins = false, ends = false;
  {
    const std::lock_guard lock(mutex_);
    begins = !done && !failing_;
    ends = static_cast<bool>(done) && failing_;
    failing_ = !done;
    stats_.up = static_cast<bool>(done);
    if (!done) {
      ++stats_.failed;
      idle_.clear();
      paused_until_ = Clock::now() + options_.pause;
    }
  }
  if (begins) log::warn("the shared cache does not answer: replies are made without it", {{"why", done.error().what}});
  if (ends) log::info("the shared cache answers again", {{"host", options_.host}});
}

std::optional<std::string> SharedCache::ask(const std::vector<std::string_view>& command) {
  Connection connection;
  {
    const std::lock_guard lock(mutex_);
    if (Clock::now() < paused_until_) return std::nullopt;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  auto reply = ask(connection, command);
  note(reply ? Result<void>() : Result<void>(reply.error()));
  if (!reply) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
  return *std::move(reply);
}

/// By this connection; by a new one where there is none, or where the cache has closed it since it was used last.
Result<std::optional<std::string>> SharedCache::ask(Connection& connection,
                                                    const std::vector<std::string_view>& command) const {
  if (connection) {
    auto reply = ask(*connection, command);
    if (reply || connection->err != REDIS_ERR_EOF) return reply;
  }
  connection = TRY(connect());
  return ask(*connection, command);
}

Result<SharedCache::Connection> SharedCache::connect() const {
  const std::string where = fmt::format("{}:{}", options_.host, options_.port);
  Connection connection(redisConnectWithTimeout(options_.host.c_str(), options_.port, time_of(options_.timeout)));
  if (!connection) return fail(Code::Unavailable, "cache {}: no memory for a connection", where);
  if (connection->err != 0) return fail(Code::Unavailable, "cache {}: {}", where, connection->errstr);
  redisSetTimeout(connection.get(), time_of(options_.timeout));
  if (!options_.password_file.empty()) {
    const std::string text = TRY(read_file(options_.password_file, 64U << 10U));
    std::vector<std::string_view> login = {"AUTH", trim(text)};
    if (!options_.username.empty()) login.insert(login.begin() + 1, options_.username);
    TRY(ask(*connection, login));
  }
  if (options_.database != 0) {
    const std::string number = std::to_string(options_.database);
    TRY(ask(*connection, {"SELECT", number}));
  }
  return connection;
}

/// The text of the reply; nothing for a key that is not there.
Result<std::optional<std::string>> SharedCache::ask(redisContext& connection,
                                                    const std::vector<std::string_view>& command) const {
  std::vector<const char*> parts;
  std::vector<std::size_t> sizes;
  for (const std::string_view part : command) {
    parts.push_back(part.data());
    sizes.push_back(part.size());
  }
  struct Free {
    void operator()(void* reply) const { freeReplyObject(reply); }
  };
  const std::unique_ptr<void, Free> answered(
      redisCommandArgv(&connection, static_cast<int>(parts.size()), parts.data(), sizes.data()));
  const auto* reply = static_cast<const redisReply*>(answered.get());
  const auto failed = [&](std::string_view why) {
    return fail(Code::Unavailable, "cache {}:{}: {}: {}", options_.host, options_.port, command.front(), why);
  };
  if (!reply) return failed(connection.errstr);
  if (reply->type == REDIS_REPLY_NIL) return std::optional<std::string>();
  if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
    return failed(reply->type == REDIS_REPLY_ERROR ? std::string_view(reply->str, reply->len) : "an unknown reply");
  return std::optional<std::string>(std::in_place, reply->str, reply->len);
}

const std::string& body_of(const http::Response& reply) { return reply.shared_body ? *reply.shared_body : reply.body; }

std::string reply_bytes(const http::Response& reply) {
  std::string out(kForm);
  out += fmt::format("{}\n", reply.content_type);
  for (const auto& [name, value] : reply.headers) out += fmt::format("{}: {}\n", name, value);
  out += '\n';
  return out + body_of(reply);
}

std::optional<http::Response> reply_from_bytes(std::string_view bytes) {
  if (!bytes.starts_with(kForm)) return std::nullopt;
  const auto line = [&]() -> std::optional<std::string_view> {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return out;
  };
  line();
  const auto type = line();
  if (!type || type->empty()) return std::nullopt;
  http::Response out;
  out.content_type = *type;
  for (;;) {
    const auto header = line();
    if (!header) return std::nullopt;
    if (header->empty()) break;
    const auto colon = header->find(": ");
    if (colon == std::string_view::npos || header->find('\r') != std::string_view::npos) return std::nullopt;
    out.headers.emplace_back(header->substr(0, colon), header->substr(colon + 2));
  }
  out.shared_body = std::make_shared<const std::string>(bytes);
  return out;
}

}  // namespace tessera::server
