// The C ABI of NVIDIA's management library (libnvidia-ml.so.1), declared by hand: no NVIDIA header is needed to build.
//
// This file is the only thing that the binding (src/nvml) and the simulated driver (sim/) share. It depends on nothing
// but the standard headers. A layout slip here would go unnoticed by both sides, so every size and version word is
// asserted below and once more, typed separately, in abi_test.cc.
//
// Valid for LP64 (x86_64 and aarch64). Every enum of the library is a 4-byte int; all structs are naturally aligned.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::nvml::abi {

using u32 = unsigned int;
using u64 = unsigned long long;

// ---- Return codes. The list grows with time: a value outside it is legal and must not abort the caller.

enum Return : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kAlreadyInitialized = 5,
  kNotFound = 6,
  kInsufficientSize = 7,
  kInsufficientPower = 8,
  kDriverNotLoaded = 9,
  kTimeout = 10,
  kIrqIssue = 11,
  kLibraryNotFound = 12,
  kFunctionNotFound = 13,
  kCorruptedInforom = 14,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kOperatingSystem = 17,
  kLibRmVersionMismatch = 18,
  kInUse = 19,
  kMemory = 20,
  kNoData = 21,
  kVgpuEccNotSupported = 22,
  kInsufficientResources = 23,
  kFrequencyNotSupported = 24,
  kArgumentVersionMismatch = 25,
  kDeprecated = 26,
  kNotReady = 27,
  kGpuNotFound = 28,
  kInvalidState = 29,
  kResetTypeNotSupported = 30,
  kUnknownError = 999,
};

// ---- Opaque handles: distinct types, so that one cannot be passed for another. A MIG device is a Device too.

using Device = struct DeviceOpaque*;
using GpuInstance = struct GpuInstanceOpaque*;
using ComputeInstance = struct ComputeInstanceOpaque*;
using EventSet = struct EventSetOpaque*;
using GpmSample = struct GpmSampleOpaque*;

// ---- "No value" inside a success.

inline constexpr u64 kNoValue64 = ~0ULL;  // usedGpuMemory where the driver may not tell
inline constexpr u32 kNoInstance = ~0U;   // GPU/compute instance id outside MIG
inline constexpr int kPerformanceUnknown = 32;
inline constexpr u32 kAllLinks = ~0U;  // FieldValue::scopeId: sum over all NVLinks

// ---- Buffer sizes.

inline constexpr std::size_t kNameBuffer = 96;
inline constexpr std::size_t kUuidBuffer = 96;
inline constexpr std::size_t kVersionBuffer = 80;
inline constexpr std::size_t kSerialBuffer = 30;
inline constexpr std::size_t kPartNumberBuffer = 80;
inline constexpr std::size_t kVbiosBuffer = 32;
inline constexpr u32 kMaxNvLinks = 36;  // 12, then 18, now 36
inline constexpr u32 kGpmMetricCount =
    333;  // highest metric id + 1 in header 13.2; the library reads only numMetrics of them

// ---- Enums and constants.

enum InitFlag : u32 { kInitNoGpus = 1, kInitNoAttach = 2 };
enum Brand : int {
  kBrandUnknown = 0,
  kBrandTesla = 2,
  kBrandGeForce = 5,
  kBrandRtx = 13,
  kBrandNvidia = 14,
  kBrandGeForceRtx = 15
};
enum Architecture : u32 {
  kPascal = 4,
  kVolta = 5,
  kTuring = 6,
  kAmpere = 7,
  kAda = 8,
  kHopper = 9,
  kBlackwell = 10,
  kRubin = 13
};
enum ComputeMode : int {
  kComputeDefault = 0,
  kComputeExclusiveThread = 1,
  kComputeProhibited = 2,
  kComputeExclusiveProcess = 3
};
enum VirtualizationMode : int {
  kVirtualNone = 0,
  kVirtualPassthrough = 1,
  kVirtualGuest = 2,
  kVirtualHost = 3,
  kVirtualVsgaHost = 4
};
enum ClockType : int { kClockGraphics = 0, kClockSm = 1, kClockMemory = 2, kClockVideo = 3 };
enum TemperatureSensor : int { kTemperatureGpu = 0 };
enum TemperatureThreshold : int {
  kThresholdShutdown = 0,
  kThresholdSlowdown = 1,
  kThresholdMemoryMax = 2,
  kThresholdGpuMax = 3,
  kThresholdAcousticMin = 4,
  kThresholdAcousticCurrent = 5,
  kThresholdAcousticMax = 6,
  kThresholdGps = 7
};
enum PcieCounter : int { kPcieTx = 0, kPcieRx = 1 };  // TX: GPU to host
enum NvLinkErrorCounter : int {
  kNvLinkReplay = 0,
  kNvLinkRecovery = 1,
  kNvLinkCrcFlit = 2,
  kNvLinkCrcData = 3,
  kNvLinkEccData = 4
};
enum ViolationPolicy : int {
  kViolationPower = 0,
  kViolationThermal = 1,
  kViolationSyncBoost = 2,
  kViolationBoardLimit = 3,
  kViolationLowUtilization = 4,
  kViolationReliability = 5,
  kViolationAppClocks = 10,
  kViolationBaseClocks = 11
};
enum EccErrorType : int { kEccCorrected = 0, kEccUncorrected = 1 };
enum EccCounterType : int { kEccVolatile = 0, kEccAggregate = 1 };
enum EccLocation : int {
  kEccL1 = 0,
  kEccL2 = 1,
  kEccDram = 2,
  kEccRegisters = 3,
  kEccTexture = 4,
  kEccTextureShm = 5,
  kEccCbu = 6,
  kEccSram = 7
};
enum RetirementCause : int { kRetiredMultipleSbe = 0, kRetiredDbe = 1 };
enum UuidType : u32 { kUuidAscii = 1, kUuidBinary = 2 };
enum ProcessMode : u32 { kProcessCompute = 0, kProcessGraphics = 1, kProcessMps = 2, kProcessAll = 3 };
enum MigMode : u32 { kMigDisabled = 0, kMigEnabled = 1 };

