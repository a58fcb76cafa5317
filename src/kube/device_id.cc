#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "kube/pod_resources.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kUuidLength = 36;

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<unsigned> take_number(std::string_view& text) {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  return number(digits);
}

std::string_view take_uuid(std::string_view& text) {
  const auto uuid = text.substr(0, kUuidLength);
  if (uuid.size() != kUuidLength) return {};
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (uuid[i] >= '0' && uuid[i] <= '9') || (uuid[i] >= 'a' && uuid[i] <= 'f');
    if (dash ? uuid[i] != '-' : !hex) return {};
  }
  text.remove_prefix(kUuidLength);
  return uuid;
}

/// "mig-gpu-<uuid>/<gi>/<ci>": how drivers before R470 named an instance.
bool read_old_mig(std::string_view id, DeviceRef& ref) {
  if (!take(id, "mig-gpu-")) return false;
  const auto uuid = take_uuid(id);
  if (uuid.empty() || !take(id, "/")) return false;
  ref.uuid = "GPU-" + std::string(uuid);
  ref.gpu_instance = take_number(id);
  if (!take(id, "/")) return false;
  ref.compute_instance = take_number(id);
  return ref.gpu_instance && ref.compute_instance && id.empty();
}

/// "gpu-<uuid>", "mig-<uuid>", and "…-<n>" of the schedulers that share GPUs by fake replicas.
bool read_uuid(std::string_view id, DeviceRef& ref) {
  const std::string_view kind = id.starts_with("gpu-") ? "GPU-" : "MIG-";
  if (!take(id, "gpu-") && !take(id, "mig-")) return false;
  const auto uuid = take_uuid(id);
  if (uuid.empty()) return false;
  ref.uuid = std::string(kind) + std::string(uuid);
  if (id.empty()) return true;
  if (!ref.replica.empty() || !take(id, "-") || !number(id)) return false;
  ref.replica = id;
  return true;
}

/// GKE: "nvidia<minor>[/gi<N>][/vgpu<K>]".
bool read_gke(std::string_view id, DeviceRef& ref) {
  if (!take(id, "nvidia")) return false;
  ref.minor = take_number(id);
  if (!ref.minor) return false;
  if (take(id, "/gi")) {
    ref.gpu_instance = take_number(id);
    if (!ref.gpu_instance) return false;
  }
  if (id.empty()) return true;
  if (!ref.replica.empty() || !take(id, "/vgpu") || !number(id)) return false;
  ref.replica = id;
  return true;
}

/// DRA: "gpu-<minor>[-mig-<profile>-<profile id>-<start>]". "gpu-vfio-<n>" belongs to a virtual machine.
bool read_dra(std::string_view id, DeviceRef& ref) {
  if (!take(id, "gpu-")) return false;
  ref.minor = take_number(id);
  if (!ref.minor) return false;
  if (id.empty()) return true;
  if (!take(id, "-mig-")) return false;
  const auto last = id.rfind('-');
  const auto middle = last == std::string_view::npos || last == 0 ? last : id.rfind('-', last - 1);
  if (middle == std::string_view::npos || middle == 0) return false;
  ref.mig_profile = number(id.substr(middle + 1, last - middle - 1));
  ref.mig_start = number(id.substr(last + 1));
  return ref.mig_profile && ref.mig_start;
}

constexpr bool (*kForms[])(std::string_view, DeviceRef&) = {read_old_mig, read_uuid, read_gke, read_dra};

}  // namespace

std::optional<DeviceRef> parse_device_id(std::string_view id) {
  const std::string text = lower(id);
  std::string_view device = text;
  std::string replica;
  if (const auto at = device.find("::"); at != std::string_view::npos) {
    replica = device.substr(at + 2);
    if (!number(replica)) return std::nullopt;
    device = device.substr(0, at);
  }
  for (const auto& read : kForms) {
    DeviceRef ref;
    ref.replica = replica;
    if (read(device, ref)) return ref;
  }
  return std::nullopt;
}

}  // namespace tessera::kube
