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
  std::string_view name{};        ///< "DCGM_FI_DEV_SM_CLOCK": dcgm-exporter 4.8's
  std::string_view later_name{};  ///< 4.9's, equal where it did not change
  std::optional<gpu::Reading> reading{};
  double scale = 1;  ///< exposed value = reading * scale (bytes to MiB: 1.0 / 1048576)
  /// Where a value is more than a scaled reading; `readings` are the instance's or the device's, see per_instance.
  std::optional<double> (*derive)(const gpu::Device& device, const gpu::Readings& readings) = nullptr;
  bool per_instance = false;  ///< the instance has its own value; otherwise the device's is repeated per instance
  bool profiling = false;     ///< needs GPM
  std::string (*label)(const gpu::Device&, const gpu::Driver&) = nullptr;  ///< empty: absent
  std::string_view source{};                                               ///< the NVML call, for docs
  std::string_view why_no_source{};                                        ///< where neither reading nor label is set
  std::string_view default_type{};  ///< gauge, counter, label: in our default set
  std::string_view unit{};
  std::string_view default_help{};
};

/// All fields with a source here, and those of dcgm-exporter's own CSVs without one, in the order of the default set.
const std::vector<FieldInfo>& known_fields();

/// By 4.8 name, later name, alias (DCGM_FI_PROF_TENSOR_ACTIVE) or dcgm-exporter's 1.x name (dcgm_gpu_temp).
const FieldInfo* find_field(std::string_view name);

/// Fields that DCGM has and this program does not read, by how their names begin: files that ask for them still load.
struct FieldFamily {
  std::string_view prefix;
  std::string_view why_no_source;
};
const std::vector<FieldFamily>& field_families();

/// The field's number on a device, or on one of its instances; nullopt where it has none (now).
std::optional<double> field_value(const FieldInfo& field, const gpu::Device& device,
                                  const gpu::Instance* instance = nullptr);

/// The fields of one CSV. Immutable; metrics point into it, so it is shared for as long as a page lives.
class FieldSet {
 public:
  struct Value {
    const FieldInfo* field;
    metrics::Metric metric;  ///< name as written or by DcgmNames, type and help by the CSV
  };
  struct Label {
    const FieldInfo* field;
    std::string name;  ///< the label's name, chosen as a metric's is
  };
  std::vector<Value> values;  ///< in the CSV's order
  std::vector<Label> labels;
  std::vector<const FieldInfo*>
      without_source;  ///< asked for, but NVML has none: exposed in tessera_agent_field_unavailable

  std::vector<std::string> warnings;  ///< what was taken otherwise than written; for the log, with file and line

 private:
  friend class FieldSetBuilder;
  std::vector<std::unique_ptr<const std::string>> texts_;   ///< what the metrics' views point at
  std::vector<std::unique_ptr<const FieldInfo>> families_;  ///< fields known only by their family, see field_families()
};

/// Reads a CSV as dcgm-exporter does: `field, type, help`, `#` comments, blank lines, quoted texts. Beyond its grammar,
/// blanks may stand before `#` and quotes. An error names file, line, column and what was expected.
///
/// Types are gauge, counter and label; histogram and summary, which it takes too though no field is one, become
/// untyped. A metric is named as the CSV writes it, so that an old page stays what it was; V4_9 gives the later names.
/// Where a name comes again the last row counts, at the place of the first. `file` is for texts only.
Result<std::shared_ptr<const FieldSet>> parse_fields(std::string_view csv, std::string_view file, DcgmNames names);

/// The built-in CSV: deploy/dcgm-exporter/default-counters.csv, put in when this program was built.
std::string_view default_fields_csv();

}  // namespace tessera::agent
