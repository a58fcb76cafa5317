#pragma once
// Stands before a receiver: passes requests on, or answers in its place as it is told; and remembers all it saw.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"

namespace tessera::e2e {

class Gate {
 public:
  /// A reply in the receiver's place, or nothing: the request is passed on. `number` counts the requests from 1.
  using Answer = std::function<std::optional<http::Response>(const http::Request&, int number)>;
  struct Seen {
    SteadyTime time;
    int status;  ///< of the reply
  };

  explicit Gate(std::string write_url);
  ~Gate();
  std::string write_url() const { return "http://" + server_->address() + "/write"; }
  void answer(Answer answer);  ///< nullptr: all is passed on again
  std::vector<Seen> seen() const;
  int count(int status) const;  ///< replies of this status

 private:
  http::Response handle(const http::Request& request);
  http::Response pass_on(const http::Request& request) const;
  const std::string target_;
  mutable std::mutex mutex_;
  Answer answer_;           // guarded by mutex_
  std::vector<Seen> seen_;  // guarded by mutex_
  int requests_ = 0;        // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

http::Response reply(int status, const std::string& body = "",
                     std::vector<std::pair<std::string, std::string>> headers = {});

}  // namespace tessera::e2e