// Bits of the current clocks' event (throttle) reasons.
enum ClocksEventReason : u64 {
  kReasonIdle = 0x1,
  kReasonAppClocks = 0x2,
  kReasonSwPowerCap = 0x4,
  kReasonHwSlowdown = 0x8,
  kReasonSyncBoost = 0x10,
  kReasonSwThermal = 0x20,
  kReasonHwThermal = 0x40,
  kReasonHwPowerBrake = 0x80,
  kReasonDisplayClocks = 0x100
};

enum EventType : u64 {
  kEventSingleBitEcc = 0x1,
  kEventDoubleBitEcc = 0x2,
  kEventPState = 0x4,
  kEventXid = 0x8,
  kEventClock = 0x10,
  kEventPowerSource = 0x80,
  kEventMigConfigChange = 0x100,
  kEventSbeStorm = 0x200,
  kEventDramRetirement = 0x400,
  kEventDramRetirementFailure = 0x800,
  kEventPoison = 0x1000,
  kEventFatalPoison = 0x2000,
  kEventGpuUnavailable = 0x4000,
  kEventRecoveryAction = 0x8000
};

// Index for GetGpuInstanceProfileInfo(V), not the profile's id. Loop to kGiProfileCount and skip 2 and 3: the list
// grows.
enum GpuInstanceProfile : u32 {
  kGi1Slice = 0,
  kGi2Slice = 1,
  kGi3Slice = 2,
  kGi4Slice = 3,
  kGi7Slice = 4,
  kGi8Slice = 5,
  kGi6Slice = 6,
  kGi1SliceMedia = 7,
  kGi2SliceMedia = 8,
  kGi1SliceDoubleMemory = 9,
  kGi1SliceGraphics = 0xA,
  kGi2SliceGraphics = 0xB,
  kGi4SliceGraphics = 0xC,
  kGi1SliceNoMedia = 0xD,
  kGi2SliceNoMedia = 0xE,
  kGi1SliceAllMedia = 0xF,
  kGi2SliceAllMedia = 0x10,
  kGi3SliceGraphics = 0x11,
  kGiProfileCount = 0x20
};
enum ComputeInstanceProfile : u32 {
  kCi1Slice = 0,
  kCi2Slice = 1,
  kCi3Slice = 2,
  kCi4Slice = 3,
  kCi7Slice = 4,
  kCi8Slice = 5,
  kCi6Slice = 6,
  kCi1SliceRev1 = 7,
  kCi7SliceNvl = 8,
  kCiProfileCount = 9
};
enum EngineProfile : u32 { kEngineShared = 0 };
enum GiCapability : u32 { kGiPeerToPeer = 1, kGiGraphics = 2 };

enum ValueType : int {
  kValueDouble = 0,
  kValueU32 = 1,
  kValueUnsignedLong = 2,
  kValueU64 = 3,
  kValueS64 = 4,
  kValueS32 = 5,
  kValueU16 = 6
};

