// What labels tell: which node, device, instance, session or allocation a series is about, and its facts.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "fleet/inventory/fleet.h"
#include "gpu/profile_name.h"

namespace tessera::fleet {
namespace {

std::optional<unsigned> number(std::string_view text) {
  const auto value = parse_int(text);
  if (!value || *value < 0 || *value > 0xFFFFFFFF) return std::nullopt;
  return static_cast<unsigned>(*value);
}

std::optional<bool> flag(std::string_view text) {
  if (text == "1" || text == "Enabled") return true;
  if (text == "0" || text == "Disabled") return false;
  return std::nullopt;
}

/// The part that has the number itself.
Part part_of(const Meaning& meaning, const Part& told) {
  if (meaning.says != Says::Reading) return {};
  return is_per_instance(meaning.reading) ? Part{told.gpu_instance, {}} : Part{};
}

/// "0:1,1:1": start and size.
std::vector<gpu::Placement> placements(std::string_view text) {
  std::vector<gpu::Placement> out;
  for (const std::string_view pair : split(text, ',')) {
    const auto parts = split(pair, ':');
    const auto start = parts.size() == 2 ? number(parts[0]) : std::nullopt;
    const auto size = parts.size() == 2 ? number(parts[1]) : std::nullopt;
    if (start && size) out.push_back({*start, *size});
  }
  return out;
}

void take(std::string& into, std::string_view told) {
  if (!told.empty()) into = told;
}

template <class T>
void take(std::optional<T>& into, std::optional<T> told) {
  if (told) into = told;
}

/// The changed copy in the place of the old, where there is a change.
template <class T>
void replace_if_new(std::shared_ptr<const T>& into, T changed) {
  if (*into == changed) return;
  into = std::make_shared<const T>(std::move(changed));
}

bool is_same(const gpu::Profile& a, const gpu::Profile& b) {
  const auto all = [](const gpu::Profile& of) {
    return std::tie(of.id, of.name, of.compute_slices, of.sm_count, of.memory_bytes, of.max_instances, of.placements);
  };
  return all(a) == all(b);
}

bool by_index(const Device& a, const Device& b) {
  return std::tie(a.facts->index, a.facts->uuid) < std::tie(b.facts->index, b.facts->uuid);
}

}  // namespace

Slot Fleet::learn(Labels labels, EpochMs time) {
  Meaning meaning = meaning_of(label(labels, "__name__"));
  if (meaning.says == Says::Nothing) return kNothing;
  Identity identity = identity_of(labels);
  if (identity.node.empty() || identity.uuid.empty() || !in_pool(identity)) return kNothing;
  // Nobody's row tells that there is a device: in a textfile nothing else does.
  if (meaning.says == Says::SessionInfo && exporters_label(labels, "status") == "idle") meaning.says = Says::DeviceInfo;

  SlotState state;
  state.says = meaning.says;
  state.reading = meaning.reading;
  state.scale = meaning.scale;
  state.origin = identity.origin;
  state.source = identity.source;
  const Part told = std::exchange(identity.part, part_of(meaning, identity.part));
  if (!has_room(identity, told)) return kNothing;
  state.subject = learn_part(identity, time);
  if (!learn_labels(state, identity, told, labels, time)) return kNothing;
  count_slot(state, 1);
  if (state.has_row()) ++rows_[state.detail].slots;
  if (free_slots_.empty()) {
    slots_.push_back(state);
    return static_cast<Slot>(slots_.size() - 1);
  }
  const Slot slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot] = state;
  return slot;
}

void Fleet::relearn(Slot slot, Labels labels, EpochMs time) {
  SlotState state = slots_[slot];
  Identity identity = identity_of(labels);
  const Part told = std::exchange(identity.part, part_of({state.says, state.reading, state.scale}, identity.part));
  learn_part(identity, time);  // its device may be back where it was
  learn_labels(state, identity, told, labels, time);
}

