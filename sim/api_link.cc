// PCIe, NVLink, fabric.
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "sim/environment.h"

using namespace tessera::sim;

namespace {

template <class Value>
Return link_number(const char* function, Device device, u32* out, Value value) {
  return on_gpu(function, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = value(call, t);
    return kSuccess;
  });
}

template <class Body>
Return on_nvlink(const char* function, Device device, u32 link, Body body) {
  return on_gpu(function, device, [&](Call& call, const Target& t) {
    if (t.spec.model->nvlinks == 0) return kNotSupported;
    return link < t.spec.model->nvlinks ? body(call, t) : kInvalidArgument;
  });
}

}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetPcieThroughput(Device device, int counter, u32* out) {
  const Return answer = on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out || (counter != kPcieTx && counter != kPcieRx)) return kInvalidArgument;
    const double mib = counter == kPcieTx ? t.spec.pcie.tx : t.spec.pcie.rx;
    *out = static_cast<u32>(mib * 1048.576 * call.node.load(*call.state, t.gpu, nullptr, call.now) / 100);
    return kSuccess;
  });
  // The real one measures for this long, and callers have to live with it.
  if (answer == kSuccess) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return answer;
}

TESSERA_EXPORT Return nvmlDeviceGetPcieReplayCounter(Device device, u32* out) {
  return link_number(__func__, device, out, [](Call&, const Target& t) { return t.state.faults.pcie_replays; });
}
TESSERA_EXPORT Return nvmlDeviceGetCurrPcieLinkGeneration(Device device, u32* out) {
  return link_number(__func__, device, out, [](Call& call, const Target& t) {
    return busy(call, t) || t.spec.model->data_center ? t.spec.model->pcie_generation : 1U;
  });
}
TESSERA_EXPORT Return nvmlDeviceGetCurrPcieLinkWidth(Device device, u32* out) {
  return link_number(__func__, device, out, [](Call&, const Target&) { return 16U; });
}
TESSERA_EXPORT Return nvmlDeviceGetMaxPcieLinkGeneration(Device device, u32* out) {
  return link_number(__func__, device, out, [](Call&, const Target& t) { return t.spec.model->pcie_generation; });
}
TESSERA_EXPORT Return nvmlDeviceGetMaxPcieLinkWidth(Device device, u32* out) {
  return link_number(__func__, device, out, [](Call&, const Target&) { return 16U; });
}

TESSERA_EXPORT Return nvmlDeviceGetNvLinkState(Device device, u32 link, int* out) {
  return on_nvlink(__func__, device, link, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = t.state.mig ? 0 : 1;  // no NVLink between instances
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetNvLinkVersion(Device device, u32 link, u32* out) {
  return on_nvlink(__func__, device, link, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = t.spec.model->nvlink_version;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetNvLinkRemotePciInfo_v2(Device device, u32 link, PciInfo* out) {
  return on_nvlink(__func__, device, link, [&](Call&, const Target&) {
    if (!out) return kInvalidArgument;
    *out = {};  // an NVSwitch, four of them taking turns
    out->bus = 0xC0 + link % 4;
    out->pciDeviceId = 0x22A310DE;
    std::snprintf(out->busId, sizeof out->busId, "00000000:%02X:00.0", out->bus);
    std::snprintf(out->busIdLegacy, sizeof out->busIdLegacy, "0000:%02X:00.0", out->bus);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetNvLinkErrorCounter(Device device, u32 link, int counter, u64* out) {
  return on_nvlink(__func__, device, link, [&](Call&, const Target&) {
    if (!out || counter < kNvLinkReplay || counter > kNvLinkEccData) return kInvalidArgument;
    *out = 0;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGpuFabricInfoV(Device device, void* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    u32 word = 0;
    std::memcpy(&word, out, sizeof word);
    const bool third = word == kVersionWord<GpuFabricInfoV3> && generation().header >= 1300;
    if (!third && word != kVersionWord<GpuFabricInfoV2>) return kArgumentVersionMismatch;
    if (t.spec.model->architecture < kHopper || t.spec.model->nvlinks == 0) return kNotSupported;
    constexpr unsigned char kRegistered = 3;
    GpuFabricInfoV3 info{};
    info.version = word;
    info.status = kSuccess;
    info.state = kRegistered;
    // v2 is the front of v3.
    std::memcpy(out, &info, third ? sizeof(GpuFabricInfoV3) : sizeof(GpuFabricInfoV2));
    return kSuccess;
  });
}