// Ids for nvmlDeviceGetFieldValues. Ids up to 198 never moved; 251 to 273 did, so they are not here.
enum FieldId : u32 {
  kFieldEccCurrent = 1,
  kFieldEccPending = 2,
  kFieldEccSbeVolatile = 3,
  kFieldEccDbeVolatile = 4,
  kFieldEccSbeAggregate = 5,
  kFieldEccDbeAggregate = 6,
  kFieldRetiredSbe = 29,
  kFieldRetiredDbe = 30,
  kFieldRetiredPending = 31,
  kFieldNvLinkCrcFlit = 38,
  kFieldNvLinkCrcData = 45,
  kFieldNvLinkReplay = 52,
  kFieldNvLinkRecovery = 59,
  // Time limited by a policy: ns, cumulative.
  kFieldViolationPower = 74,
  kFieldViolationThermal = 75,
  kFieldViolationSyncBoost = 76,
  kFieldViolationBoard = 77,
  kFieldViolationLowUtilization = 78,
  kFieldViolationReliability = 79,
  kFieldViolationAppClocks = 80,
  kFieldViolationBaseClocks = 81,
  kFieldMemoryTemperature = 82,  // C; one driver branch tags it double: read the u32
  kFieldTotalEnergy = 83,        // mJ
  kFieldNvLinkSpeed = 90,
  kFieldNvLinkCount = 91,  // MB/s
  kFieldPcieReplay = 94,
  kFieldPcieReplayRollover = 95,
  kFieldNvLinkDataTx = 138,
  kFieldNvLinkDataRx = 139,
  kFieldNvLinkRawTx = 140,
  kFieldNvLinkRawRx = 141,  // KiB, scope link
  kFieldRemappedCorrectable = 142,
  kFieldRemappedUncorrectable = 143,
  kFieldRemappedPending = 144,
  kFieldRemappedFailure = 145,
  kFieldPcieCorrectableErrors = 173,
  kFieldPowerAverage = 185,
  kFieldPowerInstant = 186,  // mW
  kFieldPowerLimitMin = 187,
  kFieldPowerLimitMax = 188,
  kFieldPowerLimitDefault = 189,
  kFieldPowerLimitCurrent = 190,
  kFieldTotalEnergyAgain = 191,
  kFieldPowerLimitRequested = 192,
  kFieldMarginShutdown = 193,
  kFieldMarginSlowdown = 194,
  kFieldMarginMemoryMax = 195,
  kFieldMarginGpuMax = 196,  // C, signed
  kFieldPcieTxBytes = 197,
  kFieldPcieRxBytes = 198,  // cumulative, may wrap
  kFieldNvLink5TxBytes = 202,
  kFieldNvLink5RxBytes = 204,
  kFieldRecoveryAction = 230
};

// Metric ids for nvmlGpmMetricsGet.
enum GpmId : u32 {
  kGpmGraphicsActive = 1,
  kGpmSmActive = 2,
  kGpmSmOccupancy = 3,
  kGpmInteger = 4,
  kGpmTensor = 5,
  kGpmTensorDfma = 6,
  kGpmTensorHmma = 7,
  kGpmTensorDmma = 8,
  kGpmTensorImma = 9,
  kGpmDram = 10,
  kGpmFp64 = 11,
  kGpmFp32 = 12,
  kGpmFp16 = 13,  // the above: percent
  kGpmPcieTx = 20,
  kGpmPcieRx = 21,  // MiB/s
  kGpmNvdec0 = 30,
  kGpmNvjpg0 = 40,
  kGpmOfa0 = 50,
  kGpmOfa1 = 51,  // percent
  kGpmNvLinkRx = 60,
  kGpmNvLinkTx = 61,  // MiB/s; RX comes first
  kGpmNvLink0Rx = 62,
  kGpmNvLink0Tx = 63  // link L: 62 + 2L, 63 + 2L
};

// ---- Structs. Those with a `version` field say their struct version; kVersionWord<T> is what the library wants in it.

struct PciInfo {
  char busIdLegacy[16];
  u32 domain, bus, device, pciDeviceId, pciSubSystemId;  // pciDeviceId: device << 16 | vendor
  char busId[32];
};
struct PciInfoExt {
  static constexpr u32 kStructVersion = 1;
  u32 version, domain, bus, device, pciDeviceId, pciSubSystemId, baseClass, subClass;
  char busId[32];
};
struct Utilization {
  u32 gpu, memory;
};
struct Memory {
  u64 total, free, used;
};  // used includes what the driver reserves
struct MemoryV2 {
  static constexpr u32 kStructVersion = 2;
  u32 version;
  u64 total, reserved, free, used;
};
struct Bar1Memory {
  u64 total, free, used;
};

struct ProcessInfoV1 {
  u32 pid;
  u64 usedGpuMemory;
};
struct ProcessInfo {
  u32 pid;
  u64 usedGpuMemory;
  u32 gpuInstanceId, computeInstanceId;
};
struct ProcessDetail {
  u32 pid;
  u64 usedGpuMemory;
  u32 gpuInstanceId, computeInstanceId;
  u64 usedGpuCcProtectedMemory;
};
struct ProcessDetailList {
  static constexpr u32 kStructVersion = 1;
  u32 version, mode, numProcArrayEntries;
  ProcessDetail* procArray;
};
struct ProcessUtilizationSample {
  u32 pid;
  u64 timeStamp;
  u32 smUtil, memUtil, encUtil, decUtil;
};  // us
struct ProcessUtilizationInfo {
  u64 timeStamp;
  u32 pid, smUtil, memUtil, encUtil, decUtil, jpgUtil, ofaUtil;
};
struct ProcessesUtilizationInfo {
  static constexpr u32 kStructVersion = 1;
  u32 version, processSamplesCount;
  u64 lastSeenTimeStamp;
  ProcessUtilizationInfo* procUtilArray;
};
// Only its accessor's presence matters: it tells the 32-byte process entries apart.
struct ConfComputeMemSizeInfo {
  u64 protectedMemSizeKib, unprotectedMemSizeKib;
};