bool Fleet::learn_labels(SlotState& state, const Identity& identity, const Part& told, Labels labels, EpochMs time) {
  const Place place = subjects_[state.subject];  // a copy: more of them may come
  const Holder holder = holder_of(labels);
  const Part gpu_instance{told.gpu_instance, {}};
  switch (state.says) {
    case Says::Reading:
      learn_device_facts(place, labels, time);
      if (told.gpu_instance) learn_instance_facts(place, gpu_instance, labels, time);
      if (!holder.empty()) state.detail = learn_allocation(identity, gpu_instance, labels, holder, time);
      return true;
    case Says::AllocationInfo:
    case Says::AllocationUsed:
      if (holder.empty()) return false;
      state.detail = learn_allocation(identity, told, labels, holder, time);
      return state.detail != kNone;
    case Says::UnallocatedProcesses:
      if (holder.empty()) return false;
      state.detail = learn_unallocated(identity, told, holder);
      return state.detail != kNone;
    case Says::SessionInfo:
    case Says::SessionStart:
    case Says::SessionMemoryBytes:
    case Says::SessionUtilPercent:
    case Says::SessionMemoryUtilPercent:
    case Says::SessionEnd:
      state.detail = learn_session(identity, told, labels, holder, time);
      return state.detail != kNone;
    case Says::DeviceXids: {
      const auto code = number(exporters_label(labels, "xid"));
      if (!code) return false;
      state.detail = *code;
      // The agent tells a code once it has come: where it has told of the node before, it has been counted from 0.
      if (was_told_before(nodes_[place.node], identity.source, time)) device_of(place).xids.try_emplace(*code, 0);
      return true;
    }
    case Says::InstanceInfo:
    case Says::InstanceComputeSlices:
    case Says::InstanceSmCount:
    case Says::InstanceMemoryBytes:
      if (!told.gpu_instance) return false;
      state.detail = told.compute_instance.value_or(kNone);
      state.metered = metered(identity, told, time);
      learn_instance_facts(place, told, labels, time);
      return true;
    case Says::ProfileInfo:
      learn_profile(place, labels);
      return true;
    default:
      learn_device_facts(place, labels, time);
      return true;
  }
}

bool Fleet::in_pool(const Identity& identity) const {
  if (!options_.nodes.empty() && std::ranges::find(options_.nodes, identity.node) == options_.nodes.end()) return false;
  return !options_.max_devices || devices_ < *options_.max_devices ||
         subject_by_name_.contains(subject_name(identity.cluster, identity.uuid, {}));
}

bool Fleet::has_room(const Identity& identity, const Part& told) {
  const FleetLimits& most = options_.limits;
  const bool full_of_nodes = nodes_.size() - free_nodes_.size() >= most.nodes;
  const bool full_of_devices = devices_ >= most.devices;
  const bool full_of_instances = subjects_.size() - free_subjects_.size() - devices_ >= most.instances;
  if (full_of_nodes && !node_by_name_.contains(fmt::format("{}/{}", identity.cluster, identity.node)))
    return refuse(Bounded::Node);
  if (full_of_devices && !subject_by_name_.contains(subject_name(identity.cluster, identity.uuid, {})))
    return refuse(Bounded::Device);
  if (full_of_instances && told.gpu_instance &&
      !subject_by_name_.contains(subject_name(identity.cluster, identity.uuid, {told.gpu_instance, {}})))
    return refuse(Bounded::Instance);
  return true;
}

std::uint32_t Fleet::learn_node(const Identity& identity) {
  const auto [entry, fresh] =
      node_by_name_.try_emplace(fmt::format("{}/{}", identity.cluster, identity.node), next_node());
  if (!fresh) return entry->second;
  auto node = std::make_shared<Node>();
  node->cluster = identity.cluster;
  node->name = identity.node;
  const auto name_of = [&](std::uint32_t number) {
    const Node& known = *nodes_[number].node;
    return std::tie(known.cluster, known.name);
  };
  const std::uint32_t number = new_node();
  nodes_[number] = {.node = std::move(node)};
  const auto place = std::ranges::lower_bound(order_, name_of(number), {}, name_of);
  order_.insert(place, entry->second);
  return entry->second;
}

NameKey Fleet::subject_name(std::string_view cluster, std::string_view uuid, const Part& part) {
  return key_of("{}/{}{}", cluster, uuid, part_name(part));
}

/// Goes on where it was before a restart.
void Fleet::begin_subject(const NameKey& name, std::uint32_t subject) {
  const auto before = counted_before_.extract(name);
  if (!before) return;
  for (Counted& one : before.mapped()) {
    one.subject = subject;
    meter_.remember(one);
  }
}

