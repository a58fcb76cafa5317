#include "agent/expose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agent/catalog.h"
#include "agent/sample_test.h"

namespace tessera::agent {
namespace {
using testing::HasSubstr;
using testing::Not;

const FieldSet& default_fields() {
  static const auto fields = *parse_fields(default_fields_csv(), "built-in", DcgmNames::V4_8);
  return *fields;
}

ExposeOptions options() { return {.node_name = "worker-01"}; }

std::string page(const Observation& seen, const ExposeOptions& with = options()) {
  return metrics::write_text(metrics_page(seen, default_fields(), with, {.version = "0"}));
}

/// The lines of one family, without HELP and TYPE.
std::vector<std::string> lines(const std::string& text, const std::string& name) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (line.starts_with(name + '{') || line.starts_with(name + ' ')) out.push_back(line);
    at = end + 1;
  }
  return out;
}

TEST(ExposeFields, LabelsStandInDcgmExportersOrder) {
  const auto temperature = lines(page(sample_observation()), "DCGM_FI_DEV_GPU_TEMP");
  ASSERT_EQ(temperature.size(), 4U);  // the whole device, and once per instance of the other
  EXPECT_EQ(temperature[0],
            "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-00000000-0000-0000-0000-000000000000\",pci_bus_id=\"00000000:3B:"
            "00.0\","
            "device=\"nvidia0\",modelName=\"NVIDIA H100 80GB "
            "HBM3\",Hostname=\"worker-01\",DCGM_FI_DRIVER_VERSION=\"550.54.15\","
            "container=\"main\",namespace=\"ml\",pod=\"train-0\",pod_uid=\"11111111-2222-3333-4444-555555555555\"} 54");
  EXPECT_THAT(temperature[1],
              HasSubstr("modelName=\"NVIDIA H100 80GB HBM3\",GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"1\",Hostname="));
}

TEST(ExposeFields, TheModelsBlanksAreReplacedWhereThatIsAskedFor) {
  auto seen = sample_observation();
  seen.snapshot.devices[1].name = " NVIDIA  A30 ";
  auto with = options();
  EXPECT_THAT(lines(page(seen, with), "DCGM_FI_DEV_GPU_TEMP")[1], HasSubstr("modelName=\" NVIDIA  A30 \""));
  with.model_without_blanks = true;
  const std::string text = page(seen, with);
  EXPECT_THAT(lines(text, "DCGM_FI_DEV_GPU_TEMP")[0], HasSubstr("modelName=\"NVIDIA-H100-80GB-HBM3\""));
  EXPECT_THAT(lines(text, "DCGM_FI_DEV_GPU_TEMP")[1], HasSubstr("modelName=\"NVIDIA-A30\""));
  EXPECT_THAT(lines(text, "gpu_device_info")[0], HasSubstr("model=\"NVIDIA-H100-80GB-HBM3\""));
  EXPECT_THAT(lines(text, "gpu_device_info")[0], HasSubstr("DCGM_FI_DEV_NAME=\"NVIDIA H100 80GB HBM3\""))
      << "a field is what the driver says";
}

TEST(ExposeFields, TwoComputeInstancesOfOneGpuInstanceAreOneRow) {
  auto seen = sample_observation();
  auto& instances = seen.snapshot.devices[1].instances;
  instances[1].profile = "1c.2g.20gb";
  instances.push_back(instances[1]);
  instances.back().compute_instance = 1;
  const auto activity = lines(page(seen), "DCGM_FI_PROF_GR_ENGINE_ACTIVE");
  ASSERT_EQ(activity.size(), 4U);
  EXPECT_THAT(activity[2], HasSubstr("GPU_I_PROFILE=\"2g.20gb\",GPU_I_ID=\"3\""));
}

TEST(ExposeFields, SeveralHoldersAreNotOneOfThem) {
  auto seen = sample_observation();
  const Subject whole = subject_of(seen.snapshot.devices[0]);
  seen.allocations.list = {{whole, kTrain, "nvidia.com/gpu", true, 1, true},
                           {whole, kServe, "nvidia.com/gpu", true, 1, false}};
  EXPECT_THAT(lines(page(seen), "DCGM_FI_DEV_GPU_TEMP")[0], Not(HasSubstr("pod=")));
  EXPECT_EQ(lines(page(seen), "gpu_allocation_info").size(), 2U);
}