union Value {
  double d;
  int s32;
  unsigned int u32v;
  unsigned long ul;
  unsigned long long u64v;
  signed long long s64;
  unsigned short u16;
};
struct FieldValue {
  u32 fieldId, scopeId;
  long long timestamp, latencyUsec;  // us
  int valueType;
  Return nvmlReturn;
  Value value;
};
struct ViolationTime {
  u64 referenceTime, violationTime;
};  // us, ns
struct EventDataV1 {
  Device device;
  u64 eventType, eventData;
};
struct EventData {
  Device device;
  u64 eventType, eventData;
  u32 gpuInstanceId, computeInstanceId;
};

struct Temperature {
  static constexpr u32 kStructVersion = 1;
  u32 version;
  int sensorType, temperature;
};
struct MarginTemperature {
  static constexpr u32 kStructVersion = 1;
  u32 version;
  int marginTemperature;
};
struct FanSpeedInfo {
  static constexpr u32 kStructVersion = 1;
  u32 version, fan, speed;
};
struct Uuid {
  static constexpr u32 kStructVersion = 1;
  u32 version, type;
  char value[41];
};
struct DriverBranchInfo {
  static constexpr u32 kStructVersion = 1;
  u32 version;
  char branch[80];
};
struct DeviceAttributes {
  u32 multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount,
      sharedOfaCount;
  u32 gpuInstanceSliceCount, computeInstanceSliceCount;
  u64 memorySizeMB;
};

struct Placement {
  u32 start, size;
};  // of GPU instances (memory slices) and of compute instances alike
struct GpuInstanceProfileInfo {
  u32 id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
  u32 copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
  u64 memorySizeMB;
};
// v2 and v3 have one size but another order: the version word alone tells the driver which one is meant.
struct GpuInstanceProfileInfoV2 {
  static constexpr u32 kStructVersion = 2;
  u32 version, id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
  u32 copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
  u64 memorySizeMB;
  char name[96];
};
struct GpuInstanceProfileInfoV3 {
  static constexpr u32 kStructVersion = 3;
  u32 version, id, sliceCount, instanceCount, multiprocessorCount;
  u32 copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
  u64 memorySizeMB;
  char name[96];
  u32 capabilities;
};
struct GpuInstanceInfo {
  Device device;
  u32 id, profileId;
  Placement placement;
};
struct ComputeInstanceProfileInfo {
  u32 id, sliceCount, instanceCount, multiprocessorCount;
  u32 sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount, sharedOfaCount;
};
struct ComputeInstanceProfileInfoV2 {
  static constexpr u32 kStructVersion = 2;
  u32 version, id, sliceCount, instanceCount, multiprocessorCount;
  u32 sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount, sharedOfaCount;
  char name[96];
};
struct ComputeInstanceProfileInfoV3 {
  static constexpr u32 kStructVersion = 3;
  u32 version, id, sliceCount, instanceCount, multiprocessorCount;
  u32 sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount, sharedOfaCount;
  char name[96];
  u32 capabilities;
};
struct ComputeInstanceInfo {
  Device device;
  GpuInstance gpuInstance;
  u32 id, profileId;
  Placement placement;
};

struct EccSramErrorStatus {
  static constexpr u32 kStructVersion = 1;
  u32 version;
  u64 aggregateUncParity, aggregateUncSecDed, aggregateCor, volatileUncParity, volatileUncSecDed, volatileCor;
  u64 aggregateUncBucketL2, aggregateUncBucketSm, aggregateUncBucketPcie, aggregateUncBucketMcu,
      aggregateUncBucketOther;
  u32 thresholdExceeded;
};
struct RowRemapperHistogram {
  u32 max, high, partial, low, none;
};
struct RemappedRowsInfo {  // the one newer struct without a version field
  u32 corrActive, corrInactive, uncActive, uncInactive, pending, failure;
};
struct GpuFabricInfoV2 {
  static constexpr u32 kStructVersion = 2;
  u32 version;
  unsigned char clusterUuid[16];
  Return status;
  u32 cliqueId;
  unsigned char state;
  u32 healthMask;
};
struct GpuFabricInfoV3 {
  static constexpr u32 kStructVersion = 3;
  u32 version;
  unsigned char clusterUuid[16];
  Return status;
  u32 cliqueId;
  unsigned char state;
  u32 healthMask;
  unsigned char healthSummary;
};

struct GpmMetric {
  u32 metricId;
  Return nvmlReturn;
  double value;
  const char *shortName, *longName, *unit;
};
inline constexpr u32 kGpmVersion = 1;  // GPM structs: plain 1, not a version word
struct GpmMetricsGet {
  u32 version, numMetrics;
  GpmSample sample1, sample2;  // sample1 is the older one
  GpmMetric metrics[kGpmMetricCount];
};
struct GpmSupport {
  u32 version, isSupportedDevice;
};

// ---- Version words: the size below, the struct's version above bit 24.

template <class Struct>
inline constexpr u32 kVersionWord = static_cast<u32>(sizeof(Struct)) | (Struct::kStructVersion << 24U);

