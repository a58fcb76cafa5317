#include "agent/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "agent/fields_csv.h"
#include "base/files.h"
#include "base/text.h"

namespace tessera::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The default fields as the product's contract lists them, typed here a second time on purpose.
constexpr std::string_view kDefaultValues[] = {"DCGM_FI_DEV_SM_CLOCK",
                                               "DCGM_FI_DEV_MEM_CLOCK",
                                               "DCGM_FI_DEV_POWER_USAGE",
                                               "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
                                               "DCGM_FI_DEV_PSTATE",
                                               "DCGM_FI_DEV_GPU_TEMP",
                                               "DCGM_FI_DEV_MEMORY_TEMP",
                                               "DCGM_FI_DEV_FAN_SPEED",
                                               "DCGM_FI_DEV_GPU_UTIL",
                                               "DCGM_FI_DEV_MEM_COPY_UTIL",
                                               "DCGM_FI_DEV_ENC_UTIL",
                                               "DCGM_FI_DEV_DEC_UTIL",
                                               "DCGM_FI_PROF_PCIE_TX_BYTES",
                                               "DCGM_FI_PROF_PCIE_RX_BYTES",
                                               "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
                                               "DCGM_FI_DEV_FB_TOTAL",
                                               "DCGM_FI_DEV_FB_FREE",
                                               "DCGM_FI_DEV_FB_USED",
                                               "DCGM_FI_DEV_FB_RESERVED",
                                               "DCGM_FI_DEV_FB_USED_PERCENT",
                                               "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
                                               "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
                                               "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL",
                                               "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL",
                                               "DCGM_FI_DEV_RETIRED_SBE",
                                               "DCGM_FI_DEV_RETIRED_DBE",
                                               "DCGM_FI_DEV_RETIRED_PENDING",
                                               "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
                                               "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
                                               "DCGM_FI_DEV_ROW_REMAP_FAILURE",
                                               "DCGM_FI_DEV_XID_ERRORS",
                                               "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS",
                                               "DCGM_FI_DEV_POWER_VIOLATION",
                                               "DCGM_FI_DEV_THERMAL_VIOLATION",
                                               "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
                                               "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
                                               "DCGM_FI_PROF_SM_ACTIVE",
                                               "DCGM_FI_PROF_SM_OCCUPANCY",
                                               "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
                                               "DCGM_FI_PROF_DRAM_ACTIVE",
                                               "DCGM_FI_PROF_NVLINK_TX_BYTES",
                                               "DCGM_FI_PROF_NVLINK_RX_BYTES"};
constexpr std::string_view kLabels[] = {
    "DCGM_FI_DRIVER_VERSION",       "DCGM_FI_NVML_VERSION",     "DCGM_FI_DEV_NAME",
    "DCGM_FI_DEV_SERIAL",           "DCGM_FI_DEV_UUID",         "DCGM_FI_DEV_COMPUTE_MODE",
    "DCGM_FI_DEV_PERSISTENCE_MODE", "DCGM_FI_DEV_VIRTUAL_MODE", "DCGM_FI_DEV_MIG_MODE",
    "DCGM_FI_DEV_MIG_MAX_SLICES",   "DCGM_FI_DEV_MIG_GI_INFO",  "DCGM_FI_DEV_MIG_CI_INFO"};

std::shared_ptr<const FieldSet> parse(std::string_view csv, DcgmNames names = DcgmNames::V4_8) {
  auto fields = parse_fields(csv, "x.csv", names);
  EXPECT_TRUE(fields) << csv << '\n' << fields.error().what;
  return fields ? *fields : std::make_shared<FieldSet>();
}

std::string error_of(std::string_view csv) {
  const auto fields = parse_fields(csv, "x.csv", DcgmNames::V4_8);
  return fields ? "no error" : fields.error().what;
}

std::vector<std::string> names_of(const FieldSet& fields) {
  std::vector<std::string> names;
  for (const auto& value : fields.values) names.emplace_back(value.metric.name);
  return names;
}

std::string deployed(std::string_view name) {
  const auto text = read_file(std::filesystem::path(TESSERA_SOURCE_DIR) / "deploy/dcgm-exporter" / name);
  EXPECT_TRUE(text) << text.error().what;
  return text ? *text : "";
}

