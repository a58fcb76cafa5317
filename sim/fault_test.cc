#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "sim/faults.h"
#include "sim/fixture.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;
using std::chrono::milliseconds;

constexpr const char* kTwoGpus = "      - {model: h100_sxm, count: 2, load: 50}\n";

TEST(SimFaults, AHungGpuBlocksItsCallersAndNobodyElse) {
  Driver driver(kTwoGpus);
  const Device hung = driver.gpu(0), well = driver.gpu(1);
  ASSERT_EQ(run_tool("fault hang --gpu 0 --for 1h").code, 0);
  std::atomic<bool> answered = false;
  auto caller = std::async(std::launch::async, [&] {
    u32 watts = 0;
    const Return code = driver->nvmlDeviceGetPowerUsage(hung, &watts);
    answered = true;
    return code;
  });
  u32 watts = 0;
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(well, &watts), kSuccess);
  EXPECT_EQ(caller.wait_for(milliseconds(50)), std::future_status::timeout);
  EXPECT_FALSE(answered);
  ASSERT_EQ(run_tool("fault clear").code, 0);  // ends the hang at once
  EXPECT_EQ(caller.get(), kSuccess);
}

TEST(SimFaults, LostDeniedAndForcedAnswers) {
  Driver driver(kTwoGpus);
  const Device gpu = driver.gpu(0);
  u32 watts = 0;
  Device again{};
  ASSERT_EQ(run_tool("fault lost --gpu 0").code, 0);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(gpu, &watts), kGpuIsLost);
  EXPECT_EQ(driver->nvmlDeviceGetHandleByIndex_v2(0, &again), kGpuIsLost);
  u32 count = 0;
  EXPECT_EQ(driver->nvmlDeviceGetCount_v2(&count), kSuccess);
  EXPECT_EQ(count, 2U);  // still counted
  ASSERT_EQ(run_tool("fault lost --gpu 0 --off").code, 0);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(gpu, &watts), kSuccess);

  ASSERT_EQ(run_tool("fault denied --gpu 0").code, 0);
  EXPECT_EQ(driver->nvmlDeviceGetHandleByIndex_v2(0, &again), kNoPermission);
  ASSERT_EQ(run_tool("fault return --symbol nvmlDeviceGetPowerUsage --code 999 --gpu 1").code, 0);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(driver.gpu(1), &watts), kUnknownError);
  u64 reasons = 0;
  EXPECT_EQ(driver->nvmlDeviceGetCurrentClocksEventReasons(driver.gpu(1), &reasons), kSuccess);
  ASSERT_EQ(run_tool("fault clear").code, 0);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(driver.gpu(1), &watts), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetHandleByIndex_v2(0, &again), kSuccess);
}

TEST(SimFaults, AnAbsentGpuIsNotCountedAndTheOthersMoveUp) {
  Driver driver(
      "      - {model: t4}\n      - {model: h100_sxm, mig: {layout: [{profile: 1g.10gb}]}}\n      - {model: "
      "a100_sxm4_40gb}\n");
  const auto uuid_at = [&](u32 index) {
    Device device{};
    char out[kUuidBuffer] = "";
    const Return code = driver->nvmlDeviceGetHandleByIndex_v2(index, &device);
    if (code != kSuccess) return std::to_string(code);
    EXPECT_EQ(driver->nvmlDeviceGetUUID(device, out, sizeof out), kSuccess);
    u32 same = 99;
    EXPECT_EQ(driver->nvmlDeviceGetIndex(device, &same), kSuccess);
    EXPECT_EQ(same, index);
    return std::string(out);
  };
  const std::string first = uuid_at(0), second = uuid_at(1), third = uuid_at(2),
                    none = std::to_string(kInvalidArgument);
  const Device before[] = {driver.gpu(0), driver.gpu(1), driver.gpu(2)};
  const Device instance = driver.mig(1, 0);
  EventSet set{};
  ASSERT_EQ(driver->nvmlEventSetCreate(&set), kSuccess);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(before[2], kEventXid, set), kSuccess);

  ASSERT_EQ(run_tool("fault absent --gpu 1").code, 0);
  u32 count = 0, watts = 0;
  EXPECT_EQ(driver->nvmlDeviceGetCount_v2(&count), kSuccess);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(uuid_at(0), first);
  EXPECT_EQ(uuid_at(1), third);
  EXPECT_EQ(uuid_at(2), none);
  Device found{};
  EXPECT_EQ(driver->nvmlDeviceGetHandleByUUID(second.c_str(), &found), kNotFound);
  EXPECT_EQ(driver->nvmlDeviceGetHandleByUUID(third.c_str(), &found), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(found, &watts), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(before[0], &watts), kSuccess);
  for (const Device stale : {before[1], before[2], instance})
    EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(stale, &watts), kInvalidArgument);

  // A registration goes with its handle.
  EventData event{};
  ASSERT_EQ(run_tool("fault xid --gpu 2 --code 31").code, 0);
  EXPECT_EQ(driver->nvmlEventSetWait_v2(set, &event, 0), kTimeout);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(found, kEventXid, set), kSuccess);
  ASSERT_EQ(run_tool("fault xid --gpu 2 --code 48").code, 0);
  ASSERT_EQ(driver->nvmlEventSetWait_v2(set, &event, 0), kSuccess);
  EXPECT_EQ(event.eventData, 48U);
  EXPECT_EQ(event.device, found);

  ASSERT_EQ(run_tool("fault absent --gpu 1 --off").code, 0);
  EXPECT_EQ(uuid_at(1), second);
  EXPECT_EQ(uuid_at(2), third);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(before[0], &watts), kInvalidArgument);
  u32 mig = 99, pending = 99;
  EXPECT_EQ(driver->nvmlDeviceGetMigMode(driver.gpu(1), &mig, &pending), kSuccess);
  EXPECT_EQ(mig, 0U) << "Hopper's MIG mode does not outlive the driver";
  ASSERT_EQ(run_tool("fault absent --gpu 0").code, 0);
  ASSERT_EQ(run_tool("fault clear").code, 0);
  EXPECT_EQ(uuid_at(0), first);
}

