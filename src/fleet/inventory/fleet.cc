#include "fleet/inventory/fleet.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "fleet/inventory/parts.h"

namespace tessera::fleet {
namespace {

/// Another board has its place, and came after it was heard of last.
bool is_replaced(const Node& node, const Device& device) {
  return (device.presence == Presence::Stale || device.presence == Presence::Missing) &&
         std::ranges::any_of(node.devices, [&](const Device& other) {
           return other.presence == Presence::Present && other.facts->index == device.facts->index &&
                  other.first_seen > device.last_seen;
         });
}

}  // namespace

Fleet::Fleet(FleetOptions options)
    : options_(std::move(options)),
      silence_(options_.interval * 5 / 2),
      meter_({span_for(options_.interval), silence_, meter_ends()}) {}

std::function<EpochMs(std::uint32_t)> Fleet::meter_ends() const {
  if (!options_.counted_elsewhere_from) return {};
  return [this](std::uint32_t subject) {
    return options_.counted_elsewhere_from(usage_subject(subject)).value_or(std::numeric_limits<EpochMs>::max());
  };
}

Node& Fleet::edit(std::uint32_t node) {
  NodeState& state = nodes_[node];
  state.changes_at.reset();
  if (state.published) {
    state.node = std::make_shared<Node>(*state.node);
    state.published = false;
  }
  return *state.node;
}

void Fleet::arrived(EpochMs time) {
  arrived_ = time;
  meter_.arrived(time);
}

void Fleet::count_slot(const SlotState& state, int more) {
  subjects_[state.subject].slots += static_cast<std::uint32_t>(more);
  if (state.metered != kNone) subjects_[state.metered].slots += static_cast<std::uint32_t>(more);
}

void Fleet::drop_row(std::uint32_t number) {
  Row& row = rows_[number];
  if (row.tenure != kNone) meter_.release(row.tenure);
  unallocated_.erase(number);
  row_by_name_.erase(row.name);
  row = {};
  free_rows_.push_back(number);
}

void Fleet::forget(Slot slot) {
  if (slot == kNothing) return;
  SlotState& state = slots_[slot];
  if (state.says == Says::Reading) {
    gpu::ByReading<Slot>& believed = subjects_[state.subject].believed;
    if (believed[state.reading] == slot) believed.clear(state.reading);
  }
  count_slot(state, -1);
  if (state.has_row() && --rows_[state.detail].slots == 0 && !paused_.contains(state.detail)) drop_row(state.detail);
  state = {};
  free_slots_.push_back(slot);
}

/// The first time at which time alone changes something in the node; its past where it does now.
EpochMs Fleet::changes_at(const NodeState& of) const {
  EpochMs out = std::numeric_limits<EpochMs>::max();
  const auto silent_at = [&](const auto& one) { out = std::min(out, one.last_seen + silence_.count() + 1); };
  for (const Device& device : of.node->devices) {
    if (is_replaced(*of.node, device)) return 0;
    if (device.presence == Presence::Stale) out = std::min(out, missing_at(of, device));
    if (device.presence != Presence::Present) continue;
    silent_at(device);
    if (device.up) out = std::min(out, device.up_told + silence_.count() + 1);
    std::ranges::for_each(device.sessions, silent_at);
    std::ranges::for_each(device.allocations, silent_at);
    std::ranges::for_each(device.instances, silent_at);
  }
  return out;
}

EpochMs Fleet::missing_at(const NodeState& of, const Device& device) const {
  // A backlog may tell of the past of what is there: while it comes in, nobody has to look.
  const EpochMs heard = std::max({device.last_seen, of.back, listens_since_, device.live ? EpochMs{0} : device.heard});
  return heard + options_.missing_after.count() + 1;
}

/// The device's numbers held for 2.5 intervals; from here on nobody knows.
void Fleet::fall_silent(const NodeState& of, Device& device, EpochMs now) {
  const Node& node = *of.node;
  device.presence = of.gone ? Presence::Retired : Presence::Stale;
  device.up.reset();
  device.readings = {};
  device.quiet_since.reset();
  for (Instance& instance : device.instances) {
    instance.readings = {};
    instance.quiet_since.reset();
  }
  const auto over = of.gone || is_over(device.heard, now) ? std::optional(now) : std::nullopt;
  while (!device.sessions.empty()) pause_session(node, device, device.sessions.back().row, over);
  device.allocations.clear();
}

void Fleet::sweep(std::uint32_t number, EpochMs now) {
  Node& node = edit(number);
  for (Device& device : node.devices) {
    if (device.presence == Presence::Present && silent(device.last_seen, now)) fall_silent(nodes_[number], device, now);
    if (device.presence == Presence::Stale && now >= missing_at(nodes_[number], device))
      device.presence = device.live ? Presence::Missing : Presence::Retired;
    if (is_replaced(node, device)) device.presence = Presence::Retired;
    if (device.presence != Presence::Present) continue;
    if (device.up && silent(device.up_told, now)) device.up.reset();  // another exporter tells of it still
    for (std::size_t i = device.sessions.size(); i-- > 0;)
      if (silent(device.sessions[i].last_seen, now))
        pause_session(node, device, device.sessions[i].row, is_over(0, now) ? std::optional(now) : std::nullopt);
    if (std::erase_if(device.allocations, [&](const Allocation& one) { return silent(one.last_seen, now); }) > 0)
      mark_shared(device);
    if (std::erase_if(device.instances, [&](const Instance& one) { return silent(one.last_seen, now); }) > 0)
      device.layout_since = device.last_seen;
  }
}

void Fleet::advance(EpochMs now) {
  if (resumes_ && listens_since_ == 0) listens_since_ = now;
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    NodeState& of = nodes_[number];
    if (!of.changes_at) of.changes_at = changes_at(of);
    if (now >= *of.changes_at) sweep(number, now);
  }
  std::erase_if(unallocated_, [&](const auto& one) { return silent(one.second.last_seen, now); });
  end_pauses(now);
}

