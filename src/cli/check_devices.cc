// The devices, as they answered in one collection.
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "cli/checks.h"

namespace tessera::cli {
namespace {
using gpu::Device;
using gpu::Health;
using gpu::Reading;

std::string named(const Device& device) {
  std::string out = gpus({device.index});
  if (!device.name.empty()) out += " " + device.name;
  if (!device.pci_bus_id.empty()) out += " at " + device.pci_bus_id;
  return out;
}

struct Illness {
  Health health;
  std::string_view fallback;  ///< what to say where the reader gave no reason
  std::string_view advice;
  std::vector<std::string> (*commands)(const Device&);
};
std::vector<std::string> reset_commands(const Device& d) {
  return {"dmesg | grep -i xid", fmt::format("nvidia-smi -i {} --gpu-reset", d.index)};
}
std::vector<std::string> watch_commands(const Device& d) {
  return {fmt::format("timeout 10 nvidia-smi -i {}", d.index), "dmesg | grep -i xid"};
}
std::vector<std::string> rights_commands(const Device& d) {
  return {fmt::format("ls -l /dev/nvidia{}", d.minor.value_or(d.index))};
}
const Illness kIllnesses[] = {
    {Health::Slow, "did not answer in time",
     "It hangs: look for an Xid in the kernel log, drain the node, then reset the GPU or reboot.", watch_commands},
    {Health::Lost, "lost",
     "Drain the node, then reset the GPU; if it is gone from the bus, reboot. When it comes back here, look at the "
     "slot, the power and the card.",
     reset_commands},
    {Health::Denied, "may not be opened", "Run as root, or give this container the device.", rights_commands},
    {Health::Failed, "failed", "The driver answered with an error: see what nvidia-smi says.", watch_commands},
};

Finding ill(const Device& device) {
  const auto* illness = std::ranges::find(kIllnesses, device.health, &Illness::health);
  return {Status::Problem, named(device), device.why.empty() ? std::string(illness->fallback) : device.why,
          std::string(illness->advice), illness->commands(device)};
}

/// "NVIDIA H100 80GB HBM3 (2)"
std::string models(const std::vector<const Device*>& devices) {
  std::map<std::string, unsigned> counts;
  for (const auto* device : devices) ++counts[device->name];
  std::vector<std::string> out;
  for (const auto& [name, count] : counts) out.push_back(count == 1 ? name : fmt::format("{} × {}", count, name));
  return fmt::format("{}", fmt::join(out, ", "));
}

/// A reading of memory health that should be 0.
struct Wear {
  Reading reading;
  Status status;
  std::string_view seen;  ///< {} is the count
  std::string_view advice;
};
constexpr std::string_view kResetSoon =
    "Drain the node and reset the GPU (or reboot), so that the repair takes effect.";
constexpr Wear kWear[] = {
    {Reading::RowRemapFailure, Status::Problem, "a row of its memory could not be remapped",
     "The card's memory is worn out: take it out of service and ask the vendor for a replacement."},
    {Reading::RowRemapPending, Status::Warning, "a row of its memory waits to be remapped", kResetSoon},
    {Reading::RetiredPagesPending, Status::Warning, "a page of its memory waits to be retired", kResetSoon},
    {Reading::EccUncorrectedVolatileTotal, Status::Warning,
     "uncorrectable memory errors since the driver was loaded: {}",
     "Programs that met one have crashed or computed wrong. Watch it, and test or replace the card if more come."},
    {Reading::EccUncorrectedAggregateTotal, Status::Note, "uncorrectable memory errors in its life: {}",
     "Nothing to do while the number stands still; alert on its growth."},
};

}  // namespace

Findings check_devices(const Node& node) {
  const auto& sight = node.driver;
  if (sight.failure)
    return {{Status::Note,
             "the driver's devices",
             "not looked at: the driver does not start",
             "Mend the driver first; the checks of devices, MIG, memory and profiling wait for it.",
             {}}};
  if (sight.devices.empty())
    return {{Status::Problem,
             sight.path,
             "the driver has no device",
             "In a container, set NVIDIA_VISIBLE_DEVICES=all; on a node, see what the driver says about its GPUs.",
             {"nvidia-smi -L", "dmesg | grep -iE 'nvidia|nvrm|xid'"}}};
  Findings out;
  std::vector<const Device*> well;
  for (const auto& device : sight.devices) {
    if (device.health == Health::Up)
      well.push_back(&device);
    else
      out.push_back(ill(device));
  }
  if (!well.empty())
    out.insert(out.begin(),
               {Status::Ok,
                sight.path,
                fmt::format("{} of {} answer: {}", well.size(), count_of(sight.devices.size(), "device"), models(well)),
                "",
                {}});
  return out;
}

Findings check_memory_health(const Node& node) {
  Findings out;
  std::vector<unsigned> clean;
  for (const auto& device : node.driver.devices) {
    if (device.health != Health::Up) continue;
    const std::size_t before = out.size();
    bool known = false;
    for (const auto& wear : kWear) {
      const auto value = device.readings[wear.reading];
      known = known || value.has_value();
      if (value.value_or(0) <= 0) continue;
      out.push_back({wear.status,
                     named(device),
                     fmt::format(fmt::runtime(wear.seen), *value),
                     std::string(wear.advice),
                     {fmt::format("nvidia-smi -i {} -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT", device.index)}});
    }
    if (known && out.size() == before) clean.push_back(device.index);
  }
  if (!clean.empty())
    out.insert(out.begin(),
               {Status::Ok, gpus(clean), "no uncorrectable memory error, nothing waits for a repair", "", {}});
  return out;
}

Findings check_profiling(const Node& node) {
  std::vector<unsigned> measured;
  std::map<std::string, std::vector<unsigned>> not_measured;
  for (const auto& device : node.driver.devices) {
    if (device.health != Health::Up) continue;
    if (device.profiling_supported)
      measured.push_back(device.index);
    else
      not_measured[device.profiling_why].push_back(device.index);
  }
  Findings out;
  if (!measured.empty()) out.push_back({Status::Ok, gpus(measured), "engine activity is measured (GPM)", "", {}});
  for (const auto& [why, indices] : not_measured)
    out.push_back(
        {Status::Note,
         gpus(indices),
         fmt::format("no DCGM_FI_PROF_* metrics{}{}", why.empty() ? "" : ": ", why),
         "GPM needs Hopper or later and driver R520 or later. On older GPUs run NVIDIA's dcgm-exporter beside "
         "the agent for these fields; DCGM_FI_DEV_GPU_UTIL is there outside MIG mode.",
         {}});
  return out;
}

Findings check_persistence(const Node& node) {
  std::vector<unsigned> on;
  std::vector<unsigned> off;
  for (const auto& device : node.driver.devices)
    if (device.health == Health::Up && device.persistence_mode)
      (*device.persistence_mode ? on : off).push_back(device.index);
  Findings out;
  if (!on.empty()) out.push_back({Status::Ok, gpus(on), "persistence mode is on", "", {}});
  if (!off.empty())
    out.push_back({Status::Note,
                   gpus(off),
                   "persistence mode is off: a GPU that nobody uses is shut down, and waking it takes seconds",
                   "Harmless while tessera-agent runs, since it holds the driver. Better is NVIDIA's daemon.",
                   {"systemctl enable --now nvidia-persistenced"}});
  return out;
}

}  // namespace tessera::cli
