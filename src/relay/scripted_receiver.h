#pragma once
// For tests: a remote-write receiver that answers what it is told to, and remembers what it heard.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.h"
#include "relay/request_kind.h"

namespace tessera::relay {

struct Heard {
  RequestKind kind = RequestKind::V1Snappy;
  http::Request request;
  wire::WriteRequest message;
  std::size_t number = 0;  ///< from 0

  /// The values of all samples, in their order.
  std::vector<double> values() const;
};

class ScriptedReceiver {
 public:
  using Answer = std::function<http::Response(const Heard&)>;
  explicit ScriptedReceiver(Answer answer, http::ServerOptions options = {});
  ~ScriptedReceiver();

  std::string url() const { return server_->address(); }
  std::vector<Heard> heard() const;
  std::size_t count() const;
  /// False if so many have not come within a minute.
  bool wait_for(std::size_t count) const;
  /// The values of all requests that were answered 2xx, in the order of their coming.
  std::vector<double> kept() const;

 private:
  http::Response handle(const http::Request& request);

  const Answer answer_;
  mutable std::mutex mutex_;
  mutable std::condition_variable came_;
  std::vector<Heard> heard_;  // guarded by mutex_, as is kept_
  std::vector<double> kept_;
  std::unique_ptr<http::Server> server_;  ///< last: its threads use the rest
};

/// With no body; `written`: as a receiver of version 2 says it.
http::Response status(int code, int written = -1);

/// As a receiver of version 2 answers to what it takes, and one of version 1 too.
http::Response taken(const Heard& heard);

}  // namespace tessera::relay