bool Fleet::speaks_on(const NodeState& of, const Device& device) const {
  return device.presence == Presence::Present && device.last_seen > *of.gone + silence_.count();
}

/// But for devices that go on speaking: those are there.
void Fleet::retire(std::uint32_t number, EpochMs now) {
  const auto wanted = [&](const Device& device) {
    return device.presence != Presence::Retired && !speaks_on(nodes_[number], device);
  };
  if (!std::ranges::any_of(nodes_[number].node->devices, wanted)) return;
  for (Device& device : edit(number).devices) {
    if (!wanted(device)) continue;
    if (device.presence == Presence::Present) fall_silent(nodes_[number], device, now);
    device.presence = Presence::Retired;
  }
}

void Fleet::take_cluster(const ClusterView& cluster, EpochMs now) {
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    NodeState& of = nodes_[number];
    if (of.node->cluster != cluster.cluster) continue;
    if (const auto gone = cluster.gone.find(of.node->name); gone != cluster.gone.end()) {
      of.gone = gone->second;
      retire(number, now);
      continue;
    }
    if (!of.gone || !cluster.nodes.contains(of.node->name)) continue;
    of.gone.reset();
    of.back = now;
    of.changes_at.reset();
    for (Device& device : edit(number).devices)
      if (device.presence == Presence::Retired) device.presence = Presence::Stale;
  }
}

std::shared_ptr<const View> Fleet::publish(EpochMs now) {
  auto view = std::make_shared<View>();
  view->time = now;
  view->nodes.reserve(order_.size());
  for (const std::uint32_t number : order_) {
    nodes_[number].published = true;
    view->nodes.push_back(nodes_[number].node);
  }
  for (const auto& [row, use] : unallocated_) view->unallocated.push_back(use);
  return view;
}

UsageSubject Fleet::usage_subject(std::uint32_t number) const {
  const Subject& subject = subjects_[number];
  const Node& node = *nodes_[subject.node].node;
  const Device& device = node.devices[subject.device];
  UsageSubject out{node.cluster, device.facts->uuid, subject.part.gpu_instance, {}, {}, {}};
  if (!subject.part.gpu_instance) {
    out.compute_slices = device.facts->compute_slices;
    out.sm_count = device.facts->sm_count;
    return out;
  }
  // What its compute instances weigh together: that is what its readings are a part of.
  for (const ListedInstance& one : listed_instances(device)) {
    if (one.instance->part.gpu_instance != subject.part.gpu_instance) continue;
    const InstanceFacts& facts = *one.instance->facts;
    if (out.profile.empty()) out.profile = facts.profile;
    if (facts.compute_slices) out.compute_slices = out.compute_slices.value_or(0) + *facts.compute_slices;
    if (facts.sm_count) out.sm_count = out.sm_count.value_or(0) + *facts.sm_count;
  }
  return out;
}

std::optional<std::uint32_t> Fleet::usage_number(const UsageSubject& subject) const {
  const auto known =
      subject_by_name_.find(subject_name(subject.cluster, subject.device_uuid, {subject.gpu_instance, {}}));
  return known == subject_by_name_.end() ? std::nullopt : std::optional(known->second);
}

/// What stands at the end of everything that was told for one time is a layout; what stands in between is not.
void Fleet::note_layout(const Node& node, Device& device) {
  LayoutSeen seen{node.cluster, device.facts->uuid, *device.layout_since, is_cut(device), {}};
  for (const ListedInstance& one : listed_instances(device))
    seen.instances.emplace_back(one.instance->part, one.instance->facts);
  device.layout_since.reset();
  layouts_.push_back(std::move(seen));
}

std::vector<LayoutSeen> Fleet::take_layouts() { return std::exchange(layouts_, {}); }

std::vector<XidsSeen> Fleet::take_xids() { return std::exchange(xids_, {}); }

void Fleet::remember(Remembered one) {
  Identity identity;
  identity.cluster = one.cluster;
  identity.node = one.node;
  identity.uuid = one.device.facts->uuid;
  identity.index = one.device.facts->index;
  const Subject& subject = subjects_[learn_device(identity, one.device.last_seen)];
  Node& node = edit(subject.node);
  node.last_seen = std::max(node.last_seen, one.device.last_seen);
  one.device.layout_since.reset();
  one.device.presence = Presence::Stale;  // until it is heard of
  one.device.live = true;
  resumes_ = true;
  node.devices[subject.device] = std::move(one.device);
}

void Fleet::remember(CountedBefore one) {
  const NameKey name = subject_name(one.cluster, one.device_uuid, Part{one.gpu_instance, {}});
  const auto known = subject_by_name_.find(name);
  counted_before_[name].push_back(std::move(one.counted));
  if (known != subject_by_name_.end()) begin_subject(name, known->second);
}

std::vector<Ended> Fleet::take_ended() { return std::exchange(ended_, {}); }

}  // namespace tessera::fleet
