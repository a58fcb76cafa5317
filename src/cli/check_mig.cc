// MIG: what was carved, what was left half carved, and who may look.
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "base/files.h"
#include "base/text.h"
#include "cli/checks.h"

#include <fcntl.h>
#include <unistd.h>

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;
using gpu::Device;

std::string on_off(bool on) { return on ? "on" : "off"; }

/// GPU instances as /proc lists them for every user; the driver itself lists them for root only.
std::optional<std::vector<unsigned>> listed_in_proc(const fs::path& proc, const Device& device) {
  if (!device.minor) return std::nullopt;
  std::error_code unreadable;
  std::vector<unsigned> out;
  const auto folder = proc / fmt::format("driver/nvidia/capabilities/gpu{}/mig", *device.minor);
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    const auto name = entry.path().filename().string();
    const auto id = name.starts_with("gi") ? parse_int(std::string_view(name).substr(2)) : std::nullopt;
    if (id && *id >= 0) out.push_back(static_cast<unsigned>(*id));
  }
  if (unreadable) return std::nullopt;
  std::ranges::sort(out);
  return out;
}

std::optional<std::vector<unsigned>> gpu_instances(const Node& node, const Device& device) {
  const auto listed = node.driver.gpu_instances.find(device.index);
  if (listed != node.driver.gpu_instances.end()) return listed->second;
  return listed_in_proc(node.at.proc, device);
}

Finding without_instances(const Device& device) {
  return {Status::Warning,
          gpus({device.index}),
          "MIG mode is on, but there is no instance: no program can use this device",
          "Carve instances (the first command lists what fits), or turn MIG mode off.",
          {fmt::format("nvidia-smi mig -i {} -lgip", device.index),
           fmt::format("nvidia-smi mig -i {} -cgi PROFILE,PROFILE -C", device.index),
           fmt::format("nvidia-smi -i {} -mig 0", device.index)}};
}

Finding mode_pending(const Device& device) {
  return {Status::Warning,
          gpus({device.index}),
          fmt::format("MIG mode is {}, and will be {} after the next reset", on_off(device.mig_enabled.value_or(false)),
                      on_off(*device.mig_pending)),
          "Stop everything that uses this GPU (also DCGM, tessera-agent and the device plugin), then reset it.",
          {fmt::format("nvidia-smi -i {} --gpu-reset", device.index)}};
}

void look_at_instances(const Node& node, const Device& device, Findings& out) {
  std::set<unsigned> with_compute;
  for (const auto& instance : device.instances) with_compute.insert(instance.gpu_instance);
  const auto listed = gpu_instances(node, device);
  const std::size_t before = out.size();
  for (const unsigned id : listed.value_or(std::vector<unsigned>{}))
    if (!with_compute.contains(id))
      out.push_back({Status::Warning,
                     fmt::format("GPU {}, GPU instance {}", device.index, id),
                     "it has no compute instance: its slices are taken, but no program can use them",
                     "Create its compute instance, or destroy it.",
                     {fmt::format("nvidia-smi mig -i {} -gi {} -cci", device.index, id),
                      fmt::format("nvidia-smi mig -i {} -gi {} -dgi", device.index, id)}});
  if (device.instances.empty()) {
    if (out.size() == before) out.push_back(without_instances(device));
    return;
  }
  std::vector<std::string> profiles;
  for (const auto& instance : device.instances) profiles.push_back(instance.profile);
  out.push_back({Status::Ok,
                 gpus({device.index}),
                 fmt::format("MIG: {} ({})", count_of(profiles.size(), "instance"), fmt::join(profiles, ", ")),
                 "",
                 {}});
}

bool without_placements(const Device& device) {
  return std::ranges::any_of(device.instances, [](const auto& i) { return !i.placement.has_value(); }) ||
         (!device.profiles.empty() &&
          std::ranges::all_of(device.profiles, [](const auto& p) { return p.placements.empty(); }));
}

/// Why a MIG capability may not be used; empty where it may.
std::string refusal(const Node& node, std::string_view capability) {
  const auto minors = read_file(node.at.proc / "driver/nvidia-caps/mig-minors");
  if (!minors) return "the kernel module lists no MIG capabilities";
  for (const auto line : split(*minors, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() != 2 || words[0] != capability) continue;
    const auto path = node.at.dev / "nvidia-caps" / fmt::format("nvidia-cap{}", words[1]);
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) {
      ::close(file);
      return {};
    }
    return fmt::format("{}: {}", path.string(), std::generic_category().message(errno));
  }
  return fmt::format("the kernel module lists no capability '{}'", capability);
}

}  // namespace

Findings check_mig(const Node& node) {
  Findings out;
  std::vector<unsigned> off;
  std::vector<unsigned> refused;
  for (const auto& device : node.driver.devices) {
    if (device.health != gpu::Health::Up || !device.mig_enabled) continue;
    if (device.mig_pending && *device.mig_pending != *device.mig_enabled) out.push_back(mode_pending(device));
    if (!*device.mig_enabled) {
      off.push_back(device.index);
      continue;
    }
    look_at_instances(node, device, out);
    if (without_placements(device)) refused.push_back(device.index);
  }
  if (!off.empty()) out.push_back({Status::Ok, gpus(off), "MIG mode is off", "", {}});
  if (!refused.empty())
    out.push_back({Status::Note,
                   gpus(refused),
                   "the driver does not tell where on the device the instances lie",
                   "It tells root only: run as root. Without, the agent has no start and size of instances, and the "
                   "server cannot plan layouts for this node.",
                   {}});
  return out;
}

Findings check_mig_rights(const Node& node) {
  const auto& sight = node.driver;
  const bool mig = std::ranges::any_of(sight.devices, [](const auto& d) { return d.mig_enabled == true; });
  if (!mig || sight.driver.simulated) return {};
  const auto caps = (node.at.dev / "nvidia-caps").string();
  const auto monitor = refusal(node, "monitor");
  const auto config = refusal(node, "config");
  Findings out;
  if (!monitor.empty())
    out.push_back({Status::Warning,
                   caps,
                   fmt::format("may not watch all MIG instances ({})", monitor),
                   "Run as root; in a container set NVIDIA_MIG_MONITOR_DEVICES=all beside NVIDIA_VISIBLE_DEVICES=all.",
                   {"ls -l " + caps}});
  else
    out.push_back({Status::Ok, caps, "may watch all MIG instances", "", {}});
  if (!config.empty() && monitor.empty())
    out.push_back({Status::Note,
                   caps,
                   fmt::format("may not create or destroy MIG instances ({})", config),
                   "Nothing to do for metrics. Changing layouts needs root, and in a container "
                   "NVIDIA_MIG_CONFIG_DEVICES=all.",
                   {}});
  return out;
}

}  // namespace tessera::cli
