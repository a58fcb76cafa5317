#pragma once
// The agent's settings, from flags, environment and a YAML file: our own names, and dcgm-exporter's where they make
// sense, so that an existing DaemonSet works with only the image changed. Order: flag, then environment, then file,
// then default.
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "agent/fields.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/result.h"
#include "base/window.h"

namespace tessera::agent {

enum class Print { None, Table, Json, Prom };

/// What the program was started for: to serve what is, or, as `tessera-agent layout`, to carry out what is wanted.
enum class Command { Serve, Layout };

/// Of Command::Layout alone.
struct LayoutOptions {
  std::string server;      ///< URL
  std::string token_file;  ///< read anew at each request; empty: none is shown
  std::string ca_file;     ///< empty: the system's
  std::string cluster = "default";
  std::string data = "/var/lib/tessera-agent";  ///< folder
  std::vector<Window> windows;                  ///< empty: at any time
  bool dry_run = false;
  Milliseconds pause{10'000};  ///< between two looks at what could not be done
};

struct Options {
  Command command = Command::Serve;
  LayoutOptions layout;
  std::string address = ":9400";
  std::string nvml = "libnvidia-ml.so.1";
  std::string proc = "/proc";
  std::string sys = "/sys";
  std::string pod_logs = "/var/log";  ///< the folder that holds pods/ and containers/
  std::string pod_resources_socket = "/var/lib/kubelet/pod-resources/kubelet.sock";
  std::string collectors;                   ///< path of a CSV; empty: the built-in set
  std::string web_config;                   ///< path; empty: neither TLS nor users
  std::string textfile;                     ///< path to rewrite each interval; empty: none
  std::string node_name;                    ///< Hostname label; default: NODE_NAME, then the host's name
  std::string hostname_label = "Hostname";  ///< or "hostname"
  Milliseconds interval{15'000};
  Milliseconds deadline{1'000};  ///< of one collection
  bool once = false;
  Print print = Print::None;
  bool kubernetes = true;     ///< attribute to pods (default: on where the kubelet's socket or the pod logs exist)
  bool hostname_off = false;  ///< -n: leave the hostname label out
  bool model_without_blanks = false;  ///< the labels with the model's name have - for its blanks
  std::vector<unsigned> devices;      ///< -d g:0,1: only these indices; empty: all
  bool session_pid = true;            ///< --session-labels without pid: rows are summed per container
  bool session_command = true;
  bool session_memory_label = false;  ///< gpu_memory label on /metrics (the textfile has it always)
  DcgmNames dcgm_names = DcgmNames::V4_8;
  log::Format log_format = log::Format::Text;
  log::Level log_level = log::Level::Info;
  /// Settings that were taken without having an effect here, a sentence each; for the log, once it is configured.
  std::vector<std::string> warnings;
};

/// What to print and exit 0 with: --help and --version.
struct Text {
  std::string text;
};

using Environment = std::map<std::string, std::string>;

/// The first argument may be a command, `layout`; each has flags of its own beside those that both have.
/// Invalid with the flag's or variable's name or the file's line, the value, what is expected and, for an unknown flag
/// or TESSERA_ variable, the nearest known one; an unknown DCGM_EXPORTER_ variable is a warning, because there are
/// versions of dcgm-exporter to come. An empty value counts as unset. Reads the file that --config names, and the
/// host's name where nothing else names the node.
Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments,
                                                  const Environment& environment);

}  // namespace tessera::agent
