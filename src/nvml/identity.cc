#include "nvml/identity.h"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::nvml {
namespace {

struct ArchitectureName {
  abi::u32 number;
  std::string_view name;
};
constexpr ArchitectureName kArchitectures[] = {
    {2, "Kepler"},          {3, "Maxwell"},           {abi::kPascal, "Pascal"},
    {abi::kVolta, "Volta"}, {abi::kTuring, "Turing"}, {abi::kAmpere, "Ampere"},
    {abi::kAda, "Ada"},     {abi::kHopper, "Hopper"}, {abi::kBlackwell, "Blackwell"},
    {abi::kRubin, "Rubin"}};

std::optional<std::string> text(abi::Return (*function)(abi::Device, char*, abi::u32), abi::Device device,
                                abi::u32 size) {
  std::array<char, abi::kNameBuffer + 1> out{};
  if (!function || function(device, out.data(), size) != abi::kSuccess) return std::nullopt;
  return out.data();
}

template <class T>
std::optional<unsigned> number(abi::Return (*function)(abi::Device, T*), abi::Device device) {
  T out{};
  if (!function || function(device, &out) != abi::kSuccess) return std::nullopt;
  return static_cast<unsigned>(out);
}

std::optional<std::string> architecture(const Api& api, abi::Device device) {
  const auto found = number(api.nvmlDeviceGetArchitecture, device);
  for (const ArchitectureName& row : kArchitectures)
    if (found == row.number) return std::string(row.name);
  return std::nullopt;
}

std::string pci_bus_id(const Api& api, abi::Device device) {
  abi::PciInfo pci{};
  if (!api.nvmlDeviceGetPciInfo_v3 || api.nvmlDeviceGetPciInfo_v3(device, &pci) != abi::kSuccess) return {};
  pci.busId[sizeof pci.busId - 1] = '\0';
  return pci.busId;
}

}  // namespace

void read_identity(const Api& api, abi::Device device, gpu::Device& out) {
  out.name = text(api.nvmlDeviceGetName, device, abi::kNameBuffer).value_or("");
  out.pci_bus_id = pci_bus_id(api, device);
  out.minor = number(api.nvmlDeviceGetMinorNumber, device);
  out.serial = text(api.nvmlDeviceGetSerial, device, abi::kSerialBuffer);
  out.architecture = architecture(api, device);
  int major = 0;
  int minor = 0;
  if (api.nvmlDeviceGetCudaComputeCapability &&
      api.nvmlDeviceGetCudaComputeCapability(device, &major, &minor) == abi::kSuccess)
    out.compute_capability = fmt::format("{}.{}", major, minor);
  out.virtualization_mode = number(api.nvmlDeviceGetVirtualizationMode, device);
  int current = 0;
  int pending = 0;
  if (api.nvmlDeviceGetEccMode && api.nvmlDeviceGetEccMode(device, &current, &pending) == abi::kSuccess)
    out.ecc_enabled = current != 0;
}

void read_modes(Asking& asking, gpu::Device& out) {
  int mode = 0;
  out.compute_mode.reset();
  if (asking.ask(Call::ComputeMode, asking.api.nvmlDeviceGetComputeMode, &mode))
    out.compute_mode = static_cast<unsigned>(mode);
  int persistence = 0;
  out.persistence_mode.reset();
  if (asking.ask(Call::PersistenceMode, asking.api.nvmlDeviceGetPersistenceMode, &persistence))
    out.persistence_mode = persistence != 0;
}

}  // namespace tessera::nvml
