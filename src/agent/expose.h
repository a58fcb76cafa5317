#pragma once
// From an observation to the metric pages: the /metrics page and the textfile's. Pure.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/fields.h"
#include "agent/observation.h"
#include "http/server.h"
#include "metrics/page.h"

namespace tessera::agent {

struct ExposeOptions {
  std::string node_name;
  std::string hostname_label = "Hostname";  ///< empty: no such label
  bool session_pid = true;                  ///< without it, rows are summed per container
  bool session_command = true;
  bool session_memory_label = false;
  bool model_without_blanks = false;  ///< "NVIDIA-L4" for "NVIDIA L4"
};

/// What the agent knows about itself beside the observation.
struct SelfState {
  std::string version;
  bool fields_reload_ok = true;
  std::uint64_t textfile_failures = 0;
  std::uint64_t scrapes = 0;
  std::map<std::string, std::uint64_t> clamped_sums{};  ///< of sessions summed without pid, by device UUID
  http::ServerStats http{};
  EpochMs start_time = 0;
  double cpu_seconds = 0;
  std::optional<std::uint64_t> resident_bytes{};  ///< absent where /proc does not tell
};

/// The page of /metrics. It points into `fields` and the metric catalog.
metrics::Page metrics_page(const Observation& observation, const FieldSet& fields, const ExposeOptions& options,
                           const SelfState& self);

/// The textfile's page: sessions only, always with the gpu_memory label.
metrics::Page session_page(const Observation& observation, ExposeOptions options);

}  // namespace tessera::agent
