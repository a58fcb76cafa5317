#include "tests/e2e_relay/gate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

http::Response reply(int status, const std::string& body, std::vector<std::pair<std::string, std::string>> headers) {
  http::Response response;
  response.status = status;
  response.body = body;
  response.headers = std::move(headers);
  return response;
}

Gate::Gate(std::string write_url) : target_(std::move(write_url)) {
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  options.max_body_bytes = 64U << 20U;
  auto server = http::Server::listen(
      options, {{"POST", "/write", [this](const http::Request& request) { return handle(request); }}});
  EXPECT_TRUE(server) << (server ? "" : server.error().what);
  server_ = *std::move(server);
}
Gate::~Gate() { server_.reset(); }

void Gate::answer(Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

std::vector<Gate::Seen> Gate::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

int Gate::count(int status) const {
  const auto all = seen();
  return static_cast<int>(std::ranges::count(all, status, &Seen::status));
}

http::Response Gate::handle(const http::Request& request) {
  Answer answer;
  int number = 0;
  {
    const std::lock_guard lock(mutex_);
    answer = answer_;
    number = ++requests_;
  }
  auto own = answer ? answer(request, number) : std::nullopt;
  http::Response response = own ? *std::move(own) : pass_on(request);
  const std::lock_guard lock(mutex_);
  seen_.push_back({std::chrono::steady_clock::now(), response.status});
  return response;
}

http::Response Gate::pass_on(const http::Request& request) const {
  http::Client client;
  http::ClientRequest out;
  out.url = target_;
  out.method = "POST";
  out.body = request.body;
  out.deadline = kPatience;
  for (const char* name : {"content-type", "content-encoding", "x-prometheus-remote-write-version"})
    if (const auto value = request.header(name); !value.empty()) out.headers.emplace_back(name, value);
  auto passed = client.send(out);
  return passed ? reply(passed->status, passed->body) : reply(503, passed.error().what);
}

}  // namespace tessera::e2e
