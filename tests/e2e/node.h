#pragma once
// A simulated node: the driver library on a scenario, the player with its /proc, pod logs and kubelet socket, and
// agents.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

/// Programs of the build that the tests run on.
std::string program(const std::string& name);
std::string simulated_driver(const std::string& generation = "");
std::filesystem::path scenario(const std::string& name);
/// A program of another project, from TESSERA_PEERS or the PATH; empty where it is not there.
std::string peer(const std::string& name);

class Node {
 public:
  /// Lays the node out and plays it until destruction. `scenario_file` as `scenario("default")`.
  explicit Node(const std::filesystem::path& scenario_file);

  const std::filesystem::path& root() const { return root_.path(); }
  std::map<std::string, std::string> environment() const;
  /// The flags that point an agent at this node.
  std::vector<std::string> agent_flags() const;
  /// `tessera-sim fault …`, or another command of it; its output. Fails the test if it exits non-zero.
  std::string sim(std::vector<std::string> arguments) const;

 private:
  TempDir root_;
  TempDir state_;
  std::filesystem::path scenario_;
  std::unique_ptr<Child> player_;
};

/// A running agent on a free port.
class Agent {
 public:
  /// Flags after the node's own win. Waits until it is ready.
  explicit Agent(const Node& node, std::vector<std::string> flags = {},
                 const std::map<std::string, std::string>& environment = {});
  std::string url(const std::string& path) const { return "http://" + address_ + path; }
  const std::string& address() const { return address_; }
  /// The body of /metrics; fails the test on anything but 200.
  std::string metrics();
  http::ClientResponse get(const std::string& path, std::vector<std::pair<std::string, std::string>> headers = {});
  Child& process() { return *process_; }

 private:
  std::unique_ptr<Child> process_;
  std::string address_;
  http::Client client_;
};

/// Lines of a page that start with `name` and hold every one of `parts`.
std::vector<std::string> series(const std::string& page, const std::string& name,
                                const std::vector<std::string>& parts = {});
/// The value of a series line.
double value_of(const std::string& line);

}  // namespace tessera::e2e
