#pragma once
// One question at a time to the server: what is, for what is wanted.
#include <optional>
#include <random>
#include <stop_token>
#include <string>

#include "agent/layout/acceptance.h"
#include "base/duration.h"
#include "base/result.h"
#include "http/client.h"

namespace tessera::agent::layout {

struct ServerPlace {
  std::string url;         ///< without a path, /k8s-monitor is meant
  std::string token_file;  ///< empty: no token is shown
  std::string ca_file;     ///< empty: the system's
};

/// What came of a question. Neither document nor trouble: nothing new, or nothing wanted.
struct Answer {
  std::optional<std::string> document{};
  std::string trouble{};                      ///< one sentence: what was asked where, what came, what to do
  std::optional<Milliseconds> retry_after{};  ///< what the server asks for
};

/// Of one thread.
class Exchange {
 public:
  /// Invalid for a URL that is none.
  static Result<Exchange> open(const ServerPlace& place, const Ourselves& us);

  /// Posts the report. The server may keep it for up to `wait` until something is wanted; with none it answers at once.
  /// A stop ends it at once. The token is read anew, because it is renewed while we run.
  Answer ask(const std::string& report, Milliseconds wait, Milliseconds patience, const std::stop_token& stop);

 private:
  Exchange(std::string url, ServerPlace place);
  std::string url_;  // of the node's layout, without `wait`
  ServerPlace place_;
  std::unique_ptr<http::Client> client_;
};

/// How long to stay away from a server that did not answer: twice as long each time, up to a minute, and never all
/// nodes at once.
class BackOff {
 public:
  Milliseconds next();
  void reset() { tries_ = 0; }

 private:
  unsigned tries_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace tessera::agent::layout