TEST(ExposeFields, AbsentIsAbsent) {
  const std::string text = page(sample_observation());
  EXPECT_EQ(lines(text, "DCGM_FI_DEV_GPU_UTIL").size(), 1U);  // not in MIG mode
  EXPECT_TRUE(lines(text, "DCGM_FI_DEV_FAN_SPEED").empty());
  EXPECT_THAT(text, Not(HasSubstr("DCGM_FI_DEV_FAN_SPEED")));
}

TEST(ExposeSessions, RowsPerProcessAndIdleRowsForTheRest) {
  const auto rows = lines(page(sample_observation()), "gpu_process_info");
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(
      rows[0],
      "gpu_process_info{gpu=\"0\",pid=\"4242\",command=\"python3\",pod=\"train-0\",namespace=\"ml\",container=\"main\","
      "status=\"active\",type=\"C\",attribution=\"pod\",UUID=\"GPU-00000000-0000-0000-0000-000000000000\","
      "Hostname=\"worker-01\",pod_uid=\"11111111-2222-3333-4444-555555555555\"} 1");
  EXPECT_THAT(rows[1], HasSubstr("pid=\"4243\",command=\"python3\",pod=\"unknown\""));
  EXPECT_THAT(rows[2], HasSubstr("gpu=\"1_1_0\",pid=\"4242\""));
  EXPECT_THAT(rows[3],
              HasSubstr("gpu=\"1_3_0\",pid=\"\",command=\"\",pod=\"\",namespace=\"\",container=\"\",status=\"idle\""));
  EXPECT_THAT(rows[4], HasSubstr("gpu=\"1_5_0\""));
}

TEST(ExposeSessions, ADeviceInMigModeHasNoRowBesideItsInstances) {
  auto seen = sample_observation();
  for (const auto& line : lines(page(seen), "gpu_session_count")) EXPECT_THAT(line, Not(HasSubstr("gpu=\"1\"")));
  seen.snapshot.devices[1].instances.clear();
  seen.sessions.pop_back();
  const auto rows = lines(page(seen), "gpu_process_info");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_THAT(rows[2], HasSubstr("gpu=\"1\",pid=\"\""));
}

TEST(ExposeSessions, TheMemoryLabelIsTheTextfilesOrAskedFor) {
  const auto seen = sample_observation();
  EXPECT_THAT(page(seen), Not(HasSubstr("gpu_memory=")));
  const std::string textfile = metrics::write_text(session_page(seen, options()));
  EXPECT_THAT(lines(textfile, "gpu_process_info")[0], HasSubstr("status=\"active\",gpu_memory=\"1024MiB\""));
  EXPECT_THAT(lines(textfile, "gpu_process_info")[3], HasSubstr("status=\"idle\",gpu_memory=\"0MiB\""));
  EXPECT_THAT(textfile, Not(HasSubstr("DCGM_FI")));
}

TEST(ExposeSessions, WithoutPidsRowsAreSummedPerContainer) {
  auto seen = sample_observation();
  seen.sessions.insert(seen.sessions.begin() + 1, session(seen.sessions[0].subject, 4244, kTrain));
  auto with = options();
  with.session_pid = with.session_command = false;
  const std::string text = page(seen, with);
  EXPECT_THAT(text, Not(HasSubstr("pid=\"")));
  EXPECT_THAT(text, Not(HasSubstr("command=\"")));
  const auto memory = lines(text, "gpu_process_memory_used_bytes");
  ASSERT_EQ(memory.size(), 3U);
  EXPECT_THAT(memory,
              testing::Contains(testing::AllOf(HasSubstr("pod=\"train-0\""), testing::EndsWith(" 2147483648"))));
  EXPECT_THAT(lines(text, "gpu_session_count")[0], testing::EndsWith(" 3"));
}

