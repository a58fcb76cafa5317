#pragma once
// The operator's command line.
#include <string>
#include <variant>
#include <vector>

#include "base/duration.h"
#include "base/log.h"
#include "base/result.h"
#include "kube/api.h"

namespace tessera::operate {

struct Options {
  bool dry_run = false;  ///< print what `file` comes to; else serve a cluster
  std::string file{};    ///< with a GpuMonitor
  std::string remove{};  ///< a GpuMonitor to take away, and nothing else to do
  unsigned minor = 30;   ///< of the Kubernetes version 1.MINOR that it is printed for
  std::string address = ":9412", web_config{};
  std::string service_account = kube::kServiceAccount;
  Milliseconds lease_duration{15'000};
  log::Level log_level = log::Level::Info;
  log::Format log_format = log::Format::Text;
};

/// What to print and exit 0 with: --help, --version, --crd and --rights.
struct Text {
  std::string text;
};

/// Invalid with what was wrong, what would be right, and for an unknown flag the nearest known one.
Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments);

}  // namespace tessera::operate
