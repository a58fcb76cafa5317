#include "tests/e2e_relay/target.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {
std::unique_ptr<http::Server> serve(std::string path, Handle handle) {
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  auto server = http::Server::listen(options, {{"GET", std::move(path), std::move(handle)}});
  EXPECT_TRUE(server) << (server ? "" : server.error().what);
  return *std::move(server);
}

http::Response text_page(const std::string& text) {
  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = text;
  return response;
}

ScriptedTarget::ScriptedTarget(Page page)
    : page_(std::move(page)), server_(serve("/metrics", [this](const http::Request&) { return handle(); })) {}
ScriptedTarget::~ScriptedTarget() { server_.reset(); }

void ScriptedTarget::become(Page page) {
  const std::lock_guard lock(mutex_);
  page_ = std::move(page);
}

void ScriptedTarget::become(const std::string& text) {
  become([text](int) { return text_page(text); });
}

int ScriptedTarget::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool ScriptedTarget::asked(int more) const {
  const int enough = requests() + more + 1;
  return eventually([&] { return requests() >= enough; });
}

http::Response ScriptedTarget::handle() {
  Page page;
  int number = 0;
  {
    const std::lock_guard lock(mutex_);
    page = page_;
    number = ++requests_;
  }
  return page(number);
}

BilingualTarget::BilingualTarget(Page text, Page openmetrics)
    : text_(std::move(text)),
      openmetrics_(std::move(openmetrics)),
      server_(serve("/metrics", [this](const http::Request& request) { return handle(request); })) {}
BilingualTarget::~BilingualTarget() { server_.reset(); }

bool BilingualTarget::asked(int more) const {
  const auto requests = [this] {
    const std::lock_guard lock(mutex_);
    return requests_;
  };
  const int enough = requests() + more + 1;
  return eventually([&] { return requests() >= enough; });
}

std::string BilingualTarget::accept() const {
  const std::lock_guard lock(mutex_);
  return accept_;
}

http::Response BilingualTarget::handle(const http::Request& request) {
  constexpr const char* kOpenMetrics = "application/openmetrics-text";
  int number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++requests_;
    accept_ = request.header("Accept");
  }
  if (!http::prefers(request.header("Accept"), kOpenMetrics, "text/plain")) return text_page(text_(number));
  http::Response response;
  response.content_type = std::string(kOpenMetrics) + "; version=1.0.0; charset=utf-8";
  response.body = openmetrics_(number);
  return response;
}

std::string address_of(const http::RawServer& server) {
  const std::string url = server.url();
  return url.substr(7, url.rfind('/') - 7);
}

EndlessTarget::EndlessTarget(Line line)
    : line_(std::move(line)), server_([this](http::RawServer::Peer& peer) { serve(peer); }) {}

void EndlessTarget::serve(http::RawServer::Peer& peer) {
  peer.read_request();
  std::string block = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n";  // ends with the connection
  std::uint64_t taken = 0;
  for (std::uint64_t number = 0; peer.send(block);) {
    taken += block.size();
    for (auto most = most_taken_.load(); most < taken && !most_taken_.compare_exchange_weak(most, taken);) continue;
    block.clear();
    while (block.size() < 64U << 10U) block += line_(number++);
  }
}

CountingTargets::CountingTargets(int count, int series)
    : series_(series),
      served_(static_cast<std::size_t>(count)),
      server_(serve("/{target}",
                    [this](const http::Request& request) { return handle(std::string(request.param("target"))); })) {}
CountingTargets::~CountingTargets() { server_.reset(); }

std::string CountingTargets::groups(int count) const {
  std::string out = "[";
  for (int target = 0; target < count; ++target)
    out += fmt::format(R"({}{{"targets": ["{}"], "labels": {{"__metrics_path__": "/{}", "target": "{}"}}}})",
                       target == 0 ? "" : ", ", server_->address(), target, target);
  return out + "]";
}

std::string CountingTargets::job(const std::string& name) const {
  return fmt::format("- job_name: {}\n  static_configs: {}\n", name, groups());
}

void CountingTargets::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
}

std::vector<EpochMs> CountingTargets::served(int target) const {
  const std::lock_guard lock(mutex_);
  return served_[static_cast<std::size_t>(target)];
}

std::size_t CountingTargets::served_in_all() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& times : served_) sum += times.size();
  return sum;
}

bool CountingTargets::asked(std::size_t more, Milliseconds deadline) const {
  std::vector<std::size_t> enough;
  for (int target = 0; target < count(); ++target) enough.push_back(served(target).size() + more + 1);
  return eventually(
      [&] {
        for (int target = 0; target < count(); ++target)
          if (served(target).size() < enough[static_cast<std::size_t>(target)]) return false;
        return true;
      },
      deadline);
}

http::Response CountingTargets::handle(const std::string& target) {
  http::Response response = text_page("# TYPE work_total counter\n");
  const auto number = parse_int(target);
  const std::lock_guard lock(mutex_);
  if (finished_ || !number || *number < 0 || *number >= count()) {
    response.status = finished_ ? 503 : 404;
    return response;
  }
  auto& times = served_[static_cast<std::size_t>(*number)];
  times.push_back(now_epoch_ms());
  for (int worker = 0; worker < series_; ++worker)
    response.body += fmt::format("work_total{{worker=\"{}\"}} {}\n", worker, times.size());
  response.body += "# TYPE load_ratio gauge\n";
  for (int worker = 0; worker < series_; ++worker)
    response.body += fmt::format("load_ratio{{worker=\"{}\"}} {}\n", worker, static_cast<double>(times.size()) / 8);
  return response;
}

}  // namespace tessera::e2e
