#pragma once
// The relay's command line. What it scrapes and where it sends stands in the file that --config names.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace tessera::relay {

/// This replica of several, which share the targets.
struct Share {
  unsigned index = 0;
  unsigned count = 1;
  bool operator==(const Share&) const = default;
};

enum class Mode { Serve, CheckConfig, DryRun, Explain };

struct Options {
  Mode mode = Mode::Serve;
  std::string config;  ///< path; empty: the built-in targets, and nowhere to send
  std::string address = ":9411";
  std::string data = "/var/lib/tessera-relay";
  std::string web_config;
  Share share;
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
