#pragma once
// What the sender's tests share: a queue on disk, a destination with a short patience, and a receiver that is told what
// to answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "base/files.h"
#include "relay/request_body.h"
#include "relay/scripted_receiver.h"
#include "relay/sender.h"

namespace tessera::relay {

inline constexpr EpochMs kTime = 1'700'000'000'000;

/// Polls until it holds; false after a minute.
inline bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// `first`, first + 1 and so on.
inline std::vector<double> counting(std::size_t count, double first = 0) {
  std::vector<double> out(count);
  std::iota(out.begin(), out.end(), first);
  return out;
}

class Bench {
 public:
  explicit Bench(const std::string& url, Protocol protocol = Protocol::Auto) {
    destination_.name = "test";
    destination_.url = "http://" + url + "/write";
    destination_.protocol = protocol;
    destination_.timeout = std::chrono::minutes(1);
    destination_.queue.min_backoff = Milliseconds(1);
    destination_.queue.max_backoff = Milliseconds(4);
    open();
  }

  Destination& destination() { return destination_; }
  DestinationState& state() {
    if (!state_) state_.emplace(destination_);
    return *state_;
  }
  journal::Journal& queue() { return *queue_; }

  /// As after a restart of the program.
  void reopen() {
    queue_.reset();
    state_.reset();
    open();
  }

  /// One sample for each of the values, each of a series of its own.
  void put(const std::vector<double>& values, RequestKind kind = RequestKind::V2Snappy) {
    wire::WriteRequest request;
    for (const double value : values) {
      auto& series = request.series.emplace_back();
      series.labels = {{"__name__", "m"}, {"n", std::to_string(value)}};
      series.samples = {{value, kTime}};
    }
    const auto appended = queue_->append(kTime, static_cast<std::uint32_t>(values.size()),
                                         static_cast<std::uint8_t>(kind), pack(kind, request));
    ASSERT_TRUE(appended) << appended.error().what;
  }

  std::unique_ptr<Sender> sender(std::uint32_t shard = 0) {
    return std::make_unique<Sender>(destination_, shard, *queue_, state());
  }
  bool emptied() {
    return eventually([&] { return queue_->stats().pending.records == 0; });
  }
  /// Sends all that is queued.
  void send_all() {
    const auto sending = sender();
    EXPECT_TRUE(emptied());
  }

 private:
  void open() {
    auto queue = journal::Journal::open({.dir = dir_.path() / "queue"});
    if (!queue) {
      ADD_FAILURE() << queue.error().what;
      std::abort();  // no test can go on
    }
    queue_ = *std::move(queue);
  }

  TempDir dir_;
  Destination destination_;
  std::unique_ptr<journal::Journal> queue_;
  std::optional<DestinationState> state_;
};

}  // namespace tessera::relay
