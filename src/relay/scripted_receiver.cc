#include "relay/scripted_receiver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "relay/request_body.h"

namespace tessera::relay {
namespace {

std::unique_ptr<http::Server> listen(http::ServerOptions options,
                                     std::function<http::Response(const http::Request&)> handle) {
  options.address = "127.0.0.1:0";
  options.max_body_bytes = 16U << 20U;
  auto server = http::Server::listen(std::move(options), {{"POST", "/write", std::move(handle)}});
  if (!server) {
    ADD_FAILURE() << server.error().what;
    std::abort();  // no test can go on
  }
  return *std::move(server);
}

/// The form that a request's headers say; all of them must be as the table has them.
RequestKind kind_of(const http::Request& request) {
  for (const RequestForm& form : kRequestForms)
    if (request.header("content-type") == form.content_type && request.header(form.version_header) == form.version &&
        request.header("content-encoding") == wire::content_encoding(form.compression))
      return form.kind;
  ADD_FAILURE() << "headers of no known form: " << request.header("content-type");
  return RequestKind::V1Snappy;
}

}  // namespace

std::vector<double> Heard::values() const {
  std::vector<double> out;
  for (const auto& series : message.series)
    for (const auto& sample : series.samples) out.push_back(sample.value);
  return out;
}

ScriptedReceiver::ScriptedReceiver(Answer answer, http::ServerOptions options)
    : answer_(std::move(answer)),
      server_(listen(std::move(options), [this](const http::Request& request) { return handle(request); })) {}

ScriptedReceiver::~ScriptedReceiver() = default;

http::Response ScriptedReceiver::handle(const http::Request& request) {
  Heard heard{kind_of(request), request, {}, 0};
  const auto message = unpack(heard.kind, request.body);
  EXPECT_TRUE(message) << message.error().what;
  if (message) heard.message = *message;
  {
    const std::lock_guard lock(mutex_);
    heard.number = heard_.size();
    heard_.push_back(heard);
    came_.notify_all();
  }
  http::Response response = answer_(heard);
  const std::lock_guard lock(mutex_);
  if (response.status / 100 == 2) {
    const auto values = heard.values();
    kept_.insert(kept_.end(), values.begin(), values.end());
  }
  return response;
}

std::vector<Heard> ScriptedReceiver::heard() const {
  const std::lock_guard lock(mutex_);
  return heard_;
}

std::size_t ScriptedReceiver::count() const {
  const std::lock_guard lock(mutex_);
  return heard_.size();
}

bool ScriptedReceiver::wait_for(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return came_.wait_for(lock, std::chrono::minutes(1), [&] { return heard_.size() >= count; });
}

std::vector<double> ScriptedReceiver::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

http::Response status(int code, int written) {
  http::Response response;
  response.status = code;
  if (code != 204) response.body = "as told\n\x01";
  if (written >= 0) response.headers = {{"X-Prometheus-Remote-Write-Samples-Written", std::to_string(written)}};
  return response;
}

http::Response taken(const Heard& heard) {
  return status(204, heard.kind == RequestKind::V2Snappy ? static_cast<int>(heard.values().size()) : -1);
}

}  // namespace tessera::relay
