#pragma once
// The nodes and pods of a published trace, as CSV with a header: columns are found by their names.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/placement/request.h"
#include "fleet/placement/room.h"

namespace tessera::bench {

struct Pod {
  std::string name;
  fleet::placement::Request request;
  std::optional<std::int64_t> created_s{}, deleted_s{};  ///< where the trace tells
};

struct Trace {
  std::vector<fleet::placement::Room> nodes;  ///< all of each free
  std::vector<Pod> pods;
  std::int64_t capacity_milli = 0;  ///< of all devices
};

/// Columns cpu_milli, memory_mib, gpu, model of `nodes`; name, cpu_milli, memory_mib, num_gpu, gpu_milli, and gpu_spec
/// where there is one, of `pods`. An error names the file's kind, line and column.
/// `pods` may have creation_time and deletion_time, too, in seconds.
Result<Trace> read_trace(std::string_view nodes, std::string_view pods);
Result<std::vector<Pod>> read_pods(std::string_view pods);

}  // namespace tessera::bench
