#pragma once
// The Kubernetes API, played: objects in memory, every list and watch as clients see them, and faults on command.
#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "http/listener.h"
#include "tests/kube_stub/answers.h"
#include "tests/kube_stub/faults.h"
#include "tests/kube_stub/store.h"
#include "tests/kube_stub/token_reviews.h"

namespace tessera::kube_stub {

struct StubStats {
  std::uint64_t lists = 0;    ///< pages asked for
  std::uint64_t watches = 0;  ///< begun
  std::uint64_t open_watches = 0;
  std::uint64_t refused = 0;  ///< by a fault
};

/// A request as it was answered.
struct Logged {
  std::string method, path, query, user;
  int code = 0;  ///< 0: a watch
};

class Stub {
 public:
  static Result<std::unique_ptr<Stub>> start(const std::string& address = "127.0.0.1:0",
                                             Milliseconds bookmark_every = Milliseconds(10'000));
  ~Stub();
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  std::string url() const { return "http://" + address_; }
  Store& store() { return store_; }
  Faults& faults() { return faults_; }
  StubStats stats() const;
  /// From now on each request has a token and the rights that roles among the objects give its user; of any other token
  /// none is taken. No tokens: anybody may do anything.
  void ask_for_rights(std::map<std::string, std::string> users_by_token);
  /// What TokenReviews say from now on.
  void know_tokens(std::map<std::string, KnownToken> tokens);
  /// All requests since the start.
  std::vector<Logged> log() const;
  /// 1.MINOR, as /version tells it.
  void set_minor(unsigned minor) { minor_ = minor; }
  void wake() { store_.wake(); }  ///< so that open watches see new faults at once
  void compact();                 ///< all history and all tokens to continue are forgotten
  /// Closes the listener and every connection.
  void go_away();
  /// Listens again, at the same address.
  Result<void> come_back();

 private:
  struct Connection {
    http::Socket socket;
    std::atomic<bool> over{false};
    std::jthread thread{};
  };
  explicit Stub(Milliseconds bookmark_every) : answers_(store_), bookmark_every_(bookmark_every) {}
  void accept_all(const std::stop_token& stop, int listener);
  void serve(Connection& connection);
  bool answer(int fd, const http::Request& request);
  bool refuse(int fd, const RefusedRequest& fault);
  std::optional<Answer> denied(const std::string& user, const Target& target, const http::Request& request,
                               const std::map<std::string, std::string>& query, bool watching) const;
  Answer answered(const Target& target, const http::Request& request, const std::map<std::string, std::string>& query,
                  const std::string& user);
  std::optional<std::string> user_of(const http::Request& request) const;
  void note(const http::Request& request, const std::string& user, int code);

  Store store_;
  Faults faults_;
  Answers answers_;
  const Milliseconds bookmark_every_;
  std::string address_;
  std::atomic<bool> away_{false};
  std::atomic<unsigned> minor_{31};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> users_;  // guarded by mutex_
  std::map<std::string, KnownToken> tokens_;  // guarded by mutex_
  std::vector<Logged> log_;                   // guarded by mutex_
  std::atomic<std::uint64_t> lists_{0}, watches_{0}, open_watches_{0}, refused_{0};
  std::list<std::unique_ptr<Connection>> connections_;  // of the accepting thread; else only while it does not run
  http::Socket listener_;
  std::jthread accepting_;
};

}  // namespace tessera::kube_stub