void Fleet::insert_device(std::uint32_t node, Device device, std::uint32_t subject) {
  std::vector<Device>& devices = edit(node).devices;
  const auto place = std::ranges::lower_bound(devices, device, by_index);
  const auto position = static_cast<std::uint32_t>(place - devices.begin());
  devices.insert(place, std::move(device));
  for (const std::uint32_t other : nodes_[node].subjects)
    if (subjects_[other].device >= position) ++subjects_[other].device;
  subjects_[subject].node = node;
  subjects_[subject].device = position;
  nodes_[node].subjects.push_back(subject);
}

/// A device whose subjects are not the node's any more.
void Fleet::take_out(std::uint32_t node, std::uint32_t position) {
  std::vector<Device>& devices = edit(node).devices;
  devices.erase(devices.begin() + position);
  for (const std::uint32_t other : nodes_[node].subjects)
    if (subjects_[other].device > position) --subjects_[other].device;
}

std::uint32_t Fleet::learn_device(const Identity& identity, EpochMs time) {
  const std::uint32_t node = learn_node(identity);
  const NameKey name = subject_name(identity.cluster, identity.uuid, {});
  const auto [entry, fresh] = subject_by_name_.try_emplace(name, next_subject());
  const std::uint32_t subject = entry->second;
  if (fresh) {
    ++devices_;
    new_subject();
    DeviceFacts facts;
    facts.uuid = identity.uuid;
    facts.index = identity.index.value_or(0);
    Device device;
    device.facts = std::make_shared<const DeviceFacts>(std::move(facts));
    device.first_seen = device.last_seen = time;
    device.layout_since = time;
    insert_device(node, std::move(device), subject);
    begin_subject(name, subject);
    return subject;
  }
  const Subject& known = subjects_[subject];
  const Device& device = nodes_[known.node].node->devices[known.device];
  const bool moved = known.node != node && device.presence != Presence::Present;
  const bool renumbered = known.node == node && identity.index && *identity.index != device.facts->index;
  if (moved || renumbered) move_device(subject, node, identity.index.value_or(device.facts->index));
  return subject;
}

/// To another node, where it was put into, or to another place of its node, whose order of PCI slots has changed.
void Fleet::move_device(std::uint32_t subject, std::uint32_t node, unsigned index) {
  const std::uint32_t before = subjects_[subject].node;
  const std::uint32_t position = subjects_[subject].device;
  Device device = edit(before).devices[position];
  DeviceFacts facts = *device.facts;
  facts.index = index;
  device.facts = std::make_shared<const DeviceFacts>(std::move(facts));
  std::vector<std::uint32_t> parts = subjects_at(nodes_[before], position);
  std::erase(parts, subject);
  std::erase_if(nodes_[before].subjects,
                [&](std::uint32_t other) { return other == subject || std::ranges::count(parts, other) != 0; });
  take_out(before, position);
  insert_device(node, std::move(device), subject);
  for (const std::uint32_t part : parts) {
    subjects_[part].node = node;
    subjects_[part].device = subjects_[subject].device;
    nodes_[node].subjects.push_back(part);
  }
}

std::uint32_t Fleet::learn_part(const Identity& identity, EpochMs time) {
  const std::uint32_t device = learn_device(identity, time);
  if (!identity.part.gpu_instance) return device;
  const NameKey name = subject_name(identity.cluster, identity.uuid, identity.part);
  const auto [entry, fresh] = subject_by_name_.try_emplace(name, next_subject());
  if (!fresh) return entry->second;
  Subject& part = subjects_[new_subject()];
  part.node = subjects_[device].node;
  part.device = subjects_[device].device;
  part.part = identity.part;
  nodes_[part.node].subjects.push_back(entry->second);
  begin_subject(name, entry->second);
  return entry->second;
}

