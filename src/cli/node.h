#pragma once
// Everything that a check may look at: where the node's trees are, what the environment says, what the driver told.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "cli/driver_sight.h"

namespace tessera::cli {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

struct Places {
  /// The places of a node whose root directory is `root` ("/", or "/host" in a debug container).
  explicit Places(std::filesystem::path root = "/");

  std::string nvml;            ///< soname or path
  std::filesystem::path root;  ///< of /etc, /run, /usr and /var
  std::filesystem::path proc, sys, dev;
  std::filesystem::path pod_logs;                     ///< the folder that holds pods/ and containers/
  std::filesystem::path kubelet_socket;               ///< of the pod-resources API
  std::optional<std::filesystem::path> textfile_dir;  ///< absent: look where node_exporter looks
  std::string node_exporter;                          ///< URL
  std::string agent;                                  ///< URL
};

struct Node {
  Places at;
  Environment env;
  Milliseconds patience{5'000};  ///< of one question to a peer
  DriverSight driver;
};

/// The environment of this process.
Environment process_environment();

/// Whether this process runs in a container, as far as one can tell from inside.
bool in_container(const Node& node);

/// PCI addresses of NVIDIA's display and 3D controllers, and of those among them that another driver holds.
struct PciGpus {
  std::vector<std::string> all;
  std::vector<std::string> given_away;  ///< "0000:3b:00.0 (vfio-pci)"
};
PciGpus find_pci_gpus(const std::filesystem::path& sys);

/// A running process, by the name that the kernel keeps (15 bytes).
struct Running {
  unsigned pid = 0;
  std::string command;
};
std::vector<Running> find_running(const std::filesystem::path& proc, const std::vector<std::string_view>& commands);

/// The value of `--flag=value` or `--flag value` (also with one dash) on a process's command line.
std::optional<std::string> flag_of(const std::filesystem::path& proc, unsigned pid, std::string_view flag);

/// "GPU 0", "GPU 0, 2, 5".
std::string gpus(const std::vector<unsigned>& indices);

/// "1 device", "3 devices".
std::string count_of(std::size_t count, std::string_view thing);

/// "a, b, c": the first few, and how many more there are.
std::string named(const std::vector<std::string>& names);

}  // namespace tessera::cli
