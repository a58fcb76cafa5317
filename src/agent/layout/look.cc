#include "agent/layout/look.h"

#include <algorithm>

#include "base/text.h"

namespace tessera::agent::layout {
namespace {

constexpr std::int64_t kHopper = 9;  // its compute capability: from there on the mode changes without a reset

bool needs_reset(const gpu::Device& device) {
  if (!device.compute_capability) return true;
  const auto major = parse_int(split(*device.compute_capability, '.').front());
  return !major || *major < kHopper;
}

std::string who(const Workload& workload) { return workload.pod.empty() ? "" : workload.space + "/" + workload.pod; }

/// What the kubelet cannot tell, nobody may take for idle.
std::string holders_unknown(const Observation& seen, const gpu::Device& device) {
  if (!seen.sessions_known())
    return "it is not known which processes run on this node, so nothing is taken away: give this program the host's "
           "PID "
           "namespace (hostPID: true)";
  if (!seen.kubernetes) return {};
  const AllocationState& state = seen.allocations;
  if (!state.known || !state.problem.empty())
    return fmt::format(
        "the kubelet cannot be asked who holds what, so nothing is taken away: {}. Outside Kubernetes say "
        "--kubernetes=false",
        state.problem.empty() ? "it has not answered yet" : state.problem);
  if (state.unmatched > 0 && !device.minor)
    return "a pod holds a device that the kubelet names by a number, and the driver does not tell the numbers";
  return {};
}

std::string unknown(const Observation& seen, const gpu::Device& device, const Listed& listed) {
  if (!seen.snapshot.inventory_why.empty()) return seen.snapshot.inventory_why;
  if (device.health != gpu::Health::Up) return device.why;
  if (!device.mig_enabled) return {};
  const bool told = std::ranges::any_of(device.profiles, [](const auto& p) { return !p.placements.empty(); });
  if (!told) return "the driver does not tell where instances may be placed: that needs root";
  if (!to_be_listed(device)) return {};
  const auto list = listed.find(device.uuid);
  if (list == listed.end()) return "its GPU instances were not listed";
  if (!list->second) return list->second.error().what;
  std::size_t compute = 0;
  for (const nvml::StandingInstance& one : *list->second) {
    if (std::ranges::find(device.profiles, one.profile, &gpu::Profile::id) == device.profiles.end())
      return fmt::format("GPU instance {} is of profile {}, which the driver does not list", one.id, one.profile);
    for (const unsigned id : one.compute_instances)
      compute += std::ranges::count_if(device.instances, [&](const gpu::Instance& instance) {
                   return instance.gpu_instance == one.id && instance.compute_instance == id &&
                          instance.placement == one.placement;
                 }) == 1;
  }
  const std::size_t listed_compute = [&] {
    std::size_t sum = 0;
    for (const auto& one : *list->second) sum += one.compute_instances.size();
    return sum;
  }();
  // Processes are known per compute instance: one that only the driver's list has may be busy.
  if (compute != listed_compute || compute != device.instances.size())
    return "its instances changed while they were looked at";
  return {};
}

HeldBy held_by(bool process, bool pod) {
  return process && pod ? HeldBy::Both : process ? HeldBy::Process : pod ? HeldBy::Pod : HeldBy::Nobody;
}

/// Who uses a device, or one of its instances.
struct Use {
  bool process = false;
  bool pod = false;
  std::string holder;
};

Use use_of(const Observation& seen, const gpu::Device& device, std::optional<unsigned> instance) {
  Use out;
  out.process = std::ranges::count(device.processes, instance, &gpu::Process::gpu_instance) > 0;
  const auto here = [&](const Subject& subject) {
    return subject.uuid == device.uuid && subject.gpu_instance == instance;
  };
  for (const Session& session : seen.sessions)
    if (here(session.subject) && out.holder.empty()) out.holder = who(session.workload);
  for (const Allocation& allocation : seen.allocations.list) {
    if (!here(allocation.subject)) continue;
    out.pod = true;
    if (const auto name = who(allocation.workload); !name.empty()) out.holder = name;
  }
  return out;
}

std::vector<Standing> standing_on(const Observation& seen, const gpu::Device& device,
                                  const std::vector<nvml::StandingInstance>& list) {
  std::vector<Standing> out;
  for (const nvml::StandingInstance& one : list) {
    const auto profile = std::ranges::find(device.profiles, one.profile, &gpu::Profile::id);
    Standing standing{.place = {one.placement, profile->name}, .gpu_instance = one.id};
    for (const gpu::Instance& instance : device.instances)
      if (instance.gpu_instance == one.id)
        standing.compute_instances.push_back({instance.compute_instance, instance.profile, instance.uuid});
    Use use = use_of(seen, device, one.id);
    standing.held_by = held_by(use.process, use.pod);
    standing.holder = std::move(use.holder);
    out.push_back(std::move(standing));
  }
  std::ranges::sort(out, {}, &Standing::place);
  return out;
}

}  // namespace

bool to_be_listed(const gpu::Device& device) { return device.health == gpu::Health::Up && device.mig_enabled == true; }

std::vector<DeviceState> states_of(const Observation& seen, const Listed& listed) {
  std::vector<DeviceState> out;
  for (const gpu::Device& device : seen.snapshot.devices) {
    if (device.uuid.empty()) continue;  // one that has never answered cannot be named
    DeviceState state{.index = device.index, .uuid = device.uuid, .name = device.name, .mig = device.mig_enabled};
    state.pending = device.mig_pending ? device.mig_pending : device.mig_enabled;
    state.mode_needs_reset = needs_reset(device);
    const Use use = use_of(seen, device, std::nullopt);
    state.busy = use.process || use.pod;
    state.profiles = device.profiles;
    state.unknown = unknown(seen, device, listed);
    state.holders_unknown = holders_unknown(seen, device);
    if (state.unknown.empty() && to_be_listed(device))
      state.instances = standing_on(seen, device, *listed.at(device.uuid));
    out.push_back(std::move(state));
  }
  return out;
}

void Tenure::note(std::vector<DeviceState>& devices, EpochMs now) {
  std::map<Key, Known> next;
  for (DeviceState& device : devices) {
    // What is not known at the moment has not ended.
    if (!device.unknown.empty())
      for (const auto& [key, known] : known_)
        if (std::get<0>(key) == device.uuid) next.emplace(key, known);
    for (Standing& standing : device.instances) {
      Key key{device.uuid, standing.gpu_instance,
              standing.compute_instances.empty() ? std::string() : standing.compute_instances[0].uuid};
      const auto before = known_.find(key);
      const bool same = before != known_.end() && before->second.held_by == standing.held_by &&
                        before->second.holder == standing.holder;
      standing.since = same ? before->second.since : now;
      next.insert_or_assign(std::move(key), Known{standing.held_by, standing.holder, standing.since});
    }
  }
  known_ = std::move(next);
}

}  // namespace tessera::agent::layout