void Fleet::learn_device_facts(const Place& place, Labels labels, EpochMs time) {
  const auto& known = nodes_[place.node].node->devices[place.device].facts;
  // Most series repeat what the first has told.
  const std::string_view model = exporters_label(labels, "modelName");
  if (!model.empty() && known->name == model &&
      known->driver_version == exporters_label(labels, "DCGM_FI_DRIVER_VERSION"))
    return;
  Device& device = device_of(place);
  DeviceFacts facts = *device.facts;
  take(facts.name, exporters_label(labels, "modelName"));
  take(facts.name, exporters_label(labels, "model"));
  take(facts.pci_bus_id, exporters_label(labels, "pci_bus_id"));
  take(facts.serial, exporters_label(labels, "DCGM_FI_DEV_SERIAL"));
  take(facts.architecture, exporters_label(labels, "architecture"));
  take(facts.compute_capability, exporters_label(labels, "compute_capability"));
  take(facts.driver_version, exporters_label(labels, "DCGM_FI_DRIVER_VERSION"));
  take(facts.driver_version, exporters_label(labels, "DCGM_FI_SYSTEM_DRIVER_VERSION"));
  take(facts.mig_enabled, flag(exporters_label(labels, "DCGM_FI_DEV_MIG_MODE")));
  if (label(labels, "__name__") == "gpu_device_info")
    facts.mig_pending = flag(exporters_label(labels, "mig_pending_mode"));
  if (facts.mig_enabled != device.facts->mig_enabled) device.layout_since = time;
  replace_if_new(device.facts, std::move(facts));
}

void Fleet::learn_instance_facts(const Place& place, const Part& part, Labels labels, EpochMs time) {
  Device& device = device_of(place);
  const bool fresh = !find_instance(device, part);
  Instance& instance = instance_at(device, part, time);
  InstanceFacts facts = *instance.facts;
  take(facts.profile, exporters_label(labels, "GPU_I_PROFILE"));
  take(facts.uuid, exporters_label(labels, "mig_uuid"));
  const auto start = number(exporters_label(labels, "start"));
  const auto size = number(exporters_label(labels, "size"));
  if (start && size) facts.placement = gpu::Placement{*start, *size};
  if (!facts.compute_slices)
    if (const auto name = gpu::parse_profile_name(facts.profile)) facts.compute_slices = name->compute_slices;
  if (fresh || facts.profile != instance.facts->profile || facts.placement != instance.facts->placement)
    device.layout_since = time;
  replace_if_new(instance.facts, std::move(facts));
}

/// Boards of a kind have the same profiles: a kilobyte for each of 80,000 otherwise.
std::shared_ptr<const std::vector<gpu::Profile>> Fleet::shared(std::vector<gpu::Profile> profiles) {
  std::erase_if(profiles_, [](const auto& one) { return one.use_count() == 1; });
  const auto known =
      std::ranges::find_if(profiles_, [&](const auto& one) { return std::ranges::equal(*one, profiles, is_same); });
  if (known != profiles_.end()) return *known;
  profiles.shrink_to_fit();
  return profiles_.emplace_back(std::make_shared<const std::vector<gpu::Profile>>(std::move(profiles)));
}

void Fleet::learn_profile(const Place& place, Labels labels) {
  gpu::Profile profile;
  profile.name = exporters_label(labels, "profile");
  const auto id = number(exporters_label(labels, "profile_id"));
  profile.id = id.value_or(0);
  profile.compute_slices = number(exporters_label(labels, "compute_slices")).value_or(0);
  profile.sm_count = number(exporters_label(labels, "sm_count"));
  profile.memory_bytes = std::uint64_t{number(exporters_label(labels, "memory_mib")).value_or(0)} << 20U;
  profile.max_instances = number(exporters_label(labels, "max_instances")).value_or(0);
  profile.placements = placements(exporters_label(labels, "placements"));
  Device& device = device_of(place);
  DeviceFacts facts = *device.facts;
  auto profiles = facts.profiles ? *facts.profiles : std::vector<gpu::Profile>{};
  // A newer driver may name it otherwise: the old name goes, for nothing of it can be made any longer.
  const auto known = std::ranges::find_if(
      profiles, [&](const gpu::Profile& one) { return one.name == profile.name || (id && one.id == *id); });
  if (known == profiles.end())
    profiles.push_back(std::move(profile));
  else
    *known = std::move(profile);
  facts.profiles = shared(std::move(profiles));
  replace_if_new(device.facts, std::move(facts));
}

/// kNone where there is no room for another one.
std::uint32_t Fleet::row_named(const NameKey& name) {
  const auto known = row_by_name_.find(name);
  if (known != row_by_name_.end()) return known->second;
  if (row_by_name_.size() >= options_.limits.rows) {
    refuse(Bounded::Row);
    return kNone;
  }
  std::uint32_t row = static_cast<std::uint32_t>(rows_.size());
  if (free_rows_.empty()) {
    rows_.emplace_back();
  } else {
    row = free_rows_.back();
    free_rows_.pop_back();
  }
  rows_[row].name = name;
  row_by_name_.emplace(name, row);
  return row;
}