TEST(SimFaults, AreRefusedWhereTheyWouldDoNothing) {
  Driver driver(kTwoGpus);
  for (const char* words :
       {"fault ecc --gpu 1", "fault ecc --gpu 1 --corrected 0", "fault remap --gpu 1", "fault temperature --gpu 1",
        "fault hang --gpu 1 --for soon", "fault hang", "fault xid --gpu one", "fault", "no-such", ""})
    EXPECT_EQ(run_tool(words).code, 2) << words;
  EXPECT_NE(run_tool("fault ecc --gpu 1").output.find("--uncorrected NUMBER is required"), std::string::npos)
      << run_tool("fault ecc --gpu 1").output;
  EXPECT_EQ(run_tool("fault remap --gpu 1 --pending").code, 0);
  EXPECT_EQ(run_tool("fault ecc --gpu 7 --corrected 1").code, 1) << "well said, and not to be done";
  for (const char* words : {"--help", "--version", "fault ecc --help"}) EXPECT_EQ(run_tool(words).code, 0) << words;
}

TEST(SimFaults, EccRowsReplaysAndHeatShowInEveryWayToAsk) {
  Driver driver(kTwoGpus);
  const Device gpu = driver.gpu(1);
  ASSERT_EQ(run_tool("fault ecc --gpu 1 --corrected 5 --uncorrected 2").code, 0);
  ASSERT_EQ(run_tool("fault remap --gpu 1 --correctable 3 --uncorrectable 1 --pending").code, 0);
  ASSERT_EQ(run_tool("fault replay --gpu 1 --count 4").code, 0);
  ASSERT_EQ(run_tool("fault temperature --gpu 1 --celsius 88").code, 0);
  u64 errors = 0;
  ASSERT_EQ(driver->nvmlDeviceGetTotalEccErrors(gpu, kEccCorrected, kEccVolatile, &errors), kSuccess);
  EXPECT_EQ(errors, 5U);
  u32 corrected = 0, uncorrected = 0, pending = 0, failed = 9, number = 0;
  ASSERT_EQ(driver->nvmlDeviceGetRemappedRows(gpu, &corrected, &uncorrected, &pending, &failed), kSuccess);
  EXPECT_EQ(corrected, 3U);
  EXPECT_EQ(uncorrected, 1U);
  EXPECT_EQ(pending, 1U);
  EXPECT_EQ(failed, 0U);
  const std::pair<u32, u64> kFields[] = {{kFieldEccSbeVolatile, 5},      {kFieldEccDbeAggregate, 2},
                                         {kFieldRemappedCorrectable, 3}, {kFieldRemappedUncorrectable, 1},
                                         {kFieldRemappedPending, 1},     {kFieldPcieReplay, 4}};
  for (const auto& [id, want] : kFields) {
    FieldValue field{};
    field.fieldId = id;
    ASSERT_EQ(driver->nvmlDeviceGetFieldValues(gpu, 1, &field), kSuccess);
    ASSERT_EQ(field.nvmlReturn, kSuccess) << id;
    EXPECT_EQ(field.valueType == kValueU64 ? field.value.u64v : field.value.u32v, want) << id;
  }
  ASSERT_EQ(driver->nvmlDeviceGetTemperature(gpu, kTemperatureGpu, &number), kSuccess);
  EXPECT_EQ(number, 88U);
  auto margin = versioned<MarginTemperature>();
  ASSERT_EQ(driver->nvmlDeviceGetMarginTemperature(gpu, &margin), kSuccess);
  EXPECT_LT(margin.marginTemperature, 0);

  // A reload starts volatile counts anew and keeps the lifetime's.
  ASSERT_EQ(run_tool("reload").code, 0);
  ASSERT_EQ(driver->nvmlDeviceGetTotalEccErrors(gpu, kEccCorrected, kEccVolatile, &errors), kSuccess);
  EXPECT_EQ(errors, 0U);
  ASSERT_EQ(driver->nvmlDeviceGetTotalEccErrors(gpu, kEccCorrected, kEccAggregate, &errors), kSuccess);
  EXPECT_EQ(errors, 5U);
}