TEST(ExposeSessions, WithoutPidsNoTwoRowsAreAlike) {
  auto seen = sample_observation();
  Session graphics = session(seen.sessions[0].subject, 4250, kTrain);
  graphics.type = "C+G";
  Session gone = session(seen.sessions[0].subject, 4251, {});
  gone.outcome = Outcome::Gone;
  seen.sessions.insert(seen.sessions.end(), {graphics, gone});
  auto with = options();
  with.session_pid = with.session_command = false;
  const std::string text = page(seen, with);
  std::set<std::string> labels;
  for (const auto* family : {"gpu_process_info", "gpu_process_memory_used_bytes"})
    for (const auto& line : lines(text, family))
      EXPECT_TRUE(labels.insert(line.substr(0, line.rfind(' '))).second) << line;
}

TEST(ExposeSessions, TheTotalSaysHowFarItReaches) {
  auto seen = sample_observation();
  const auto coverage = [&] { return lines(page(seen), "gpu_sessions_coverage_ratio"); };
  ASSERT_EQ(coverage().size(), 1U);
  EXPECT_EQ(coverage()[0], "gpu_sessions_coverage_ratio{Hostname=\"worker-01\"} 1");
  seen.snapshot.devices[0].health = gpu::Health::Slow;
  EXPECT_THAT(coverage()[0], testing::EndsWith(" 0.5"));
  EXPECT_THAT(metrics::write_text(session_page(seen, options())), HasSubstr("gpu_sessions_coverage_ratio{"))
      << "the textfile has the total too";
}

TEST(ExposeSelf, ClampedSumsAreCountedBesideTheDriversOwn) {
  auto seen = sample_observation();
  seen.snapshot.devices[0].clamped_values = 3;
  SelfState self{.version = "0"};
  self.clamped_sums = {{seen.snapshot.devices[0].uuid, 2}, {seen.snapshot.devices[1].uuid, 1}};
  const auto clamped = lines(metrics::write_text(metrics_page(seen, default_fields(), options(), self)),
                             "tessera_agent_values_clamped_total");
  ASSERT_EQ(clamped.size(), 2U);
  EXPECT_THAT(clamped[0], testing::EndsWith(" 5"));
  EXPECT_THAT(clamped[1], testing::EndsWith(" 1"));
}

TEST(ExposeGeometry, TheRemainderIsAbsentWhereAProcesssPartIs) {
  auto seen = sample_observation();
  EXPECT_EQ(lines(page(seen), "gpu_device_memory_unattributed_bytes").size(), 4U);
  seen.sessions[1].memory_bytes.reset();
  const auto rest = lines(page(seen), "gpu_device_memory_unattributed_bytes");
  ASSERT_EQ(rest.size(), 3U) << "of the instances, where all is known";
  for (const auto& line : rest) EXPECT_THAT(line, Not(HasSubstr("gpu=\"0\"")));
}

TEST(ExposeSelf, AForeignProcessEntryIsBlindness) {
  auto seen = sample_observation();
  EXPECT_THAT(page(seen), HasSubstr("tessera_agent_blind{reason=\"abi_mismatch\",Hostname=\"worker-01\"} 0"));
  seen.snapshot.driver.abi_mismatch = true;
  EXPECT_THAT(page(seen), HasSubstr("tessera_agent_blind{reason=\"abi_mismatch\",Hostname=\"worker-01\"} 1"));
}

TEST(Catalog, OnlyFamiliesAboutTheNodeHaveNoUuid) {
  auto seen = sample_observation();
  seen.snapshot.devices[0].clamped_values = 1;
  seen.snapshot.devices[0].xid_counts[79] = 1;
  seen.ended = {seen.sessions[0]};
  seen.sessions_started[seen.sessions[0].subject] = 1;
  const std::string text = page(seen);
  for (const Described* d : catalog::kAll)
    for (const auto& line : lines(text, std::string(d->metric.name)))
      EXPECT_EQ(line.find("UUID=\"") == std::string::npos, d->about == About::Node) << line;
}

TEST(ExposeSelf, WhatLimitsCostIsCounted) {
  auto seen = sample_observation();
  seen.dropped_sessions = 3;
  seen.dropped_ended = 5;
  EXPECT_THAT(lines(page(seen), "tessera_agent_dropped_total"),
              testing::ElementsAre("tessera_agent_dropped_total{what=\"sessions\",Hostname=\"worker-01\"} 3",
                                   "tessera_agent_dropped_total{what=\"ended_sessions\",Hostname=\"worker-01\"} 5"));
}

