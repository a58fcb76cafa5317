#include "tests/kube_stub/stub.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/kube_stub/access.h"
#include "tests/kube_stub/paths.h"
#include "tests/kube_stub/watch_stream.h"
#include "tests/kube_stub/wire.h"

namespace tessera::kube_stub {
namespace {

constexpr int kLookMs = 50;  // for a stop

bool reply(int fd, const Answer& answer, const Slow& slow,
           const std::vector<std::pair<std::string, std::string>>& headers = {}) {
  return send_all(fd, reply_bytes(answer.code, answer.body->dump(), "application/json", headers), slow);
}

}  // namespace

Result<std::unique_ptr<Stub>> Stub::start(const std::string& address, Milliseconds bookmark_every) {
  std::unique_ptr<Stub> stub(new Stub(bookmark_every));
  stub->address_ = address;
  TRY(stub->come_back());
  return stub;
}

Stub::~Stub() { go_away(); }

StubStats Stub::stats() const { return {lists_, watches_, open_watches_, refused_}; }

void Stub::compact() {
  store_.compact();
  answers_.forget_pages();
}

Result<void> Stub::come_back() {
  if (listener_) return {};
  auto listening = TRY(http::listen_on(address_));
  address_ = listening.address;
  listener_ = std::move(listening.socket);
  away_ = false;
  accepting_ = std::jthread([this, fd = listener_.fd()](const std::stop_token& stop) { accept_all(stop, fd); });
  return {};
}

void Stub::go_away() {
  accepting_.request_stop();
  if (accepting_.joinable()) accepting_.join();
  listener_ = http::Socket();
  away_ = true;
  store_.wake();
  for (const auto& connection : connections_) ::shutdown(connection->socket.fd(), SHUT_RDWR);
  connections_.clear();
}

void Stub::accept_all(const std::stop_token& stop, int listener) {
  while (!stop.stop_requested()) {
    pollfd ready{listener, POLLIN, 0};
    if (::poll(&ready, 1, kLookMs) <= 0) continue;
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    connections_.remove_if([](const auto& connection) { return connection->over.load(); });
    auto& connection = connections_.emplace_back(std::make_unique<Connection>());
    connection->socket = http::Socket(fd);
    connection->thread = std::jthread([this, c = connection.get()] { serve(*c); });
  }
}

void Stub::serve(Connection& connection) {
  const int fd = connection.socket.fd();
  std::string read;
  http::Request request;
  while (read_request(fd, read, request) && answer(fd, request)) {
  }
  ::shutdown(fd, SHUT_RDWR);
  connection.over = true;
}

bool Stub::refuse(int fd, const RefusedRequest& fault) {
  ++refused_;
  Json status = *status_answer(fault.status, fault.reason, "as the test ordered").body;
  if (!fault.cause.empty()) status["details"]["causes"] = Json::array({{{"reason", fault.cause}}});
  std::vector<std::pair<std::string, std::string>> headers;
  if (fault.retry_after) headers.emplace_back("Retry-After", std::to_string(*fault.retry_after));
  return reply(fd, {fault.status, std::make_shared<const Json>(std::move(status))}, {}, headers);
}

/// Nullopt: the token is nobody's.
std::optional<std::string> Stub::user_of(const http::Request& request) const {
  const std::lock_guard lock(mutex_);
  if (users_.empty()) return "";
  const std::string_view header = request.header("authorization");
  const auto known = users_.find(std::string(header.substr(std::min<std::size_t>(header.size(), 7))));
  return known == users_.end() ? std::nullopt : std::optional(known->second);
}

void Stub::ask_for_rights(std::map<std::string, std::string> users_by_token) {
  const std::lock_guard lock(mutex_);
  users_ = std::move(users_by_token);
}

void Stub::know_tokens(std::map<std::string, KnownToken> tokens) {
  store_.add_resource({.group = "authentication.k8s.io",
                       .version = "v1",
                       .plural = "tokenreviews",
                       .kind = "TokenReview",
                       .namespaced = false});
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(tokens);
}

Answer Stub::answered(const Target& target, const http::Request& request,
                      const std::map<std::string, std::string>& query, const std::string& user) {
  if (target.resource.plural != "tokenreviews") return answers_.answer(target, request, query, user);
  const std::lock_guard lock(mutex_);
  return review_token(tokens_, request);
}

std::vector<Logged> Stub::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

void Stub::note(const http::Request& request, const std::string& user, int code) {
  const std::lock_guard lock(mutex_);
  log_.push_back({request.method, request.path, request.query, user, code});
}

std::optional<Answer> Stub::denied(const std::string& user, const Target& target, const http::Request& request,
                                   const std::map<std::string, std::string>& query, bool watching) const {
  if (user.empty()) return std::nullopt;
  Ask ask{user, "", target.resource.group, target.resource.plural, target.space, target.name};
  if (!target.part.empty()) ask.resource += '/' + target.part;
  if (const auto fields = query.find("fieldSelector"); ask.name.empty() && fields != query.end())
    if (const std::string_view wanted = fields->second; wanted.starts_with("metadata.name="))
      ask.name = wanted.substr(14);
  std::vector<std::string> verbs{watching                     ? "watch"
                                 : request.method == "GET"    ? (target.name.empty() ? "list" : "get")
                                 : request.method == "POST"   ? "create"
                                 : request.method == "PUT"    ? "update"
                                 : request.method == "DELETE" ? "delete"
                                                              : "patch"};
  // An apply that makes the object needs both.
  const bool apply = request.header("content-type").starts_with("application/apply-patch");
  if (apply && store_.get(target.resource, target.space, target.name).code == 404) verbs.emplace_back("create");
  for (const std::string& verb : verbs) {
    ask.verb = verb;
    if (!is_allowed(store_, ask))
      return status_answer(403, "Forbidden",
                           fmt::format("{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\"",
                                       ask.resource, user, verb, ask.resource, ask.group));
  }
  return std::nullopt;
}

bool Stub::answer(int fd, const http::Request& request) {
  const auto query = query_of(request.query);
  const auto asked = query.find("watch");
  const bool watching = asked != query.end() && (asked->second == "1" || asked->second == "true");
  const auto resources = store_.resources();
  const auto target = target_of(request.path, resources);
  const bool listing = target && target->name.empty() && request.method == "GET" && !watching;
  const std::string_view kind = watching ? "watch" : listing ? "list" : request.method == "GET" ? "get" : "write";
  if (const auto fault =
          faults_.refuse(kind, request.path, query.contains("continue"), request.header("authorization"))) {
    note(request, "", fault->status);
    return refuse(fd, *fault);
  }
  const auto user = user_of(request);
  const auto say = [&](const Answer& answer) {
    note(request, user.value_or(""), answer.code);
    return reply(fd, answer, faults_.slow());
  };
  if (!user) return say(status_answer(401, "Unauthorized", "Unauthorized"));
  if (const auto page = discover(request.path, resources, minor_)) return say(*page);
  if (!target) return send_all(fd, reply_bytes(404, "404 page not found\n", "text/plain", {}), {});
  if (const auto refused = denied(*user, *target, request, query, watching)) return say(*refused);
  lists_ += listing ? 1 : 0;
  if (!watching) return say(answered(*target, request, query, *user));

  WatchRequest watch{*target, query, bookmark_every_};
  if (!target->name.empty()) watch.query["fieldSelector"] = "metadata.name=" + target->name;
  if (const auto refused = refuse_watch(watch, store_)) return say(*refused);
  note(request, *user, 0);
  ++watches_;
  ++open_watches_;
  const bool go_on = serve_watch(fd, watch, store_, faults_, away_);
  --open_watches_;
  return go_on;
}

}  // namespace tessera::kube_stub
