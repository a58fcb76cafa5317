// The files that a node's kernel and kubelet would show for a scenario: /proc, /sys and pod logs below one directory.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "sim/node.h"
#include "sim/outcome.h"

namespace tessera::sim {

class Trees {
 public:
  explicit Trees(std::string root) : root_(std::move(root)) {}

  // Brings the trees in step with the node as it is at `at`. Only what changed is written.
  Outcome<int> update(Node& node, const State& state, std::int64_t at);

 private:
  Outcome<int> lay_out_host(Node& node, const State& state);
  Outcome<int> update_pods(const Node& node, const State& state, std::int64_t at);
  Outcome<int> update_processes(const Node& node, const State& state, std::int64_t at);

  const std::string root_;
  bool laid_out_ = false;
  std::int64_t booted_ = 0;  // us
  std::int64_t uptime_written_ = 0;
  std::set<std::string> pods_;                        // those that have log directories
  std::map<unsigned, std::int64_t> processes_;        // PID to start time
  std::map<std::string, std::set<unsigned>> groups_;  // cgroup directory to PIDs
};

// The path of a container's cgroup, with a leading '/'.
std::string cgroup_path(const NodeSpec& node, const PodSpec& pod, const ContainerSpec& container);
// The text of /proc/PID/cgroup for it. An empty path is a host process.
std::string cgroup_text(const NodeSpec& node, const std::string& path);

}  // namespace tessera::sim
