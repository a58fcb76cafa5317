#pragma once
// For tests: a receiver that keeps what it hears, and a loop to hear it from.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/fetch_loop.h"

namespace tessera::http {

inline SteadyTime in(Milliseconds time) { return std::chrono::steady_clock::now() + time; }

/// Keeps what it is told.
struct Catch final : FetchReceiver {
  bool begin(const FetchReply& given) override {
    ++begins;
    reply = given;
    return on_begin ? on_begin() : true;
  }
  bool body(std::string_view chunk) override {
    text.append(chunk.substr(0, 1U << 20U));
    size += chunk.size();
    return on_body ? on_body() : true;
  }
  void done(const Result<FetchReply>& end, const FetchTimes& given) override {
    ++dones;
    times = given;
    error = end ? "" : end.error().what;
    if (!end) code = end.error().code;
    if (on_done) on_done();
  }
  int begins = 0, dones = 0;
  FetchReply reply;
  std::string text, error;
  std::size_t size = 0;
  std::optional<Code> code;
  FetchTimes times{};
  std::function<bool()> on_begin, on_body;
  std::function<void()> on_done;
};

inline ClientRequest get_of(std::string url) {
  ClientRequest request;
  request.url = std::move(url);
  request.deadline = std::chrono::minutes(1);
  return request;
}

class FetchTest : public testing::Test {
 protected:
  void run_until_idle() {
    while (loop_->active() > 0) loop_->run_until(in(std::chrono::minutes(1)));
  }
  void fetch(const ClientRequest& request, Catch& receiver) {
    loop_->start(request, receiver);
    run_until_idle();
  }
  std::unique_ptr<FetchLoop> loop_ = *FetchLoop::open({});
};

}  // namespace tessera::http