// A zeroed struct that carries its version word.
template <class Struct>
constexpr Struct versioned() {
  Struct out{};
  out.version = kVersionWord<Struct>;
  return out;
}

static_assert(sizeof(PciInfo) == 68 && sizeof(PciInfoExt) == 64 && sizeof(Utilization) == 8 && sizeof(Memory) == 24);
static_assert(sizeof(MemoryV2) == 40 && sizeof(Bar1Memory) == 24 && sizeof(ProcessInfoV1) == 16 &&
              sizeof(ProcessInfo) == 24);
static_assert(sizeof(ProcessDetail) == 32 && sizeof(ProcessDetailList) == 24 && sizeof(ProcessUtilizationSample) == 32);
static_assert(sizeof(ProcessUtilizationInfo) == 40 && sizeof(ProcessesUtilizationInfo) == 24 &&
              sizeof(FieldValue) == 40);
static_assert(sizeof(ConfComputeMemSizeInfo) == 16 && sizeof(Value) == 8 && sizeof(ViolationTime) == 16);
static_assert(sizeof(EventDataV1) == 24 && sizeof(EventData) == 32 && sizeof(Temperature) == 12);
static_assert(sizeof(MarginTemperature) == 8 && sizeof(FanSpeedInfo) == 12 && sizeof(Uuid) == 52);
static_assert(sizeof(DriverBranchInfo) == 84 && sizeof(DeviceAttributes) == 40 && sizeof(Placement) == 8);
static_assert(sizeof(GpuInstanceProfileInfo) == 48 && sizeof(GpuInstanceProfileInfoV2) == 152);
static_assert(sizeof(GpuInstanceProfileInfoV3) == 152 && sizeof(GpuInstanceInfo) == 24);
static_assert(sizeof(ComputeInstanceProfileInfo) == 36 && sizeof(ComputeInstanceProfileInfoV2) == 136);
static_assert(sizeof(ComputeInstanceProfileInfoV3) == 140 && sizeof(ComputeInstanceInfo) == 32);
static_assert(sizeof(EccSramErrorStatus) == 104 && sizeof(RowRemapperHistogram) == 20 &&
              sizeof(RemappedRowsInfo) == 24);
static_assert(sizeof(GpuFabricInfoV2) == 36 && sizeof(GpuFabricInfoV3) == 40);
static_assert(sizeof(GpmMetric) == 40 && sizeof(GpmMetricsGet) == 13344 && sizeof(GpmSupport) == 8);
static_assert(sizeof(Return) == 4 && sizeof(Device) == 8);

static_assert(kVersionWord<MemoryV2> == 0x02000028 && kVersionWord<PciInfoExt> == 0x01000040);
static_assert(kVersionWord<GpuInstanceProfileInfoV2> == 0x02000098 &&
              kVersionWord<GpuInstanceProfileInfoV3> == 0x03000098);
static_assert(kVersionWord<ComputeInstanceProfileInfoV2> == 0x02000088);
static_assert(kVersionWord<ComputeInstanceProfileInfoV3> == 0x0300008C);
static_assert(kVersionWord<ProcessDetailList> == 0x01000018 && kVersionWord<ProcessesUtilizationInfo> == 0x01000018);
static_assert(kVersionWord<Temperature> == 0x0100000C && kVersionWord<MarginTemperature> == 0x01000008);
static_assert(kVersionWord<FanSpeedInfo> == 0x0100000C && kVersionWord<Uuid> == 0x01000034);
static_assert(kVersionWord<EccSramErrorStatus> == 0x01000068 && kVersionWord<DriverBranchInfo> == 0x01000054);
static_assert(kVersionWord<GpuFabricInfoV2> == 0x02000024 && kVersionWord<GpuFabricInfoV3> == 0x03000028);

}  // namespace tessera::nvml::abi

// ---- Every function: X(symbol, return type, (parameter types)). Expand inside a scope that sees namespace abi.
//
// The binding makes its dlsym table from it (every symbol optional: an older driver lacks some), and the simulated
// driver asserts that what it exports has exactly this type. `void*` stands where the version word chooses between two
// structs.

#define TESSERA_NVML_SYSTEM_FUNCTIONS(X)                 \
  X(nvmlInit, Return, ())                                \
  X(nvmlInit_v2, Return, ())                             \
  X(nvmlInitWithFlags, Return, (u32))                    \
  X(nvmlShutdown, Return, ())                            \
  X(nvmlErrorString, const char*, (Return))              \
  X(nvmlSystemGetDriverVersion, Return, (char*, u32))    \
  X(nvmlSystemGetNVMLVersion, Return, (char*, u32))      \
  X(nvmlSystemGetCudaDriverVersion, Return, (int*))      \
  X(nvmlSystemGetCudaDriverVersion_v2, Return, (int*))   \
  X(nvmlSystemGetProcessName, Return, (u32, char*, u32)) \
  X(nvmlSystemGetDriverBranch, Return, (DriverBranchInfo*, u32))

