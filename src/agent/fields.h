#pragma once
// Which DCGM-compatible fields are exposed, under which name, type and help: dcgm-exporter's CSV, read and checked.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"
#include "metrics/page.h"

namespace tessera::agent {

enum class DcgmNames { V4_8, V4_9 };

/// A DCGM field that this program knows. Numbers come from a reading of the device or of its GPU instance; strings
/// (label fields) from the device. Known fields that NVML has no source for have neither, and say why.
struct FieldInfo {
  std::string_view name;        ///< "DCGM_FI_DEV_SM_CLOCK": dcgm-exporter 4.8's
  std::string_view later_name;  ///< 4.9's, equal where it did not change
  std::optional<gpu::Reading> reading;
  double scale = 1;           ///< exposed value = reading * scale (bytes to MiB: 1.0 / 1048576)
  bool per_instance = false;  ///< the instance has its own value; otherwise the device's is repeated per instance
  bool profiling = false;     ///< needs GPM
  std::string (*label)(const gpu::Device&, const gpu::Driver&) = nullptr;  ///< empty: absent
  std::string_view source;                                                 ///< the NVML call, for docs
  std::string_view why_no_source;                                          ///< where neither reading nor label is set
  std::string_view default_type;  ///< gauge, counter, label: in our default set
  std::string_view unit;
  std::string_view default_help;
};

/// All known fields, in the order of the default set; also found by 4.9 name, alias and dcgm-exporter's legacy names.
const std::vector<FieldInfo>& known_fields();
const FieldInfo* find_field(std::string_view name);

/// The fields of one CSV. Immutable; metrics point into it, so it is shared for as long as a page lives.
class FieldSet {
 public:
  struct Value {
    const FieldInfo* field;
    metrics::Metric metric;  ///< name by DcgmNames, type and help by the CSV
  };
  struct Label {
    const FieldInfo* field;
    std::string name;  ///< the label's name: the CSV's field name
  };
  std::vector<Value> values;  ///< in the CSV's order
  std::vector<Label> labels;
  std::vector<const FieldInfo*>
      without_source;  ///< asked for, but NVML has none: exposed in tessera_agent_field_unavailable

 private:
  friend Result<std::shared_ptr<const FieldSet>> parse_fields(std::string_view, std::string_view, DcgmNames);
  std::vector<std::unique_ptr<const std::string>> texts_;  ///< what the metrics' views point at
};

/// Reads a CSV: `field, type, help`, `#` comments, blank lines. An error names file, line, column and what was
/// expected. `file` is for the error text only.
Result<std::shared_ptr<const FieldSet>> parse_fields(std::string_view csv, std::string_view file, DcgmNames names);

/// The built-in CSV: design's default fields (deploy/dcgm-exporter/default-counters.csv is the same text).
std::string_view default_fields_csv();

}  // namespace tessera::agent