/// The number of the instance in which a part lies, or of the device. Compute instances of one are told apart by
/// owners.
std::uint32_t Fleet::metered(const Identity& identity, const Part& part, EpochMs time) {
  Identity whole = identity;
  whole.part = {part.gpu_instance, {}};
  return learn_part(whole, time);
}

/// A row that is there already has one.
void Fleet::begin_tenure(std::uint32_t row, const Identity& identity, const Part& part, const Workload& of,
                         EpochMs time) {
  if (rows_[row].session || rows_[row].allocation) return;
  Workload owner = of;
  owner.container.clear();
  rows_[row].tenure = meter_.tenure(metered(identity, part, time), part.compute_instance,
                                    std::make_shared<const Workload>(std::move(owner)));
}

std::uint32_t Fleet::learn_session(const Identity& identity, const Part& part, Labels labels, const Holder& holder,
                                   EpochMs time) {
  SessionFacts facts;
  facts.pid = number(exporters_label(labels, "pid")).value_or(0);
  facts.command = exporters_label(labels, "command");
  facts.workload = {std::string(holder.space), std::string(holder.pod), std::string(holder.container),
                    std::string(holder.pod_uid)};
  facts.type = exporters_label(labels, "type");
  facts.attribution = exporters_label(labels, "attribution");
  return learn_session_row(identity, part, std::move(facts), time);
}

/// One process is one row whatever its series; what tells processes apart is in each of them.
std::uint32_t Fleet::learn_session_row(const Identity& identity, const Part& part, SessionFacts facts, EpochMs time) {
  const Workload& of = facts.workload;
  const std::uint32_t row =
      row_named(key_of("session {}/{}{} {} {} {}/{}/{} {}", identity.cluster, identity.uuid, part_name(part), facts.pid,
                       facts.command, of.space, of.pod, of.container, of.pod_uid));
  if (row == kNone) return row;
  if (const auto& known = rows_[row].session) {
    if (facts.type.empty()) facts.type = known->type;
    if (facts.attribution.empty()) facts.attribution = known->attribution;
  }
  begin_tenure(row, identity, part, facts.workload, time);
  rows_[row].part = part;
  rows_[row].session = std::make_shared<const SessionFacts>(std::move(facts));
  return row;
}

std::uint32_t Fleet::learn_allocation(const Identity& identity, const Part& part, Labels labels, const Holder& holder,
                                      EpochMs time) {
  AllocationFacts facts;
  facts.workload = {std::string(holder.space), std::string(holder.pod), std::string(holder.container),
                    std::string(holder.pod_uid)};
  facts.resource = exporters_label(labels, "resource");
  const std::uint32_t row =
      row_named(key_of("holder {}/{}{} {} {}/{}/{} {}", identity.cluster, identity.uuid, part_name(part),
                       facts.resource, holder.space, holder.pod, holder.container, holder.pod_uid));
  if (row == kNone) return row;
  if (rows_[row].allocation) {
    facts.shared = rows_[row].allocation->shared;
    facts.replicas = rows_[row].allocation->replicas;
  }
  facts.shared |= exporters_label(labels, "share") == "shared";
  take(facts.replicas, number(exporters_label(labels, "replicas")));
  begin_tenure(row, identity, part, facts.workload, time);
  rows_[row].part = part;
  rows_[row].allocation = std::make_shared<const AllocationFacts>(std::move(facts));
  return row;
}

/// It holds nothing and is no process, so it counts in no usage.
std::uint32_t Fleet::learn_unallocated(const Identity& identity, const Part& part, const Holder& holder) {
  const std::uint32_t row = row_named(key_of("unallocated {}/{}{} {}/{} {}", identity.cluster, identity.uuid,
                                             part_name(part), holder.space, holder.pod, holder.pod_uid));
  if (row == kNone) return row;
  AllocationFacts facts;
  facts.workload.space = holder.space;
  facts.workload.pod = holder.pod;
  facts.workload.pod_uid = holder.pod_uid;
  rows_[row].part = part;
  rows_[row].allocation = std::make_shared<const AllocationFacts>(std::move(facts));
  return row;
}

}  // namespace tessera::fleet