#define TESSERA_NVML_INVENTORY_FUNCTIONS(X)                           \
  X(nvmlDeviceGetCount_v2, Return, (u32*))                            \
  X(nvmlDeviceGetHandleByIndex_v2, Return, (u32, Device*))            \
  X(nvmlDeviceGetHandleByUUID, Return, (const char*, Device*))        \
  X(nvmlDeviceGetHandleByUUIDV, Return, (const Uuid*, Device*))       \
  X(nvmlDeviceGetHandleByPciBusId_v2, Return, (const char*, Device*)) \
  X(nvmlDeviceGetIndex, Return, (Device, u32*))                       \
  X(nvmlDeviceGetName, Return, (Device, char*, u32))                  \
  X(nvmlDeviceGetUUID, Return, (Device, char*, u32))                  \
  X(nvmlDeviceGetSerial, Return, (Device, char*, u32))                \
  X(nvmlDeviceGetMinorNumber, Return, (Device, u32*))                 \
  X(nvmlDeviceGetPciInfo_v3, Return, (Device, PciInfo*))              \
  X(nvmlDeviceGetPciInfoExt, Return, (Device, PciInfoExt*))           \
  X(nvmlDeviceGetBrand, Return, (Device, int*))                       \
  X(nvmlDeviceGetArchitecture, Return, (Device, u32*))                \
  X(nvmlDeviceGetCudaComputeCapability, Return, (Device, int*, int*)) \
  X(nvmlDeviceGetBoardPartNumber, Return, (Device, char*, u32))       \
  X(nvmlDeviceGetVbiosVersion, Return, (Device, char*, u32))          \
  X(nvmlDeviceGetNumGpuCores, Return, (Device, u32*))                 \
  X(nvmlDeviceGetMemoryBusWidth, Return, (Device, u32*))              \
  X(nvmlDeviceGetPersistenceMode, Return, (Device, int*))             \
  X(nvmlDeviceGetComputeMode, Return, (Device, int*))                 \
  X(nvmlDeviceGetVirtualizationMode, Return, (Device, int*))          \
  X(nvmlDeviceGetEccMode, Return, (Device, int*, int*))               \
  X(nvmlDeviceGetGspFirmwareVersion, Return, (Device, char*))         \
  X(nvmlDeviceGetGspFirmwareMode, Return, (Device, u32*, u32*))

#define TESSERA_NVML_MEMORY_AND_UTILIZATION_FUNCTIONS(X)           \
  X(nvmlDeviceGetMemoryInfo, Return, (Device, Memory*))            \
  X(nvmlDeviceGetMemoryInfo_v2, Return, (Device, MemoryV2*))       \
  X(nvmlDeviceGetBAR1MemoryInfo, Return, (Device, Bar1Memory*))    \
  X(nvmlDeviceGetUtilizationRates, Return, (Device, Utilization*)) \
  X(nvmlDeviceGetEncoderUtilization, Return, (Device, u32*, u32*)) \
  X(nvmlDeviceGetDecoderUtilization, Return, (Device, u32*, u32*)) \
  X(nvmlDeviceGetJpgUtilization, Return, (Device, u32*, u32*))     \
  X(nvmlDeviceGetOfaUtilization, Return, (Device, u32*, u32*))

#define TESSERA_NVML_ENVIRONMENT_FUNCTIONS(X)                                   \
  X(nvmlDeviceGetTemperatureV, Return, (Device, Temperature*))                  \
  X(nvmlDeviceGetTemperature, Return, (Device, int, u32*))                      \
  X(nvmlDeviceGetMarginTemperature, Return, (Device, MarginTemperature*))       \
  X(nvmlDeviceGetTemperatureThreshold, Return, (Device, int, u32*))             \
  X(nvmlDeviceGetFanSpeed, Return, (Device, u32*))                              \
  X(nvmlDeviceGetFanSpeed_v2, Return, (Device, u32, u32*))                      \
  X(nvmlDeviceGetNumFans, Return, (Device, u32*))                               \
  X(nvmlDeviceGetFanSpeedRPM, Return, (Device, FanSpeedInfo*))                  \
  X(nvmlDeviceGetPowerUsage, Return, (Device, u32*))                            \
  X(nvmlDeviceGetEnforcedPowerLimit, Return, (Device, u32*))                    \
  X(nvmlDeviceGetPowerManagementLimit, Return, (Device, u32*))                  \
  X(nvmlDeviceGetPowerManagementDefaultLimit, Return, (Device, u32*))           \
  X(nvmlDeviceGetPowerManagementLimitConstraints, Return, (Device, u32*, u32*)) \
  X(nvmlDeviceGetTotalEnergyConsumption, Return, (Device, u64*))                \
  X(nvmlDeviceGetClockInfo, Return, (Device, int, u32*))                        \
  X(nvmlDeviceGetMaxClockInfo, Return, (Device, int, u32*))                     \
  X(nvmlDeviceGetPerformanceState, Return, (Device, int*))                      \
  X(nvmlDeviceGetCurrentClocksEventReasons, Return, (Device, u64*))             \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, Return, (Device, u64*))          \
  X(nvmlDeviceGetSupportedClocksEventReasons, Return, (Device, u64*))           \
  X(nvmlDeviceGetSupportedClocksThrottleReasons, Return, (Device, u64*))        \
  X(nvmlDeviceGetViolationStatus, Return, (Device, int, ViolationTime*))

