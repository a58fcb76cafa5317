// Which devices there are and what they are.
#include <fmt/format.h>
#include <strings.h>

#include <cstring>
#include <string_view>

#include "sim/driver.h"

using namespace tessera::sim;

namespace {

constexpr u32 kNvidiaVendor = 0x10DE;

template <class Number, class Value>
Return give(Number* out, Value value) {
  if (!out) return kInvalidArgument;
  *out = static_cast<Number>(value);
  return kSuccess;
}

Return find_by_uuid(Call& call, const char* uuid, Device* out) {
  if (!uuid || !out) return kInvalidArgument;
  for (unsigned gpu = 0; gpu < call.state->gpus.size(); ++gpu) {
    if (call.state->gpus[gpu].faults.absent) continue;
    const auto found = [&](Device handle) {
      const Return refused = admit(call, "nvmlDeviceGetHandleByUUID", static_cast<int>(gpu));
      if (refused == kSuccess) *out = handle;
      return refused;
    };
    if (::strcasecmp(call.node.spec().gpus[gpu].uuid.c_str(), uuid) == 0) return found(device_handle(*call.state, gpu));
    for (const InstanceState& gi : call.state->gpus[gpu].instances)
      for (const ComputeState& ci : gi.compute)
        if (::strcasecmp(call.node.mig_uuid(gpu, gi, ci).c_str(), uuid) == 0)
          return found(mig_handle(*call.state, gpu, ci.slot));
  }
  return kNotFound;
}

struct Pci {
  u32 domain, bus;
};
Pci pci_of(const Call& call, unsigned gpu) {
  const std::string id = call.node.bus_id(gpu);
  return {static_cast<u32>(std::stoul(id.substr(0, 8), nullptr, 16)),
          static_cast<u32>(std::stoul(id.substr(9, 2), nullptr, 16))};
}

void put(std::string_view text, char* out, std::size_t size) {
  std::memset(out, 0, size);
  std::memcpy(out, text.data(), std::min(text.size(), size - 1));
}

}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetCount_v2(u32* out) {
  return on_node(__func__, [&](Call& call) { return give(out, call.state->counted()); });
}