TEST(SimFaults, ThrottlingShowsInReasonsAndAddsToTheViolationTime) {
  Driver driver(kTwoGpus);
  const auto thermal_ns = [&] {
    ViolationTime time{};
    EXPECT_EQ(driver->nvmlDeviceGetViolationStatus(driver.gpu(), kViolationThermal, &time), kSuccess);
    return time.violationTime;
  };
  EXPECT_EQ(thermal_ns(), 0U);
  ASSERT_TRUE(fault_throttle(driver.node(), 0, "hw-thermal"));
  u64 reasons = 0;
  ASSERT_EQ(driver->nvmlDeviceGetCurrentClocksEventReasons(driver.gpu(), &reasons), kSuccess);
  EXPECT_EQ(reasons, kReasonHwThermal | kReasonHwSlowdown);  // the umbrella bit comes with it
  const u64 first = thermal_ns(), second = thermal_ns();
  EXPECT_GE(second, first);
  ASSERT_TRUE(fault_throttle(driver.node(), 0, "off"));
  const u64 kept = thermal_ns();
  EXPECT_GE(kept, second);
  EXPECT_EQ(thermal_ns(), kept);
  ASSERT_EQ(driver->nvmlDeviceGetCurrentClocksEventReasons(driver.gpu(), &reasons), kSuccess);
  EXPECT_EQ(reasons, 0U);
}

// ---- Events.

TEST(SimEvents, XidsReachEverySetThatRegisteredBefore) {
  Driver driver(kTwoGpus);
  ASSERT_EQ(run_tool("fault xid --gpu 0 --code 13").code, 0);  // before registering: not replayed
  EventSet first{}, second{};
  ASSERT_EQ(driver->nvmlEventSetCreate(&first), kSuccess);
  ASSERT_EQ(driver->nvmlEventSetCreate(&second), kSuccess);
  u64 mask = 0;
  ASSERT_EQ(driver->nvmlDeviceGetSupportedEventTypes(driver.gpu(0), &mask), kSuccess);
  EXPECT_TRUE(mask & kEventXid);
  EXPECT_TRUE(mask & kEventMigConfigChange);
  EXPECT_EQ(driver->nvmlDeviceRegisterEvents(driver.gpu(0), mask | kEventGpuUnavailable, first), kInvalidArgument);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(driver.gpu(0), kEventXid, first), kSuccess);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(driver.gpu(0), kEventXid, second), kSuccess);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(driver.gpu(1), kEventXid, second), kSuccess);
  EventData event{};
  EXPECT_EQ(driver->nvmlEventSetWait_v2(first, &event, 0), kTimeout);

  ASSERT_EQ(run_tool("fault xid --gpu 0 --code 79 --gi 2 --ci 1").code, 0);
  ASSERT_EQ(run_tool("fault xid --gpu 1 --code 48").code, 0);
  for (const EventSet set : {first, second}) {
    ASSERT_EQ(driver->nvmlEventSetWait_v2(set, &event, 0), kSuccess);
    EXPECT_EQ(event.device, driver.gpu(0));
    EXPECT_EQ(event.eventType, kEventXid);
    EXPECT_EQ(event.eventData, 79U);
    EXPECT_EQ(event.gpuInstanceId, 2U);
    EXPECT_EQ(event.computeInstanceId, 1U);
  }
  EXPECT_EQ(driver->nvmlEventSetWait_v2(first, &event, 0), kTimeout);
  ASSERT_EQ(driver->nvmlEventSetWait_v2(second, &event, 0), kSuccess);
  EXPECT_EQ(event.eventData, 48U);
  EXPECT_EQ(event.gpuInstanceId, kNoInstance);
  EXPECT_EQ(driver->nvmlEventSetFree(first), kSuccess);
  EXPECT_EQ(driver->nvmlEventSetWait_v2(first, &event, 0), kInvalidArgument);
}

