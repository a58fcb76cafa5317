#pragma once
// Debian's Alertmanager, and a receiver behind it.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

class Alertmanager {
 public:
  /// What it notifies of goes to `webhook`, at once. nullptr where the program is not on this machine.
  static std::unique_ptr<Alertmanager> telling(const std::string& webhook, int port);
  /// One that asks for the user `tessera` with this password.
  static std::unique_ptr<Alertmanager> guarded(const std::string& webhook);
  static constexpr const char* kPassword = "a-test-password";
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Its alerts of this name that are active now.
  nlohmann::json active(const std::string& alert);
  Child& process() { return *process_; }
  /// Ends it, so that it keeps what it has notified of.
  void stop();
  /// Once it is stopped: at its port, with what it kept.
  void start();

 private:
  Alertmanager(const std::string& webhook, int port, bool guarded = false);
  TempDir dir_;
  std::string config_, web_;  ///< files
  int port_ = 0;
  const bool guarded_;
  std::unique_ptr<Child> process_;
  http::Client client_;
};

}  // namespace tessera::e2e