TEST(KnownFields, AreWellFormed) {
  std::set<std::string_view> names;
  for (const FieldInfo& field : known_fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_EQ(find_field(field.name), &field) << field.name;
    EXPECT_EQ(find_field(field.later_name), &field) << field.later_name;
    const bool has_source = field.reading || field.derive || field.label;
    EXPECT_NE(has_source, !field.why_no_source.empty()) << field.name;
    EXPECT_EQ(has_source, !field.source.empty()) << field.name;
    EXPECT_TRUE(field.default_help.ends_with('.')) << field.name;
    // Without commas the texts need no quotes, so that dcgm-exporter's stricter reader takes our files too.
    EXPECT_EQ(field.default_help.find_first_of(",\""), std::string_view::npos) << field.name;
    EXPECT_THAT((std::set<std::string_view>{"gauge", "counter", "label"}), ::testing::Contains(field.default_type));
    EXPECT_EQ(field.default_type == "label", field.label != nullptr) << field.name;
  }
}

TEST(KnownFields, HaveTheNamesOfBothGenerations) {
  static constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {"DCGM_FI_DRIVER_VERSION", "DCGM_FI_SYSTEM_DRIVER_VERSION"},
      {"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO"},
      {"DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS"},
      {"DCGM_FI_DEV_FB_USED_PERCENT", "DCGM_FI_DEV_FB_USED_RATIO"},
      {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"},
      {"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL"},
      {"DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERROR"},
      {"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "DCGM_FI_DEV_NVLINK_THROUGHPUT_TOTAL"},
      {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO"},
      {"DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_SM_CLOCK"}};
  for (const auto& [name, later] : kPairs) {
    const FieldInfo* field = find_field(later);
    ASSERT_NE(field, nullptr) << later;
    EXPECT_EQ(field->name, name);
    EXPECT_EQ(field->later_name, later);
  }
  EXPECT_EQ(find_field("DCGM_FI_PROF_TENSOR_ACTIVE"), find_field("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"));
  EXPECT_EQ(find_field("dcgm_gpu_temp"), find_field("DCGM_FI_DEV_GPU_TEMP"));
  EXPECT_EQ(find_field("DCGM_FI_DEV_NO_SUCH"), nullptr);
}

TEST(KnownFields, SayWhichBelongToAnInstance) {
  for (const auto* own : {"DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED_PERCENT", "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
                          "DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_DEV_XID_ERRORS"})
    EXPECT_TRUE(find_field(own)->per_instance) << own;
  for (const auto* repeated : {"DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_FAN_SPEED",
                               "DCGM_FI_PROF_PCIE_TX_BYTES", "DCGM_FI_PROF_NVLINK_TX_BYTES"})
    EXPECT_FALSE(find_field(repeated)->per_instance) << repeated;
  for (const auto* profiling : {"DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_NVLINK_RX_BYTES"})
    EXPECT_TRUE(find_field(profiling)->profiling) << profiling;
}

gpu::Device device_in_mig_mode() {
  gpu::Device device;
  device.mig_enabled = true;
  device.readings.set(gpu::Reading::TemperatureCelsius, 61);
  device.readings.set(gpu::Reading::XidLast, 79);
  gpu::Instance instance;
  instance.gpu_instance = 1;
  instance.profile = "1c.3g.40gb";
  instance.placement = gpu::Placement{4, 4};
  instance.readings.set(gpu::Reading::MemoryTotalBytes, 1024.0 * (1U << 20U));
  instance.readings.set(gpu::Reading::MemoryReservedBytes, 24.0 * (1U << 20U));
  instance.readings.set(gpu::Reading::MemoryUsedBytes, 250.0 * (1U << 20U));
  device.instances = {instance, instance};
  device.instances[1].compute_instance = 1;
  device.instances[1].readings.set(gpu::Reading::XidLast, 43);
  return device;
}

TEST(FieldValue, ScalesDerivesAndTakesTheRightSubject) {
  const gpu::Device device = device_in_mig_mode();
  const gpu::Instance* instance = &device.instances[0];
  const auto value = [&](std::string_view name, const gpu::Instance* of) {
    return field_value(*find_field(name), device, of);
  };
  EXPECT_EQ(value("DCGM_FI_DEV_FB_USED", instance), 250);
  EXPECT_EQ(value("DCGM_FI_DEV_FB_USED", nullptr), std::nullopt);
  EXPECT_EQ(value("DCGM_FI_DEV_FB_USED_PERCENT", instance), 0.25) << "a ratio, and of what programs can have";
  EXPECT_EQ(value("DCGM_FI_DEV_GPU_TEMP", instance), 61) << "the device's, repeated";
  EXPECT_EQ(value("DCGM_FI_DEV_GPU_UTIL", instance), std::nullopt);
  EXPECT_EQ(value("DCGM_FI_DEV_XID_ERRORS", nullptr), 79);
  EXPECT_EQ(value("DCGM_FI_DEV_XID_ERRORS", instance), std::nullopt) << "the device's may be a neighbour's";
  EXPECT_EQ(value("DCGM_FI_DEV_XID_ERRORS", &device.instances[1]), 43);
  EXPECT_EQ(value("DCGM_FI_DEV_MIG_MODE", nullptr), 1);
  EXPECT_EQ(value("DCGM_FI_DEV_VGPU_LICENSE_STATUS", nullptr), std::nullopt);
}

TEST(FieldLabel, RenumbersAndDescribes) {
  gpu::Device device = device_in_mig_mode();
  const gpu::Driver driver{.version = "590.48.01", .nvml_version = "12.590.48.01"};
  const auto label = [&](std::string_view name) { return find_field(name)->label(device, driver); };
  EXPECT_EQ(label("DCGM_FI_DRIVER_VERSION"), "590.48.01");
  EXPECT_EQ(label("DCGM_FI_DEV_SERIAL"), "") << "absent";
  EXPECT_EQ(label("DCGM_FI_DEV_MIG_GI_INFO"), "1:3g.40gb@4+4") << "two compute instances, one GPU instance";
  EXPECT_EQ(label("DCGM_FI_DEV_MIG_CI_INFO"), "1/0:1c.3g.40gb,1/1:1c.3g.40gb");
  static constexpr std::pair<unsigned, std::string_view> kModes[] = {{0, "0"}, {2, "1"}, {3, "2"}, {9, ""}};
  for (const auto& [nvml, dcgm] : kModes) {
    device.compute_mode = nvml;
    EXPECT_EQ(label("DCGM_FI_DEV_COMPUTE_MODE"), dcgm) << nvml;
  }
}

TEST(ParseFields, ReadsWhatDcgmExporterReads) {
  const auto fields = parse(
      "# Format\r\n"
      "\r\n"
      "DCGM_FI_DEV_DEC_UTIL ,     gauge, Decoder utilization (in %).\r\n"
      "DCGM_FI_DEV_POWER_USAGE,counter,\"Power, in \"\"watts\"\"\"\n"
      "   # a comment after blanks\n"
      "DCGM_FI_DRIVER_VERSION, label, Driver Version\n"
      "DCGM_FI_DEV_GPU_TEMP, gauge,");
  EXPECT_THAT(names_of(*fields),
              ElementsAre("DCGM_FI_DEV_DEC_UTIL", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_TEMP"));
  EXPECT_EQ(fields->values[0].metric.help, "Decoder utilization (in %).");
  EXPECT_EQ(fields->values[1].metric.type, metrics::Type::Counter) << "the file's type, not ours";
  EXPECT_TRUE(fields->values[1].metric.is_gauge) << "and ours where the format knows a gauge only";
  EXPECT_FALSE(parse("DCGM_FI_DEV_PCIE_REPLAY_COUNTER,counter,x")->values[0].metric.is_gauge);
  EXPECT_EQ(fields->values[1].metric.help, "Power, in \"watts\"");
  EXPECT_EQ(fields->values[2].metric.help, find_field("DCGM_FI_DEV_GPU_TEMP")->default_help) << "ours for an empty one";
  ASSERT_THAT(fields->labels, SizeIs(1));
  EXPECT_EQ(fields->labels[0].name, "DCGM_FI_DRIVER_VERSION");
  EXPECT_THAT(fields->warnings, IsEmpty());
}

TEST(ParseFields, SaysWhereAndWhatWasExpected) {
  static constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"", "x.csv: no fields; at least one row 'field, type, help' expected"},
      {"# only\n\n", "x.csv: no fields; at least one row 'field, type, help' expected"},
      {"# a\nDCGM_FI_DEV_GPU_TEMP, guage, x",
       "x.csv:2:23: type 'guage': gauge, counter or label expected; did you mean gauge?"},
      {"  DCGM_FI_DEV_SM_CLOKC, gauge, x",
       "x.csv:1:3: unknown field 'DCGM_FI_DEV_SM_CLOKC': the name of a DCGM field expected; did you mean "
       "DCGM_FI_DEV_SM_CLOCK?"},
      {"nonsense, gauge, x", "x.csv:1:1: unknown field 'nonsense': the name of a DCGM field expected"},
      {"DCGM_FI_DEV_GPU_TEMP\n",
       "x.csv:1:1: type and help expected after 'DCGM_FI_DEV_GPU_TEMP' (three columns: field, type, help)"},
      {"DCGM_FI_DEV_GPU_TEMP, gauge",
       "x.csv:1:23: the help text expected after 'gauge' (three columns: field, type, help)"},
      {"DCGM_FI_DEV_GPU_TEMP, gauge, hot, hotter",
       "x.csv:1:35: 4 columns, but 3 expected (field, type, help); a help text with a comma goes into double quotes"},
      {"DCGM_FI_DEV_GPU_TEMP, gauge, a \"b\" c",
       "x.csv:1:32: a quote within an unquoted text; put the whole text in double quotes and write this quote twice"},
      {"DCGM_FI_DEV_GPU_TEMP, gauge, \"a\nb", "x.csv:1:30: the quote that opens here is never closed"},
      {"DCGM_FI_DEV_GPU_TEMP, gauge, \"a\" b",
       "x.csv:1:34: a comma or the end of the line expected after the closing quote"},
      {"DCGM_FI_DEV_GPU_TEMP, gauge, \"two\nlines\"\nDCGM_FI_DEV_SM_CLOCK, ,",
       "x.csv:3:23: type '': gauge, counter or label expected"},
      {"DCGM_FI_DEV_GPU_TEMP, label, x", "x.csv:1:23: DCGM_FI_DEV_GPU_TEMP is a number: gauge or counter expected"},
      {"DCGM_FI_DEV_NAME, gauge, x", "x.csv:1:19: DCGM_FI_DEV_NAME is a text: label expected"},
      {std::string_view("D\0C\0", 4), "x.csv:1:2: byte 0x00 in the text; plain UTF-8 expected"}};
  for (const auto& [csv, want] : kCases) EXPECT_EQ(error_of(csv), want);
}

TEST(ParseFields, HasLimits) {
  EXPECT_THAT(error_of(std::string(kMaxCsvBytes + 1, '#')), HasSubstr("at most 1048576 are read"));
  std::string rows;
  for (std::size_t i = 0; i <= kMaxCsvRows; ++i) rows += "DCGM_FI_DEV_GPU_TEMP,gauge,x\n";
  EXPECT_EQ(error_of(rows), "x.csv:4097:1: at most 4096 rows are read");
  EXPECT_LT(error_of(std::string(kMaxCsvBytes, 'x')).size(), 300U) << "a long name is not repeated whole";
}

TEST(ParseFields, NamesMetricsAsWrittenOrByGeneration) {
  constexpr std::string_view kCsv =
      "DCGM_FI_DEV_GPU_TEMP,gauge,\nDCGM_FI_DEV_BOARD_POWER_WATTS,gauge,\ndcgm_fb_used,gauge,\n"
      "DCGM_FI_PROF_TENSOR_ACTIVE,gauge,\nDCGM_FI_DRIVER_VERSION,label,\n";
  const auto as_written = parse(kCsv);
  EXPECT_THAT(names_of(*as_written), ElementsAre("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_BOARD_POWER_WATTS",
                                                 "dcgm_fb_used", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"));
  EXPECT_EQ(as_written->labels[0].name, "DCGM_FI_DRIVER_VERSION");
  const auto later = parse(kCsv, DcgmNames::V4_9);
  EXPECT_THAT(names_of(*later), ElementsAre("DCGM_FI_DEV_GPU_TEMP_CELSIUS", "DCGM_FI_DEV_BOARD_POWER_WATTS",
                                            "dcgm_fb_used", "DCGM_FI_PROF_TENSOR_UTIL_RATIO"));
  EXPECT_EQ(later->labels[0].name, "DCGM_FI_SYSTEM_DRIVER_VERSION");
}

TEST(ParseFields, TakesTheLastOfEqualRows) {
  const auto fields = parse(
      "DCGM_FI_DEV_GPU_TEMP,gauge,first\nDCGM_FI_DEV_SM_CLOCK,gauge,x\nDCGM_FI_DEV_GPU_TEMP,counter,second\n"
      "DCGM_FI_DRIVER_VERSION,label,\nDCGM_FI_DRIVER_VERSION,label,\n");
  EXPECT_THAT(names_of(*fields), ElementsAre("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_SM_CLOCK"));
  EXPECT_EQ(fields->values[0].metric.help, "second");
  EXPECT_EQ(fields->values[0].metric.type, metrics::Type::Counter);
  EXPECT_THAT(fields->labels, SizeIs(1)) << "a label may not stand twice in a series";
  EXPECT_THAT(fields->warnings, ElementsAre("x.csv:3:1: DCGM_FI_DEV_GPU_TEMP was there before; this row counts"));
}

TEST(ParseFields, LoadsFieldsThatItHasNoSourceFor) {
  const auto fields = parse(
      "DCGM_FI_DEV_VGPU_LICENSE_STATUS, gauge, x\nDCGM_EXP_XID_ERRORS_COUNT, gauge, x\n"
      "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L17, counter, x\nDCGM_FI_DEV_VBIOS_VERSION, label, x\n"
      "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L17, counter, x\nDCGM_FI_DEV_GPU_TEMP, gauge, x\n");
  EXPECT_THAT(names_of(*fields), ElementsAre("DCGM_FI_DEV_GPU_TEMP"));
  ASSERT_THAT(fields->without_source, SizeIs(4));
  EXPECT_EQ(fields->without_source[2]->name, "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L17");
  for (const FieldInfo* field : fields->without_source) EXPECT_FALSE(field->why_no_source.empty()) << field->name;
  EXPECT_THAT(fields->warnings, SizeIs(4));
  EXPECT_EQ(fields->warnings[0],
            "x.csv:1:1: DCGM_FI_DEV_VGPU_LICENSE_STATUS is not exposed: vGPU licences are not read");
  EXPECT_THAT(error_of("DCGM_FI_DEV_NVLINK_a-b, gauge, x"), HasSubstr("unknown field"));
}

TEST(ParseFields, TurnsTypesThatNoFieldCanBeIntoUntyped) {
  const auto fields = parse("DCGM_FI_DEV_GPU_TEMP,histogram,x\n");
  EXPECT_EQ(fields->values[0].metric.type, metrics::Type::Untyped);
  EXPECT_THAT(fields->warnings, ElementsAre("x.csv:1:22: DCGM_FI_DEV_GPU_TEMP is no histogram; exposed as untyped"));
}

TEST(ParseFields, SkipsAByteOrderMark) {
  EXPECT_THAT(names_of(*parse("\xEF\xBB\xBF"
                              "DCGM_FI_DEV_GPU_TEMP,gauge,x")),
              SizeIs(1));
  EXPECT_THAT(error_of("\xEF\xBB\xBF"
                       "DCGM,gauge,x"),
              HasSubstr("x.csv:1:1:"));
}

TEST(DefaultFields, HaveEveryFieldOfTheContract) {
  const auto fields = parse(default_fields_csv());
  const auto names = names_of(*fields);
  for (const auto name : kDefaultValues) EXPECT_THAT(names, ::testing::Contains(name));
  EXPECT_THAT(names, SizeIs(std::size(kDefaultValues)));
  ASSERT_THAT(fields->labels, SizeIs(1));
  EXPECT_EQ(fields->labels[0].name, "DCGM_FI_DRIVER_VERSION");
  for (const auto name : kLabels) {
    ASSERT_NE(find_field(name), nullptr) << name;
    EXPECT_NE(find_field(name)->label, nullptr) << name;
  }
  EXPECT_THAT(fields->warnings, IsEmpty());
}

TEST(DefaultFields, AreTheDeployedFile) { EXPECT_EQ(default_fields_csv(), deployed("default-counters.csv")); }

TEST(DeployedFiles, LoadInBothGenerationsAndSayWhatTheTableSays) {
  for (const auto* file : {"default-counters.csv", "dcp-metrics-included.csv"}) {
    const std::string csv = deployed(file);
    EXPECT_EQ(csv.find('"'), std::string::npos) << file << ": without quotes dcgm-exporter reads it too";
    for (const DcgmNames names : {DcgmNames::V4_8, DcgmNames::V4_9}) {
      const auto fields = parse(csv, names);
      EXPECT_GE(fields->values.size(), std::size(kDefaultValues)) << file;
      for (const auto& value : fields->values) {
        EXPECT_EQ(value.metric.name, names == DcgmNames::V4_8 ? value.field->name : value.field->later_name);
        EXPECT_EQ(value.metric.help, value.field->default_help);
        const auto type = value.field->default_type == "counter" ? metrics::Type::Counter : metrics::Type::Gauge;
        EXPECT_EQ(value.metric.type, type) << value.metric.name;
      }
      EXPECT_THAT(fields->warnings, IsEmpty()) << file;
    }
  }
}

TEST(DeployedFiles, HaveRowsThatLoadWhenSwitchedOn) {
  std::string csv;
  for (const auto line : split(default_fields_csv(), '\n'))
    csv += std::string(line.starts_with("# DCGM_") ? line.substr(2) : line) + '\n';
  const auto fields = parse(csv);
  EXPECT_THAT(fields->labels, SizeIs(std::size(kLabels)));
  EXPECT_THAT(fields->warnings, IsEmpty());
}

}  // namespace
}  // namespace tessera::agent