TEST(ExposeSelf, TheXidsOfALostDeviceStay) {
  auto seen = sample_observation();
  seen.snapshot.devices[0].health = gpu::Health::Lost;
  seen.snapshot.devices[0].xid_counts[79] = 1;
  EXPECT_EQ(lines(page(seen), "gpu_xid_errors_total").size(), 1U);
}

TEST(ExposeSelf, WhatIsSwitchedOffIsNotBlindness) {
  auto seen = sample_observation();
  seen.allocations.known = false;
  EXPECT_THAT(page(seen), HasSubstr("tessera_agent_blind{reason=\"no_pod_resources\",Hostname=\"worker-01\"} 1"));
  seen.kubernetes = false;
  EXPECT_THAT(page(seen), HasSubstr("tessera_agent_blind{reason=\"no_pod_resources\",Hostname=\"worker-01\"} 0"));
}

TEST(ExposeSessions, BlindnessShowsNoProcessRatherThanAWrongOne) {
  auto seen = sample_observation();
  seen.blindness.no_host_pid = true;
  const std::string text = page(seen);
  for (const auto* family : {"gpu_process_info", "gpu_session_count", "gpu_total_sessions", "gpu_allocation_used"})
    EXPECT_TRUE(lines(text, family).empty()) << family;
  EXPECT_FALSE(lines(text, "DCGM_FI_DEV_GPU_TEMP").empty());
  EXPECT_THAT(text, HasSubstr("tessera_agent_blind{reason=\"no_host_pid\",Hostname=\"worker-01\"} 1"));
}

TEST(ExposeSessions, HostileLabelValuesAreEscaped) {
  auto seen = sample_observation();
  seen.sessions[0].command = "a\"b\\\n\xFF";
  EXPECT_THAT(page(seen), HasSubstr("command=\"a\\\"b\\\\\\n\xEF\xBF\xBD\""));
}

TEST(ExposeAllocations, HeldButIdleAndUsedButNotHeldShow) {
  auto seen = sample_observation();
  seen.allocations.list[0].used = false;
  const std::string text = page(seen);
  EXPECT_THAT(lines(text, "gpu_allocation_used")[0], testing::EndsWith(" 0"));
  const auto loose = lines(text, "gpu_unallocated_processes");
  ASSERT_EQ(loose.size(), 1U);
  EXPECT_THAT(loose[0],
              testing::AllOf(HasSubstr("gpu=\"1_1_0\""), HasSubstr("pod=\"serve-0\""), testing::EndsWith(" 1")));
}

TEST(ExposeGeometry, WeightedUtilizationHasTheCheckValues) {
  const auto ratios = lines(page(sample_observation()), "gpu_weighted_utilization_ratio");
  const auto value = [&](std::string_view gpu, std::string_view over) {
    for (const auto& line : ratios)
      if (line.find(gpu) != std::string::npos && line.find(over) != std::string::npos &&
          line.find("weight=\"compute_slices\"") != std::string::npos)
        return std::stod(line.substr(line.rfind(' ')));
    return -1.0;
  };
  EXPECT_NEAR(value("gpu=\"1\"", "over=\"allocated\""), 0.725, 1e-12);
  EXPECT_NEAR(value("gpu=\"1\"", "over=\"device\""), 2.9 / 7, 1e-12);
  EXPECT_NEAR(value("gpu=\"0\"", "over=\"device\""), 0.5, 1e-12);
}

TEST(ExposeSelf, ADeviceThatDoesNotAnswerHasOnlyItsUpSeries) {
  auto seen = sample_observation();
  seen.snapshot.devices[0].health = gpu::Health::Slow;
  seen.sessions.erase(seen.sessions.begin(), seen.sessions.begin() + 2);  // what it does not list, nobody attributes
  const std::string text = page(seen);
  const auto up = lines(text, "tessera_agent_device_up");
  ASSERT_EQ(up.size(), 2U);
  EXPECT_THAT(up[0], testing::EndsWith(" 0"));
  EXPECT_THAT(up[1], testing::EndsWith(" 1"));
  EXPECT_EQ(lines(text, "DCGM_FI_DEV_GPU_TEMP").size(), 3U);
  EXPECT_EQ(lines(text, "gpu_process_info").size(), 3U) << "idle or active, the instances of the other device only";
}

}  // namespace
}  // namespace tessera::agent
