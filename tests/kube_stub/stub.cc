#include "tests/kube_stub/stub.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

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

bool Stub::answer(int fd, const http::Request& request) {
  const auto query = query_of(request.query);
  const auto asked = query.find("watch");
  const bool watching = asked != query.end() && (asked->second == "1" || asked->second == "true");
  const auto resources = store_.resources();
  const auto target = target_of(request.path, resources);
  const bool listing = target && target->name.empty() && request.method == "GET" && !watching;
  const std::string_view kind = watching ? "watch" : listing ? "list" : "other";
  if (const auto fault = faults_.refuse(kind, query.contains("continue"), request.header("authorization")))
    return refuse(fd, *fault);
  if (const auto page = discover(request.path, resources)) return reply(fd, *page, faults_.slow());
  if (!target) return send_all(fd, reply_bytes(404, "404 page not found\n", "text/plain", {}), {});
  lists_ += listing ? 1 : 0;
  if (!watching) return reply(fd, answers_.answer(*target, request, query), faults_.slow());

  WatchRequest watch{*target, query, bookmark_every_};
  if (!target->name.empty()) watch.query["fieldSelector"] = "metadata.name=" + target->name;
  if (const auto refused = refuse_watch(watch, store_)) return reply(fd, *refused, {});
  ++watches_;
  ++open_watches_;
  const bool go_on = serve_watch(fd, watch, store_, faults_, away_);
  --open_watches_;
  return go_on;
}

}  // namespace tessera::kube_stub