TESSERA_EXPORT Return nvmlDeviceGetHandleByIndex_v2(u32 index, Device* out) {
  return on_node(__func__, [&](Call& call) {
    const auto gpu = call.state->gpu_at(index);
    if (!out || !gpu) return kInvalidArgument;
    const Return refused = admit(call, "nvmlDeviceGetHandleByIndex_v2", static_cast<int>(*gpu));
    if (refused == kSuccess) *out = device_handle(*call.state, *gpu);
    return refused;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetHandleByUUID(const char* uuid, Device* out) {
  return on_node(__func__, [&](Call& call) { return find_by_uuid(call, uuid, out); });
}

TESSERA_EXPORT Return nvmlDeviceGetHandleByUUIDV(const Uuid* uuid, Device* out) {
  return on_node(__func__, [&](Call& call) {
    if (!uuid) return kInvalidArgument;
    if (uuid->version != kVersionWord<Uuid>) return kArgumentVersionMismatch;
    if (uuid->type == kUuidAscii) {
      const std::string text(uuid->value, ::strnlen(uuid->value, sizeof uuid->value));
      return find_by_uuid(call, text.c_str(), out);
    }
    if (uuid->type != kUuidBinary) return kInvalidArgument;
    std::string hex;
    for (int i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) hex += '-';
      hex += fmt::format("{:02x}", static_cast<unsigned char>(uuid->value[i]));
    }
    const Return as_gpu = find_by_uuid(call, ("GPU-" + hex).c_str(), out);
    return as_gpu == kNotFound ? find_by_uuid(call, ("MIG-" + hex).c_str(), out) : as_gpu;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetHandleByPciBusId_v2(const char* id, Device* out) {
  return on_node(__func__, [&](Call& call) {
    if (!id || !out) return kInvalidArgument;
    for (unsigned gpu = 0; gpu < call.state->gpus.size(); ++gpu) {
      if (call.state->gpus[gpu].faults.absent) continue;
      const std::string full = call.node.bus_id(gpu);
      const auto [domain, bus] = pci_of(call, gpu);
      const bool same = ::strcasecmp(id, full.c_str()) == 0 ||
                        ::strcasecmp(id, fmt::format("{:04X}:{:02X}:00.0", domain, bus).c_str()) == 0 ||
                        (domain == 0 && ::strcasecmp(id, fmt::format("{:02X}:00.0", bus).c_str()) == 0);
      if (!same) continue;
      const Return refused = admit(call, "nvmlDeviceGetHandleByPciBusId_v2", static_cast<int>(gpu));
      if (refused == kSuccess) *out = device_handle(*call.state, gpu);
      return refused;
    }
    return kNotFound;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetIndex(Device device, u32* out) {
  return on_device(__func__, device, [&](Call& call, const Target& t) {
    return give(out, t.is_mig() ? t.ci->slot : call.state->index_of(t.gpu));
  });
}

TESSERA_EXPORT Return nvmlDeviceGetName(Device device, char* out, u32 length) {
  return on_device(__func__, device, [&](Call&, const Target& t) {
    if (!t.is_mig()) return copy_text(t.spec.name, out, length);
    return copy_text(fmt::format("{} MIG {}", t.spec.name, compute_name(profile_of(t.spec, *t.gi), t.ci->profile)), out,
                     length);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetUUID(Device device, char* out, u32 length) {
  return on_device(__func__, device, [&](Call& call, const Target& t) {
    return copy_text(t.is_mig() ? call.node.mig_uuid(t.gpu, *t.gi, *t.ci) : t.spec.uuid, out, length);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetSerial(Device device, char* out, u32 length) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    return t.spec.model->data_center ? copy_text(t.spec.serial, out, length) : kNotSupported;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMinorNumber(Device device, u32* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) { return give(out, t.spec.minor); }, kInvalidArgument);
}

TESSERA_EXPORT Return nvmlDeviceGetPciInfo_v3(Device device, PciInfo* out) {
  return on_gpu(
      __func__, device,
      [&](Call& call, const Target& t) {
        if (!out) return kInvalidArgument;
        const auto [domain, bus] = pci_of(call, t.gpu);
        *out = {};
        out->domain = domain;
        out->bus = bus;
        out->pciDeviceId = t.spec.model->pci_device << 16U | kNvidiaVendor;
        out->pciSubSystemId = 0x1000U << 16U | kNvidiaVendor;
        put(call.node.bus_id(t.gpu), out->busId, sizeof out->busId);
        put(fmt::format("{:04X}:{:02X}:00.0", domain, bus), out->busIdLegacy, sizeof out->busIdLegacy);
        return kSuccess;
      },
      kInvalidArgument);
}

TESSERA_EXPORT Return nvmlDeviceGetPciInfoExt(Device device, PciInfoExt* out) {
  return on_gpu(
      __func__, device,
      [&](Call& call, const Target& t) {
        if (!out) return kInvalidArgument;
        if (out->version != kVersionWord<PciInfoExt>) return kArgumentVersionMismatch;
        const auto [domain, bus] = pci_of(call, t.gpu);
        out->domain = domain;
        out->bus = bus;
        out->device = 0;
        out->pciDeviceId = t.spec.model->pci_device << 16U | kNvidiaVendor;
        out->pciSubSystemId = 0x1000U << 16U | kNvidiaVendor;
        out->baseClass = 3;
        out->subClass = 2;
        put(call.node.bus_id(t.gpu), out->busId, sizeof out->busId);
        return kSuccess;
      },
      kInvalidArgument);
}

TESSERA_EXPORT Return nvmlDeviceGetBrand(Device device, int* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) { return give(out, t.spec.model->brand); });
}
TESSERA_EXPORT Return nvmlDeviceGetArchitecture(Device device, u32* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) { return give(out, t.spec.model->architecture); });
}

TESSERA_EXPORT Return nvmlDeviceGetCudaComputeCapability(Device device, int* major, int* minor) {
  return on_gpu(
      __func__, device,
      [&](Call&, const Target& t) {
        if (!major || !minor) return kInvalidArgument;
        *major = t.spec.model->cc_major;
        *minor = t.spec.model->cc_minor;
        return kSuccess;
      },
      kInvalidArgument);
}

TESSERA_EXPORT Return nvmlDeviceGetBoardPartNumber(Device device, char* out, u32 length) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!t.spec.model->data_center) return kNotSupported;
    return copy_text(fmt::format("699-2{:04X}-0000-SIM", t.spec.model->pci_device), out, length);
  });
}
TESSERA_EXPORT Return nvmlDeviceGetVbiosVersion(Device device, char* out, u32 length) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    return copy_text(fmt::format("9{}.00.5E.00.01", t.spec.model->architecture % 10), out, length);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetNumGpuCores(Device device, u32* out) {
  return on_gpu(__func__, device,
                [&](Call&, const Target& t) { return give(out, t.spec.model->sm * t.spec.model->cores_per_sm); });
}
TESSERA_EXPORT Return nvmlDeviceGetMemoryBusWidth(Device device, u32* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) { return give(out, t.spec.model->bus_bits); });
}
TESSERA_EXPORT Return nvmlDeviceGetPersistenceMode(Device device, int* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) { return give(out, t.spec.model->data_center ? 1 : 0); });
}

// The odd one out: in MIG mode it wants the MIG handle.
TESSERA_EXPORT Return nvmlDeviceGetComputeMode(Device device, int* out) {
  return on_device(__func__, device, [&](Call&, const Target& t) {
    return t.state.mig && !t.is_mig() ? kNotSupported : give(out, static_cast<int>(kComputeDefault));
  });
}
TESSERA_EXPORT Return nvmlDeviceGetVirtualizationMode(Device device, int* out) {
  return on_gpu(__func__, device, [&](Call&, const Target&) { return give(out, static_cast<int>(kVirtualNone)); });
}

TESSERA_EXPORT Return nvmlDeviceGetEccMode(Device device, int* current, int* pending) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!t.spec.model->data_center) return kNotSupported;
    if (!current || !pending) return kInvalidArgument;
    *current = *pending = 1;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetGspFirmwareVersion(Device device, char* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (t.spec.model->architecture < kTuring) return kNotSupported;
    const std::string& given = call.node.spec().driver.version;
    return copy_text(given.empty() ? generation().driver_version : given, out, kVersionBuffer);
  });
}
TESSERA_EXPORT Return nvmlDeviceGetGspFirmwareMode(Device device, u32* enabled, u32* by_default) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (t.spec.model->architecture < kTuring) return kNotSupported;
    if (!enabled || !by_default) return kInvalidArgument;
    *enabled = *by_default = 1;
    return kSuccess;
  });
}
