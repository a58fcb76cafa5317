#include "nvml/abi.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

// Sizes, offsets and version words typed by hand from NVML's published headers, apart from abi.h: both sides of the
// product use abi.h, so a slip there would agree with itself. A failing line here means that one of the two is wrong;
// look the struct up before changing either.

namespace tessera::nvml::abi {
namespace {

struct Number {
  const char* what;
  std::size_t is, want;
};

#define SIZE(type, want) {"sizeof " #type, sizeof(type), want}
#define OFFSET(type, field, want) {#type "." #field, offsetof(type, field), want}
#define WIDTH(type, field, want) {#type "." #field " bytes", sizeof(type::field), want}

void expect(const std::vector<Number>& numbers) {
  for (const Number& number : numbers) EXPECT_EQ(number.is, number.want) << number.what;
}

TEST(NvmlAbi, DeviceStructs) {
  expect({SIZE(PciInfo, 68), OFFSET(PciInfo, busIdLegacy, 0), OFFSET(PciInfo, domain, 16), OFFSET(PciInfo, bus, 20),
          OFFSET(PciInfo, device, 24), OFFSET(PciInfo, pciDeviceId, 28), OFFSET(PciInfo, pciSubSystemId, 32),
          OFFSET(PciInfo, busId, 36), WIDTH(PciInfo, busId, 32)});
  expect({SIZE(PciInfoExt, 64), OFFSET(PciInfoExt, domain, 4), OFFSET(PciInfoExt, bus, 8),
          OFFSET(PciInfoExt, device, 12), OFFSET(PciInfoExt, pciDeviceId, 16), OFFSET(PciInfoExt, pciSubSystemId, 20),
          OFFSET(PciInfoExt, baseClass, 24), OFFSET(PciInfoExt, subClass, 28), OFFSET(PciInfoExt, busId, 32)});
  expect({SIZE(Utilization, 8), OFFSET(Utilization, gpu, 0), OFFSET(Utilization, memory, 4)});
  expect({SIZE(Memory, 24), OFFSET(Memory, total, 0), OFFSET(Memory, free, 8), OFFSET(Memory, used, 16)});
  expect({SIZE(MemoryV2, 40), OFFSET(MemoryV2, version, 0), OFFSET(MemoryV2, total, 8), OFFSET(MemoryV2, reserved, 16),
          OFFSET(MemoryV2, free, 24), OFFSET(MemoryV2, used, 32)});
  expect(
      {SIZE(Bar1Memory, 24), OFFSET(Bar1Memory, total, 0), OFFSET(Bar1Memory, free, 8), OFFSET(Bar1Memory, used, 16)});
  expect({SIZE(Temperature, 12), OFFSET(Temperature, sensorType, 4), OFFSET(Temperature, temperature, 8)});
  expect({SIZE(MarginTemperature, 8), OFFSET(MarginTemperature, marginTemperature, 4)});
  expect({SIZE(FanSpeedInfo, 12), OFFSET(FanSpeedInfo, fan, 4), OFFSET(FanSpeedInfo, speed, 8)});
  expect({SIZE(Uuid, 52), OFFSET(Uuid, type, 4), OFFSET(Uuid, value, 8), WIDTH(Uuid, value, 41)});
  expect({SIZE(ViolationTime, 16), OFFSET(ViolationTime, referenceTime, 0), OFFSET(ViolationTime, violationTime, 8)});
}

TEST(NvmlAbi, ProcessStructs) {
  expect({SIZE(ProcessInfoV1, 16), OFFSET(ProcessInfoV1, pid, 0), OFFSET(ProcessInfoV1, usedGpuMemory, 8)});
  expect({SIZE(ProcessInfo, 24), OFFSET(ProcessInfo, pid, 0), OFFSET(ProcessInfo, usedGpuMemory, 8),
          OFFSET(ProcessInfo, gpuInstanceId, 16), OFFSET(ProcessInfo, computeInstanceId, 20)});
  expect({SIZE(ProcessDetail, 32), OFFSET(ProcessDetail, usedGpuMemory, 8), OFFSET(ProcessDetail, gpuInstanceId, 16),
          OFFSET(ProcessDetail, computeInstanceId, 20), OFFSET(ProcessDetail, usedGpuCcProtectedMemory, 24)});
  expect({SIZE(ProcessDetailList, 24), OFFSET(ProcessDetailList, mode, 4),
          OFFSET(ProcessDetailList, numProcArrayEntries, 8), OFFSET(ProcessDetailList, procArray, 16)});
  expect({SIZE(ProcessUtilizationSample, 32), OFFSET(ProcessUtilizationSample, pid, 0),
          OFFSET(ProcessUtilizationSample, timeStamp, 8), OFFSET(ProcessUtilizationSample, smUtil, 16),
          OFFSET(ProcessUtilizationSample, memUtil, 20), OFFSET(ProcessUtilizationSample, encUtil, 24),
          OFFSET(ProcessUtilizationSample, decUtil, 28)});
  expect({SIZE(ProcessUtilizationInfo, 40), OFFSET(ProcessUtilizationInfo, timeStamp, 0),
          OFFSET(ProcessUtilizationInfo, pid, 8), OFFSET(ProcessUtilizationInfo, smUtil, 12),
          OFFSET(ProcessUtilizationInfo, memUtil, 16), OFFSET(ProcessUtilizationInfo, encUtil, 20),
          OFFSET(ProcessUtilizationInfo, decUtil, 24), OFFSET(ProcessUtilizationInfo, jpgUtil, 28),
          OFFSET(ProcessUtilizationInfo, ofaUtil, 32)});
  expect({SIZE(ProcessesUtilizationInfo, 24), OFFSET(ProcessesUtilizationInfo, processSamplesCount, 4),
          OFFSET(ProcessesUtilizationInfo, lastSeenTimeStamp, 8), OFFSET(ProcessesUtilizationInfo, procUtilArray, 16)});
}

TEST(NvmlAbi, ValuesAndEvents) {
  expect({SIZE(FieldValue, 40), OFFSET(FieldValue, fieldId, 0), OFFSET(FieldValue, scopeId, 4),
          OFFSET(FieldValue, timestamp, 8), OFFSET(FieldValue, latencyUsec, 16), OFFSET(FieldValue, valueType, 24),
          OFFSET(FieldValue, nvmlReturn, 28), OFFSET(FieldValue, value, 32), SIZE(Value, 8)});
  expect({SIZE(EventData, 32), OFFSET(EventData, device, 0), OFFSET(EventData, eventType, 8),
          OFFSET(EventData, eventData, 16), OFFSET(EventData, gpuInstanceId, 24),
          OFFSET(EventData, computeInstanceId, 28)});
  expect({SIZE(EventDataV1, 24), OFFSET(EventDataV1, eventType, 8), OFFSET(EventDataV1, eventData, 16)});
  expect({SIZE(GpmMetric, 40), OFFSET(GpmMetric, metricId, 0), OFFSET(GpmMetric, nvmlReturn, 4),
          OFFSET(GpmMetric, value, 8), OFFSET(GpmMetric, shortName, 16), OFFSET(GpmMetric, longName, 24),
          OFFSET(GpmMetric, unit, 32)});
  expect({SIZE(GpmMetricsGet, 24 + 40 * 333), OFFSET(GpmMetricsGet, numMetrics, 4), OFFSET(GpmMetricsGet, sample1, 8),
          OFFSET(GpmMetricsGet, sample2, 16), OFFSET(GpmMetricsGet, metrics, 24)});
  expect({SIZE(GpmSupport, 8), OFFSET(GpmSupport, isSupportedDevice, 4)});
}

TEST(NvmlAbi, MigStructs) {
  expect({SIZE(DeviceAttributes, 40), OFFSET(DeviceAttributes, multiprocessorCount, 0),
          OFFSET(DeviceAttributes, sharedCopyEngineCount, 4), OFFSET(DeviceAttributes, sharedDecoderCount, 8),
          OFFSET(DeviceAttributes, sharedEncoderCount, 12), OFFSET(DeviceAttributes, sharedJpegCount, 16),
          OFFSET(DeviceAttributes, sharedOfaCount, 20), OFFSET(DeviceAttributes, gpuInstanceSliceCount, 24),
          OFFSET(DeviceAttributes, computeInstanceSliceCount, 28), OFFSET(DeviceAttributes, memorySizeMB, 32)});
  expect({SIZE(Placement, 8), OFFSET(Placement, start, 0), OFFSET(Placement, size, 4)});
  using V1 = GpuInstanceProfileInfo;
  expect({SIZE(V1, 48), OFFSET(V1, id, 0), OFFSET(V1, isP2pSupported, 4), OFFSET(V1, sliceCount, 8),
          OFFSET(V1, instanceCount, 12), OFFSET(V1, multiprocessorCount, 16), OFFSET(V1, copyEngineCount, 20),
          OFFSET(V1, decoderCount, 24), OFFSET(V1, encoderCount, 28), OFFSET(V1, jpegCount, 32),
          OFFSET(V1, ofaCount, 36), OFFSET(V1, memorySizeMB, 40)});
  using V2 = GpuInstanceProfileInfoV2;
  expect({SIZE(V2, 152), OFFSET(V2, id, 4), OFFSET(V2, isP2pSupported, 8), OFFSET(V2, sliceCount, 12),
          OFFSET(V2, instanceCount, 16), OFFSET(V2, multiprocessorCount, 20), OFFSET(V2, copyEngineCount, 24),
          OFFSET(V2, decoderCount, 28), OFFSET(V2, encoderCount, 32), OFFSET(V2, jpegCount, 36),
          OFFSET(V2, ofaCount, 40), OFFSET(V2, memorySizeMB, 48), OFFSET(V2, name, 56), WIDTH(V2, name, 96)});
  using V3 = GpuInstanceProfileInfoV3;
  expect({SIZE(V3, 152), OFFSET(V3, id, 4), OFFSET(V3, sliceCount, 8), OFFSET(V3, instanceCount, 12),
          OFFSET(V3, multiprocessorCount, 16), OFFSET(V3, copyEngineCount, 20), OFFSET(V3, decoderCount, 24),
          OFFSET(V3, encoderCount, 28), OFFSET(V3, jpegCount, 32), OFFSET(V3, ofaCount, 36),
          OFFSET(V3, memorySizeMB, 40), OFFSET(V3, name, 48), WIDTH(V3, name, 96), OFFSET(V3, capabilities, 144)});
  expect({SIZE(GpuInstanceInfo, 24), OFFSET(GpuInstanceInfo, device, 0), OFFSET(GpuInstanceInfo, id, 8),
          OFFSET(GpuInstanceInfo, profileId, 12), OFFSET(GpuInstanceInfo, placement, 16)});
  using C1 = ComputeInstanceProfileInfo;
  expect({SIZE(C1, 36), OFFSET(C1, id, 0), OFFSET(C1, sliceCount, 4), OFFSET(C1, instanceCount, 8),
          OFFSET(C1, multiprocessorCount, 12), OFFSET(C1, sharedCopyEngineCount, 16),
          OFFSET(C1, sharedDecoderCount, 20), OFFSET(C1, sharedEncoderCount, 24), OFFSET(C1, sharedJpegCount, 28),
          OFFSET(C1, sharedOfaCount, 32)});
  using C2 = ComputeInstanceProfileInfoV2;
  expect({SIZE(C2, 136), OFFSET(C2, id, 4), OFFSET(C2, sharedOfaCount, 36), OFFSET(C2, name, 40)});
  using C3 = ComputeInstanceProfileInfoV3;
  expect({SIZE(C3, 140), OFFSET(C3, id, 4), OFFSET(C3, name, 40), OFFSET(C3, capabilities, 136)});
  expect({SIZE(ComputeInstanceInfo, 32), OFFSET(ComputeInstanceInfo, gpuInstance, 8),
          OFFSET(ComputeInstanceInfo, id, 16), OFFSET(ComputeInstanceInfo, profileId, 20),
          OFFSET(ComputeInstanceInfo, placement, 24)});
}

TEST(NvmlAbi, HealthStructs) {
  using Ecc = EccSramErrorStatus;
  expect({SIZE(Ecc, 104), OFFSET(Ecc, aggregateUncParity, 8), OFFSET(Ecc, aggregateUncSecDed, 16),
          OFFSET(Ecc, aggregateCor, 24), OFFSET(Ecc, volatileUncParity, 32), OFFSET(Ecc, volatileUncSecDed, 40),
          OFFSET(Ecc, volatileCor, 48), OFFSET(Ecc, aggregateUncBucketL2, 56), OFFSET(Ecc, aggregateUncBucketSm, 64),
          OFFSET(Ecc, aggregateUncBucketPcie, 72), OFFSET(Ecc, aggregateUncBucketMcu, 80),
          OFFSET(Ecc, aggregateUncBucketOther, 88), OFFSET(Ecc, thresholdExceeded, 96)});
  expect({SIZE(RowRemapperHistogram, 20), OFFSET(RowRemapperHistogram, high, 4),
          OFFSET(RowRemapperHistogram, partial, 8), OFFSET(RowRemapperHistogram, low, 12),
          OFFSET(RowRemapperHistogram, none, 16)});
  expect({SIZE(RemappedRowsInfo, 24), OFFSET(RemappedRowsInfo, corrActive, 0),
          OFFSET(RemappedRowsInfo, corrInactive, 4), OFFSET(RemappedRowsInfo, uncActive, 8),
          OFFSET(RemappedRowsInfo, uncInactive, 12), OFFSET(RemappedRowsInfo, pending, 16),
          OFFSET(RemappedRowsInfo, failure, 20)});
  using Fabric = GpuFabricInfoV3;
  expect({SIZE(GpuFabricInfoV2, 36), SIZE(Fabric, 40), OFFSET(Fabric, clusterUuid, 4), OFFSET(Fabric, status, 20),
          OFFSET(Fabric, cliqueId, 24), OFFSET(Fabric, state, 28), WIDTH(Fabric, state, 1),
          OFFSET(Fabric, healthMask, 32), OFFSET(Fabric, healthSummary, 36), WIDTH(Fabric, healthSummary, 1)});
}

TEST(NvmlAbi, VersionWords) {
  expect({{"Memory v2", kVersionWord<MemoryV2>, 0x02000028},
          {"PciInfoExt v1", kVersionWord<PciInfoExt>, 0x01000040},
          {"Temperature v1", kVersionWord<Temperature>, 0x0100000C},
          {"MarginTemperature v1", kVersionWord<MarginTemperature>, 0x01000008},
          {"FanSpeedInfo v1", kVersionWord<FanSpeedInfo>, 0x0100000C},
          {"UUID v1", kVersionWord<Uuid>, 0x01000034},
          {"GpuFabricInfo v2", kVersionWord<GpuFabricInfoV2>, 0x02000024},
          {"GpuFabricInfo v3", kVersionWord<GpuFabricInfoV3>, 0x03000028},
          {"GpuInstanceProfileInfo v2", kVersionWord<GpuInstanceProfileInfoV2>, 0x02000098},
          {"GpuInstanceProfileInfo v3", kVersionWord<GpuInstanceProfileInfoV3>, 0x03000098},
          {"ComputeInstanceProfileInfo v2", kVersionWord<ComputeInstanceProfileInfoV2>, 0x02000088},
          {"ComputeInstanceProfileInfo v3", kVersionWord<ComputeInstanceProfileInfoV3>, 0x0300008C},
          {"ProcessDetailList v1", kVersionWord<ProcessDetailList>, 0x01000018},
          {"ProcessesUtilizationInfo v1", kVersionWord<ProcessesUtilizationInfo>, 0x01000018},
          {"EccSramErrorStatus v1", kVersionWord<EccSramErrorStatus>, 0x01000068},
          {"DriverBranchInfo v1", kVersionWord<DriverBranchInfo>, 0x01000054},
          {"GPM", kGpmVersion, 1}});
}

TEST(NvmlAbi, ReturnCodes) {
  const std::vector<std::pair<Return, int>> codes = {{kSuccess, 0},
                                                     {kUninitialized, 1},
                                                     {kInvalidArgument, 2},
                                                     {kNotSupported, 3},
                                                     {kNoPermission, 4},
                                                     {kAlreadyInitialized, 5},
                                                     {kNotFound, 6},
                                                     {kInsufficientSize, 7},
                                                     {kDriverNotLoaded, 9},
                                                     {kTimeout, 10},
                                                     {kFunctionNotFound, 13},
                                                     {kGpuIsLost, 15},
                                                     {kResetRequired, 16},
                                                     {kLibRmVersionMismatch, 18},
                                                     {kInUse, 19},
                                                     {kNoData, 21},
                                                     {kInsufficientResources, 23},
                                                     {kArgumentVersionMismatch, 25},
                                                     {kDeprecated, 26},
                                                     {kNotReady, 27},
                                                     {kUnknownError, 999}};
  for (const auto& [code, number] : codes) EXPECT_EQ(static_cast<int>(code), number);
}

}  // namespace
}  // namespace tessera::nvml::abi