#define TESSERA_NVML_HEALTH_FUNCTIONS(X)                                    \
  X(nvmlDeviceGetTotalEccErrors, Return, (Device, int, int, u64*))          \
  X(nvmlDeviceGetMemoryErrorCounter, Return, (Device, int, int, int, u64*)) \
  X(nvmlDeviceGetSramEccErrorStatus, Return, (Device, EccSramErrorStatus*)) \
  X(nvmlDeviceGetRetiredPages, Return, (Device, int, u32*, u64*))           \
  X(nvmlDeviceGetRetiredPages_v2, Return, (Device, int, u32*, u64*, u64*))  \
  X(nvmlDeviceGetRetiredPagesPendingStatus, Return, (Device, int*))         \
  X(nvmlDeviceGetRemappedRows, Return, (Device, u32*, u32*, u32*, u32*))    \
  X(nvmlDeviceGetRemappedRows_v2, Return, (Device, RemappedRowsInfo*))      \
  X(nvmlDeviceGetRowRemapperHistogram, Return, (Device, RowRemapperHistogram*))

#define TESSERA_NVML_LINK_FUNCTIONS(X)                                    \
  X(nvmlDeviceGetPcieThroughput, Return, (Device, int, u32*))             \
  X(nvmlDeviceGetPcieReplayCounter, Return, (Device, u32*))               \
  X(nvmlDeviceGetCurrPcieLinkGeneration, Return, (Device, u32*))          \
  X(nvmlDeviceGetCurrPcieLinkWidth, Return, (Device, u32*))               \
  X(nvmlDeviceGetMaxPcieLinkGeneration, Return, (Device, u32*))           \
  X(nvmlDeviceGetMaxPcieLinkWidth, Return, (Device, u32*))                \
  X(nvmlDeviceGetNvLinkState, Return, (Device, u32, int*))                \
  X(nvmlDeviceGetNvLinkVersion, Return, (Device, u32, u32*))              \
  X(nvmlDeviceGetNvLinkRemotePciInfo_v2, Return, (Device, u32, PciInfo*)) \
  X(nvmlDeviceGetNvLinkErrorCounter, Return, (Device, u32, int, u64*))    \
  X(nvmlDeviceGetGpuFabricInfoV, Return, (Device, void*))                 \
  X(nvmlDeviceGetFieldValues, Return, (Device, int, FieldValue*))

#define TESSERA_NVML_PROCESS_FUNCTIONS(X)                                                    \
  X(nvmlDeviceGetComputeRunningProcesses, Return, (Device, u32*, ProcessInfoV1*))            \
  X(nvmlDeviceGetComputeRunningProcesses_v2, Return, (Device, u32*, ProcessInfo*))           \
  X(nvmlDeviceGetComputeRunningProcesses_v3, Return, (Device, u32*, ProcessInfo*))           \
  X(nvmlDeviceGetGraphicsRunningProcesses, Return, (Device, u32*, ProcessInfoV1*))           \
  X(nvmlDeviceGetGraphicsRunningProcesses_v2, Return, (Device, u32*, ProcessInfo*))          \
  X(nvmlDeviceGetGraphicsRunningProcesses_v3, Return, (Device, u32*, ProcessInfo*))          \
  X(nvmlDeviceGetMPSComputeRunningProcesses, Return, (Device, u32*, ProcessInfoV1*))         \
  X(nvmlDeviceGetMPSComputeRunningProcesses_v2, Return, (Device, u32*, ProcessInfo*))        \
  X(nvmlDeviceGetMPSComputeRunningProcesses_v3, Return, (Device, u32*, ProcessInfo*))        \
  X(nvmlDeviceGetRunningProcessDetailList, Return, (Device, ProcessDetailList*))             \
  X(nvmlDeviceGetConfComputeMemSizeInfo, Return, (Device, ConfComputeMemSizeInfo*))          \
  X(nvmlDeviceGetProcessUtilization, Return, (Device, ProcessUtilizationSample*, u32*, u64)) \
  X(nvmlDeviceGetProcessesUtilizationInfo, Return, (Device, ProcessesUtilizationInfo*))

