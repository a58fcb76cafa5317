#pragma once
// A running tessera-relay, its configuration and its folder of queues, which outlive restarts.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/child.h"
#include "tests/e2e_relay/receiver.h"

namespace tessera::e2e {

class Relay {
 public:
  /// Starts it on a free port and waits until it is ready. An empty configuration: none is named.
  explicit Relay(const std::string& config, std::vector<std::string> flags = {},
                 std::map<std::string, std::string> environment = {});

  /// Replaces the configuration file in one step.
  void configure(const std::string& config);
  /// After stop() or kill().
  void start();
  int stop() { return process_->stop(); }
  void kill();
  Child& process() { return *process_; }
  const Child& process() const { return *process_; }
  const std::filesystem::path& folder() const { return folder_.path(); }

  std::string url(const std::string& path) const { return "http://" + address_ + path; }
  std::string page(const std::string& path);  ///< fails the test on anything but 2xx
  /// The value of one of its own series; fails the test where there is none or there are several.
  double metric(const std::string& name, const std::vector<std::string>& parts = {});
  /// The sum over its own series, 0 where there are none.
  double sum(const std::string& name, const std::vector<std::string>& parts = {});
  /// Waits until nothing is queued any more.
  bool has_sent_all();

 private:
  TempDir folder_;
  bool named_;
  std::vector<std::string> flags_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<Child> process_;
  std::string address_;
  http::Client client_;
};

/// Parts of a configuration. Times are short: what a machine bears that does other things beside.
std::string global(const std::string& interval = "250ms", const std::string& more = "");
/// `addresses` as one job; `more`: further lines of it, two blanks before each.
std::string static_job(const std::string& name, const std::vector<std::string>& addresses,
                       const std::string& more = "");
/// `more`: further keys, each after a comma.
std::string write_to(const std::string& name, const std::string& url, const std::string& more = "");
std::string write_to(const std::vector<const Receiver*>& receivers);

}  // namespace tessera::e2e
