#pragma once
// Targets that tests write: each knows what it has served and when.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/raw_server.h"
#include "http/server.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

using Handle = std::function<http::Response(const http::Request&)>;
/// On a free port, for GET of one path; fails the test where it cannot be.
std::unique_ptr<http::Server> serve(std::string path, Handle handle);

http::Response text_page(const std::string& text);

/// One page, whose content may change at any time.
class ScriptedTarget {
 public:
  /// `number` counts the requests from 1.
  using Page = std::function<http::Response(int number)>;
  explicit ScriptedTarget(Page page);
  explicit ScriptedTarget(const std::string& text) : ScriptedTarget([text](int) { return text_page(text); }) {}
  ~ScriptedTarget();

  std::string address() const { return server_->address(); }
  int port() const { return server_->port(); }
  /// From the next request on.
  void become(Page page);
  void become(const std::string& text);
  int requests() const;
  /// Waits until that many more requests have been answered whole: one more has begun.
  bool asked(int more) const;

 private:
  http::Response handle();
  mutable std::mutex mutex_;
  Page page_;         // guarded by mutex_
  int requests_ = 0;  // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

/// One page in both formats: OpenMetrics for who prefers it, else text.
class BilingualTarget {
 public:
  /// `number` counts the requests from 1.
  using Page = std::function<std::string(int number)>;
  BilingualTarget(Page text, Page openmetrics);
  ~BilingualTarget();
  std::string address() const { return server_->address(); }
  /// Waits until that many more requests have been answered whole: one more has begun.
  bool asked(int more) const;
  std::string accept() const;  ///< the header of the last request

 private:
  http::Response handle(const http::Request& request);
  const Page text_, openmetrics_;
  mutable std::mutex mutex_;
  int requests_ = 0;    // guarded by mutex_
  std::string accept_;  // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

std::string address_of(const http::RawServer& server);

/// A page of the lines `line(0)`, `line(1)` and so on, as fast as they are read and for as long as somebody reads.
class EndlessTarget {
 public:
  using Line = std::function<std::string(std::uint64_t number)>;
  explicit EndlessTarget(Line line);
  std::string address() const { return address_of(server_); }
  /// The bytes that the most patient request has taken.
  std::uint64_t most_taken() const { return most_taken_; }

 private:
  void serve(http::RawServer::Peer& peer);
  const Line line_;
  std::atomic<std::uint64_t> most_taken_ = 0;
  http::RawServer server_;
};

/// Many targets of one server. Page n of each says so in `series` series of two metrics: `work_total{worker} n` and
/// `load_ratio{worker} n/8`.
class CountingTargets {
 public:
  CountingTargets(int count, int series);
  ~CountingTargets();

  /// As a list of target groups, in JSON, of the first `count`; the label `target` tells them apart.
  std::string groups(int count) const;
  std::string groups() const { return groups(count()); }
  std::string job(const std::string& name) const;  ///< all of them as a job of the configuration
  int count() const { return static_cast<int>(served_.size()); }
  int series() const { return series_; }
  /// From now on every page is a failure: what was served is all there will be.
  void finish();
  /// When page 1, 2, … of a target was served.
  std::vector<EpochMs> served(int target) const;
  std::size_t served_in_all() const;
  /// Waits until each target has been asked that many more times.
  bool asked(std::size_t more, Milliseconds deadline = kPatience) const;

 private:
  http::Response handle(const std::string& target);
  const int series_;
  mutable std::mutex mutex_;
  std::vector<std::vector<EpochMs>> served_;  // guarded by mutex_
  bool finished_ = false;                     // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

}  // namespace tessera::e2e