#define TESSERA_NVML_MIG_FUNCTIONS(X)                                                                                  \
  X(nvmlDeviceGetMigMode, Return, (Device, u32*, u32*))                                                                \
  X(nvmlDeviceSetMigMode, Return, (Device, u32, Return*))                                                              \
  X(nvmlDeviceGetMaxMigDeviceCount, Return, (Device, u32*))                                                            \
  X(nvmlDeviceGetMigDeviceHandleByIndex, Return, (Device, u32, Device*))                                               \
  X(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, Return, (Device, Device*))                                           \
  X(nvmlDeviceIsMigDeviceHandle, Return, (Device, u32*))                                                               \
  X(nvmlDeviceGetGpuInstanceId, Return, (Device, u32*))                                                                \
  X(nvmlDeviceGetComputeInstanceId, Return, (Device, u32*))                                                            \
  X(nvmlDeviceGetAttributes_v2, Return, (Device, DeviceAttributes*))                                                   \
  X(nvmlDeviceGetGpuInstanceProfileInfo, Return, (Device, u32, GpuInstanceProfileInfo*))                               \
  X(nvmlDeviceGetGpuInstanceProfileInfoV, Return, (Device, u32, void*))                                                \
  X(nvmlDeviceGetGpuInstanceProfileInfoByIdV, Return, (Device, u32, void*))                                            \
  X(nvmlDeviceGetGpuInstancePossiblePlacements_v2, Return, (Device, u32, Placement*, u32*))                            \
  X(nvmlDeviceGetGpuInstanceRemainingCapacity, Return, (Device, u32, u32*))                                            \
  X(nvmlDeviceCreateGpuInstance, Return, (Device, u32, GpuInstance*))                                                  \
  X(nvmlDeviceCreateGpuInstanceWithPlacement, Return, (Device, u32, const Placement*, GpuInstance*))                   \
  X(nvmlGpuInstanceDestroy, Return, (GpuInstance))                                                                     \
  X(nvmlDeviceGetGpuInstances, Return, (Device, u32, GpuInstance*, u32*))                                              \
  X(nvmlDeviceGetGpuInstanceById, Return, (Device, u32, GpuInstance*))                                                 \
  X(nvmlGpuInstanceGetInfo, Return, (GpuInstance, GpuInstanceInfo*))                                                   \
  X(nvmlGpuInstanceGetComputeInstanceProfileInfo, Return, (GpuInstance, u32, u32, ComputeInstanceProfileInfo*))        \
  X(nvmlGpuInstanceGetComputeInstanceProfileInfoV, Return, (GpuInstance, u32, u32, void*))                             \
  X(nvmlGpuInstanceGetComputeInstanceRemainingCapacity, Return, (GpuInstance, u32, u32*))                              \
  X(nvmlGpuInstanceGetComputeInstancePossiblePlacements, Return, (GpuInstance, u32, Placement*, u32*))                 \
  X(nvmlGpuInstanceCreateComputeInstance, Return, (GpuInstance, u32, ComputeInstance*))                                \
  X(nvmlGpuInstanceCreateComputeInstanceWithPlacement, Return, (GpuInstance, u32, const Placement*, ComputeInstance*)) \
  X(nvmlGpuInstanceGetComputeInstances, Return, (GpuInstance, u32, ComputeInstance*, u32*))                            \
  X(nvmlGpuInstanceGetComputeInstanceById, Return, (GpuInstance, u32, ComputeInstance*))                               \
  X(nvmlComputeInstanceGetInfo_v2, Return, (ComputeInstance, ComputeInstanceInfo*))                                    \
  X(nvmlComputeInstanceDestroy, Return, (ComputeInstance))

#define TESSERA_NVML_EVENT_FUNCTIONS(X)                        \
  X(nvmlEventSetCreate, Return, (EventSet*))                   \
  X(nvmlDeviceRegisterEvents, Return, (Device, u64, EventSet)) \
  X(nvmlDeviceGetSupportedEventTypes, Return, (Device, u64*))  \
  X(nvmlEventSetWait, Return, (EventSet, EventDataV1*, u32))   \
  X(nvmlEventSetWait_v2, Return, (EventSet, EventData*, u32))  \
  X(nvmlEventSetFree, Return, (EventSet))

#define TESSERA_NVML_GPM_FUNCTIONS(X)                         \
  X(nvmlGpmQueryDeviceSupport, Return, (Device, GpmSupport*)) \
  X(nvmlGpmSampleAlloc, Return, (GpmSample*))                 \
  X(nvmlGpmSampleFree, Return, (GpmSample))                   \
  X(nvmlGpmSampleGet, Return, (Device, GpmSample))            \
  X(nvmlGpmMigSampleGet, Return, (Device, u32, GpmSample))    \
  X(nvmlGpmMetricsGet, Return, (GpmMetricsGet*))              \
  X(nvmlGpmQueryIfStreamingEnabled, Return, (Device, u32*))   \
  X(nvmlGpmSetStreamingEnabled, Return, (Device, u32))

#define TESSERA_NVML_FUNCTIONS(X)                  \
  TESSERA_NVML_SYSTEM_FUNCTIONS(X)                 \
  TESSERA_NVML_INVENTORY_FUNCTIONS(X)              \
  TESSERA_NVML_MEMORY_AND_UTILIZATION_FUNCTIONS(X) \
  TESSERA_NVML_ENVIRONMENT_FUNCTIONS(X)            \
  TESSERA_NVML_HEALTH_FUNCTIONS(X)                 \
  TESSERA_NVML_LINK_FUNCTIONS(X)                   \
  TESSERA_NVML_PROCESS_FUNCTIONS(X)                \
  TESSERA_NVML_MIG_FUNCTIONS(X)                    \
  TESSERA_NVML_EVENT_FUNCTIONS(X)                  \
  TESSERA_NVML_GPM_FUNCTIONS(X)