TEST(SimEvents, AWaiterIsWokenByAnotherProcess) {
  Driver driver(kTwoGpus);
  EventSet set{};
  ASSERT_EQ(driver->nvmlEventSetCreate(&set), kSuccess);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(driver.gpu(0), kEventXid, set), kSuccess);
  EventData event{};
  auto waiter = std::async(std::launch::async, [&] { return driver->nvmlEventSetWait_v2(set, &event, 60'000); });
  ASSERT_EQ(run_tool("fault xid --gpu 0 --code 94").code, 0);
  EXPECT_EQ(waiter.get(), kSuccess);
  EXPECT_EQ(event.eventData, 94U);
}

TEST(SimEvents, MigChangesAreAnnounced) {
  Driver driver("      - {model: h100_sxm, mig: {}}\n");
  EventSet set{};
  ASSERT_EQ(driver->nvmlEventSetCreate(&set), kSuccess);
  ASSERT_EQ(driver->nvmlDeviceRegisterEvents(driver.gpu(0), kEventMigConfigChange, set), kSuccess);
  ASSERT_EQ(run_tool("mig create --gpu 0 --profile 1g.10gb --no-compute").code, 0);
  EventData event{};
  EXPECT_EQ(driver->nvmlEventSetWait_v2(set, &event, 0), kSuccess);
  EXPECT_EQ(event.eventType, kEventMigConfigChange);
  EXPECT_EQ(driver->nvmlEventSetWait_v2(set, &event, 0), kTimeout);
}

// ---- The tool.

TEST(SimTool, SaysWhatIsWrong) {
  Driver driver(kTwoGpus);
  const struct {
    const char* arguments;
    const char* complaint;
  } kCases[] = {{"fault lost --gpu 7", "--gpu 7: node n has GPUs 0 to 1"},
                {"fault hang --gpu 0 --for soon", "--for soon: a duration such as 60s expected"},
                {"fault throttle --gpu 0 --reason rain", "--reason rain: one of sw-power"},
                {"fault lost", "--gpu is required"},
                {"check /nowhere.yaml", "scenario /nowhere.yaml: cannot be opened"},
                {"--node other show", "has no node 'other'"},
                {"mig mode --gpu 0 sideways", "sideways"},
                {"mig create --gpu 0 --profile 9g.1gb", "--profile 9g.1gb: one of 1g.10gb"},
                {"mig create --gpu 0 --profile 1g.10gb", "Not Supported (3)"}};
  for (const auto& c : kCases) {
    const Finished finished = run_tool(c.arguments);
    EXPECT_NE(finished.code, 0) << c.arguments;
    EXPECT_NE(finished.output.find(c.complaint), std::string::npos) << c.arguments << ": " << finished.output;
  }
  EXPECT_EQ(run_tool("show").code, 0);
  EXPECT_EQ(run_tool("--help").code, 0);
  for (const char* command : {"show", "play", "check", "fault", "fault hang", "mig", "mig create", "reset", "drop"})
    EXPECT_EQ(run_tool(std::string(command) + " --help").code, 0) << command;
}

TEST(SimTool, AStateRemembersItsScenario) {
  Driver driver(kTwoGpus);
  ::unsetenv("TESSERA_SIM_SCENARIO");
  const Finished shown = run_tool("show");
  EXPECT_NE(shown.output.find("2 GPUs"), std::string::npos) << shown.output;
  ASSERT_EQ(run_tool("fault lost --gpu 1").code, 0);
  u32 watts = 0;
  Device none{};
  EXPECT_EQ(driver->nvmlDeviceGetHandleByIndex_v2(1, &none), kGpuIsLost);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(driver.gpu(0), &watts), kSuccess);
}

}  // namespace
}  // namespace tessera::sim
