#include "fleet/inventory/parts.h"

#include <algorithm>
#include <array>

namespace tessera::fleet {
namespace {

using gpu::Reading;

struct Having {
  bool held = false;
  bool known_unused = true;  ///< each holder is said to have no process there
  std::size_t sessions = 0;
  std::optional<EpochMs> since;  ///< of the first who has it
};

void begin_with(std::optional<EpochMs>& first, EpochMs time) { first = std::min(first.value_or(time), time); }

Having having_of(const Device& device, const Part& part) {
  Having out;
  for (const Allocation& one : device.allocations) {
    if (!covers(one.part, part)) continue;
    out.held = true;
    out.known_unused &= one.used == false;
    begin_with(out.since, one.first_seen);
  }
  for (const Session& one : device.sessions) {
    if (!covers(one.part, part)) continue;
    ++out.sessions;
    begin_with(out.since, one.first_seen);
  }
  return out;
}

bool tells_activity(const gpu::Readings& readings) {
  return readings[Reading::GraphicsEngineActiveRatio] || readings[Reading::GpuUtilPercent];
}

}  // namespace

bool is_cut(const Device& device) { return !device.instances.empty() || device.facts->mig_enabled == true; }

std::vector<DevicePart> parts_of(const Device& device) {
  if (!is_cut(device)) return {{{}, nullptr, &device.readings, device.quiet_since}};
  std::vector<DevicePart> out;
  for (const ListedInstance& one : listed_instances(device))
    out.push_back({one.instance->part, one.instance, one.readings, one.quiet_since});
  return out;
}

bool covers(const Part& told, const Part& part) {
  if (told.gpu_instance != part.gpu_instance) return false;
  return !told.compute_instance || !part.compute_instance || told.compute_instance == part.compute_instance;
}

std::string_view profile_of(const Device& device, const Part& part) {
  for (const Instance& one : device.instances)
    if (covers(part, one.part) && !one.facts->profile.empty()) return one.facts->profile;
  return {};
}

bool tells_sessions(const Device& device) { return device.up.has_value() || !device.sessions.empty(); }

std::string_view use_name(Use use) {
  constexpr std::array<std::string_view, kUses> kNames = {"active", "idle", "free", "unknown"};
  return kNames[static_cast<std::size_t>(use)];
}

UseSince use_of(const Device& device, const DevicePart& part) {
  if (device.presence != Presence::Present) return {};
  const Having having = having_of(device, part.part);
  if (!having.held && having.sessions == 0) return {Use::Free, std::nullopt};
  const bool quiet = part.quiet_since && device.last_seen - *part.quiet_since >= kQuietBeforeIdle.count();
  const bool without_process = having.sessions == 0 && (having.known_unused || device.up == true);
  if (quiet || without_process) {
    if (!part.quiet_since) return {Use::Idle, std::nullopt};
    return {Use::Idle, std::max(*part.quiet_since, having.since.value_or(0))};
  }
  if (having.sessions == 0 && !tells_activity(*part.readings)) return {};
  return {Use::Active, std::nullopt};
}

UseSince use_of(const Device& device) {
  if (device.presence != Presence::Present) return {};
  UseSince out{Use::Free, std::nullopt};
  for (const DevicePart& part : parts_of(device)) {
    const UseSince of = use_of(device, part);
    if (of.use == Use::Active) return of;
    if (of.use == Use::Unknown && out.use == Use::Free) out.use = Use::Unknown;
    if (of.use != Use::Idle) continue;
    // The latest of its parts: until then one of them did something.
    const bool known = of.idle_since && (out.use != Use::Idle || out.idle_since);
    out.idle_since = known ? std::max(of.idle_since, out.idle_since) : std::nullopt;
    out.use = Use::Idle;
  }
  return out;
}

EpochMs first_had(const Device& device) {
  EpochMs out = device.last_seen;
  for (const Allocation& one : device.allocations) out = std::min(out, one.first_seen);
  for (const Session& one : device.sessions) out = std::min(out, one.first_seen);
  return out;
}

std::optional<double> memory_used_bytes(const Device& device) {
  if (const auto used = device.readings[Reading::MemoryUsedBytes]) return used;
  std::optional<double> out;
  std::optional<unsigned> counted;  // compute instances of one GPU instance share its memory
  for (const ListedInstance& one : listed_instances(device)) {
    if (counted == one.instance->part.gpu_instance) continue;
    counted = one.instance->part.gpu_instance;
    if (const auto part = (*one.readings)[Reading::MemoryUsedBytes]) out = out.value_or(0) + *part;
  }
  return out;
}

std::optional<double> memory_total_bytes(const Device& device) {
  if (const auto total = device.readings[Reading::MemoryTotalBytes]) return total;
  return device.facts->memory_bytes ? std::optional(static_cast<double>(*device.facts->memory_bytes)) : std::nullopt;
}

}  // namespace tessera::fleet
