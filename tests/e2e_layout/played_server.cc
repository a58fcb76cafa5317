#include "tests/e2e_layout/played_server.h"

#include <algorithm>
#include <stdexcept>

namespace tessera::e2e {
namespace {

/// Each named device has told the end of this generation.
bool answered(const Json& wanted, const Json& report) {
  return std::ranges::all_of(wanted["devices"], [&](const Json& device) {
    return std::ranges::any_of(report["devices"], [&](const Json& told) {
      if (told["uuid"] != device["uuid"] || !told.contains("report")) return false;
      const Json& state = told["report"]["state"];
      return told["report"]["generation"] == device["generation"] &&
             (state == "done" || state == "failed" || state == "dry-run");
    });
  });
}

http::Response reply(int status, std::string body) {
  http::Response out;
  out.status = status;
  out.content_type = "application/json";
  out.body = std::move(body);
  return out;
}

}  // namespace

PlayedServer::PlayedServer() {
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  options.threads = 6;
  auto server =
      http::Server::listen(std::move(options), {{"POST", "/k8s-monitor/api/v1/nodes/{node}/layout",
                                                 [this](const http::Request& request) { return answer(request); }}});
  if (!server) throw std::runtime_error(server.error().what);
  server_ = *std::move(server);
}

PlayedServer::~PlayedServer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  server_.reset();
}

void PlayedServer::want(Json document) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(document);
  changed_.notify_all();
}

void PlayedServer::want_nothing() {
  const std::lock_guard lock(mutex_);
  wanted_.reset();
}

void PlayedServer::pass_on_to(std::string url) {
  const std::lock_guard lock(mutex_);
  behind_ = std::move(url);
}

void PlayedServer::hold_where(std::function<bool(const Json&)> holds) {
  const std::lock_guard lock(mutex_);
  hold_ = std::move(holds);
}

bool PlayedServer::holding(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] { return holding_; });
}

void PlayedServer::release() {
  const std::lock_guard lock(mutex_);
  hold_ = nullptr;
  holding_ = false;
  changed_.notify_all();
}

void PlayedServer::expect_token(const std::string& token) {
  const std::lock_guard lock(mutex_);
  token_ = token;
}

Json PlayedServer::report_where(const std::function<bool(const Json&)>& holds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return !reports_.empty() && holds(reports_.back()); });
  return reports_.empty() ? Json() : reports_.back();
}

Json PlayedServer::last() const {
  const std::lock_guard lock(mutex_);
  return reports_.empty() ? Json() : reports_.back();
}

std::size_t PlayedServer::reports() const {
  const std::lock_guard lock(mutex_);
  return reports_.size();
}

std::size_t PlayedServer::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

http::Response PlayedServer::answer(const http::Request& request) {
  std::unique_lock lock(mutex_);
  if (request.header("authorization") != "Bearer " + token_) {
    ++refused_;
    changed_.notify_all();
    return reply(401, "no such key");
  }
  const Json report = Json::parse(request.body);
  reports_.push_back(report);
  changed_.notify_all();
  if (hold_ && hold_(report)) {
    holding_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return ending_ || !holding_; });
  }
  if (const std::string behind = behind_; !behind.empty()) {
    lock.unlock();
    return passed_on(request, behind);
  }
  const std::string given(request.query_value("wait"));
  if (given == "0s") return reply(400, "wait: '0s': more than nothing is expected");  // as servers once did
  const auto wait = given.empty() ? Milliseconds(0) : *parse_duration(given);
  const auto news = [&] { return wanted_ && !answered(*wanted_, report); };
  changed_.wait_for(lock, wait, [&] { return ending_ || news(); });
  if (!news()) return reply(204, "");
  return reply(200, wanted_->dump());
}

http::Response PlayedServer::passed_on(const http::Request& request, const std::string& url) {
  http::ClientRequest asked;
  asked.method = request.method;
  asked.url = url + request.path + '?' + request.query;
  asked.body = request.body;
  asked.headers = {{"Authorization", std::string(request.header("authorization"))},
                   {"Content-Type", "application/json"}};
  asked.deadline = asked.stall_limit = 2 * kPatience;
  const auto answer = http::Client().send(asked);
  if (answer && answer->status < 300) return reply(answer->status, answer->body);
  const std::lock_guard lock(mutex_);
  ++refused_;
  return reply(answer ? answer->status : 503, answer ? answer->body : answer.error().what);
}

}  // namespace tessera::e2e
