#pragma once
// The relay's command line. What it scrapes and where it sends stands in the file that --config names.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/duration.h"
#include "base/log.h"
#include "base/result.h"

namespace tessera::relay {

/// This replica of several, which share the targets.
struct Share {
  unsigned index = 0;
  unsigned count = 1;
  /// Those that are there, in ascending order, whether this one is among them or not; empty: all.
  std::vector<unsigned> living{};
  bool operator==(const Share&) const = default;
};

inline constexpr const char* kNoLease = "none";  ///< in place of a lease's name

enum class Mode { Serve, CheckConfig, DryRun, Explain };

struct Options {
  Mode mode = Mode::Serve;
  std::string config;  ///< path; empty: the built-in targets, and nowhere to send
  std::string address = ":9411";
  std::string data = "/var/lib/tessera-relay";
  std::string web_config;
  Share share;
  std::string shard_lease;  ///< kNoLease; empty: where the relay is a pod of a cluster, by the pod's name
  Milliseconds shard_lease_duration{15'000};
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::string pod_namespace, pod;  ///< Explain
  log::Format log_format = log::Format::Text;
  log::Level log_level = log::Level::Info;
};

/// What to print and exit 0 with: --help and --version.
struct Text {
  std::string text;
};
/// Invalid with the flag, its value, what is expected, and for an unknown flag the nearest known one.
Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments);

}  // namespace tessera::relay
