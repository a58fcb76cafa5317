// What values tell, and what the end of a series does.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fleet/inventory/fleet.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet {
namespace {

std::optional<EpochMs> epoch_ms(double seconds) {
  if (!(seconds > 0 && seconds < 1e11)) return std::nullopt;
  return static_cast<EpochMs>(std::llround(seconds * 1000));
}

std::optional<std::uint64_t> whole(double value) {
  if (!(value >= 0 && value < 1e18)) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::optional<unsigned> small(double value) {
  if (!(value >= 0 && value <= std::numeric_limits<unsigned>::max())) return std::nullopt;
  return static_cast<unsigned>(value);
}

bool is_activity(gpu::Reading reading) {
  return reading == gpu::Reading::GraphicsEngineActiveRatio || reading == gpu::Reading::GpuUtilPercent;
}

template <class T, class Field, class Value>
void set(std::shared_ptr<const T>& facts, Field T::* field, const Value& value) {
  if ((*facts).*field == value) return;
  T changed = *facts;
  changed.*field = value;
  facts = std::make_shared<const T>(std::move(changed));
}

}  // namespace

// Of several sources that tell one reading of one subject, one is believed until it has been silent for two intervals;
// the agent is believed at once. A source's own series follow each other when a pod comes or goes.
bool Fleet::believe(const SlotState& state, Slot slot, EpochMs time) {
  gpu::ByReading<Slot>& believed = subjects_[state.subject].believed;
  const std::optional<Slot> now = believed[state.reading];
  if (now == slot) return true;
  if (now) {
    const SlotState& other = slots_[*now];
    const bool better = state.origin > other.origin;
    const bool next = state.source == other.source && state.origin == other.origin && time > other.last;
    const bool alive = time - other.last <= 2 * options_.interval.count();
    if (alive && !better && !next) return false;
  }
  believed.set(state.reading, slot);
  return true;
}

/// Its source is the one that is believed, or nobody is: what it says besides the number stands. Where several share a
/// part, one exporter tells each number once for each of them.
bool Fleet::speaks_for(const SlotState& state) const {
  const std::optional<Slot> now = subjects_[state.subject].believed[state.reading];
  return !now || (slots_[*now].source == state.source && slots_[*now].origin == state.origin);
}

bool Fleet::SlotState::has_row() const {
  switch (says) {
    case Says::DeviceXids:
    case Says::InstanceInfo:
    case Says::InstanceComputeSlices:
    case Says::InstanceSmCount:
    case Says::InstanceMemoryBytes:
      return false;
    default:
      return detail != kNone;
  }
}

/// The part that a series of an instance's own facts is about.
Part Fleet::instance_of(const SlotState& state) const {
  Part out = subjects_[state.metered].part;
  if (state.detail != kNone) out.compute_instance = state.detail;
  return out;
}

bool Fleet::counts(const SlotState& state, EpochMs time) const {
  // What a node said around the time it left does not bring it back; one that goes on speaking is there.
  const auto& gone = nodes_[subjects_[state.subject].node].gone;
  return time > state.last && !(gone && time > *gone && time <= *gone + silence_.count());
}

bool Fleet::wants_labels(Slot slot, EpochMs time) const {
  if (slot == kNothing) return false;
  const SlotState& state = slots_[slot];
  if (!counts(state, time)) return false;
  if (state.ended || silent(state.last, time)) return true;
  const Subject& subject = subjects_[state.subject];
  const auto is_there = [&](const Part& part) {
    const auto& instances = nodes_[subject.node].node->devices[subject.device].instances;
    return std::ranges::binary_search(instances, part, {}, &Instance::part);
  };
  switch (state.says) {
    case Says::Reading:
      return subject.part.gpu_instance && !is_there(subject.part);
    case Says::InstanceInfo:
    case Says::InstanceComputeSlices:
    case Says::InstanceSmCount:
    case Says::InstanceMemoryBytes:
      return !is_there(instance_of(state));
    default:
      return false;
  }
}

bool Fleet::apply(Slot slot, double value, EpochMs time) {
  if (slot == kNothing) return false;
  SlotState& state = slots_[slot];
  if (!counts(state, time)) return false;
  const Subject& subject = subjects_[state.subject];
  state.last = time;
  state.ended = false;
  hear(nodes_[subject.node], state.source, time);
  Device& device = device_of(subject);
  if (device.layout_since && time > device.last_seen) note_layout(*nodes_[subject.node].node, device);
  device.last_seen = std::max(device.last_seen, time);
  device.presence = Presence::Present;
  device.heard = std::max(device.heard, arrived_);
  device.live |= !silent(time, arrived_);
  nodes_[subject.node].node->last_seen = std::max(nodes_[subject.node].node->last_seen, time);
  switch (state.says) {
    case Says::Reading:
      if (believe(state, slot, time)) apply_reading(state, value, time);
      if (state.has_row() && speaks_for(state)) hold(device, state.detail, std::nullopt, time);
      break;
    case Says::InstanceInfo:
    case Says::InstanceComputeSlices:
    case Says::InstanceSmCount:
    case Says::InstanceMemoryBytes:
      apply_instance(state, value, time);
      break;
    case Says::SessionInfo:
    case Says::SessionStart:
    case Says::SessionMemoryBytes:
    case Says::SessionUtilPercent:
    case Says::SessionMemoryUtilPercent:
    case Says::SessionEnd:
      apply_session(state, value, time);
      break;
    case Says::AllocationInfo:
    case Says::AllocationUsed:
      apply_allocation(state, value, time);
      break;
    case Says::UnallocatedProcesses:
      apply_unallocated(state, value, time);
      break;
    default:
      meter_.seen(state.subject, time);
      apply_device(state, value, time);
  }
  return true;
}

/// What is kept over time. The time is this sample's alone: a backlog counts as what is told as it happens.
void Fleet::measure(const SlotState& state, std::optional<double> value, EpochMs time) {
  const auto field = field_of(state.reading);
  if (!field) return;
  if (value && !std::isfinite(*value)) value.reset();
  if (state.reading == gpu::Reading::GpuUtilPercent)
    meter_.read_second_best(state.subject, *field, value ? std::optional(*value / 100) : value, time);
  else
    meter_.read(state.subject, *field, value, time);
}

void Fleet::leave(const SlotState& state, Meter::Having having, EpochMs time) {
  if (state.has_row()) meter_.leave(rows_[state.detail].tenure, having, time);
}

double Fleet::at_most(double most, double told) {
  if (!(told > most)) return told;
  ++clamped_;
  return most;
}

void Fleet::apply_reading(const SlotState& state, double value, EpochMs time) {
  const Subject& subject = subjects_[state.subject];
  Device& device = device_of(subject);
  gpu::Readings* readings = &device.readings;
  std::optional<EpochMs>* quiet_since = &device.quiet_since;
  if (subject.part.gpu_instance) {
    Instance& instance = instance_at(device, subject.part, time);
    instance.last_seen = std::max(instance.last_seen, time);
    readings = &instance.readings;
    quiet_since = &instance.quiet_since;
  }
  const auto most = most_of(state.reading);
  const double told = at_most(most.value_or(std::numeric_limits<double>::infinity()), value * factor_of(state.scale));
  measure(state, told, time);
  if (state.reading == gpu::Reading::XidLast && !subject.part.gpu_instance) note_last_xid(subject, told, time);
  if (std::isfinite(value))
    readings->set(state.reading, told);
  else
    readings->clear(state.reading);
  if (state.reading == gpu::Reading::PcieLinkWidth && std::isfinite(value) && value > 0)
    device.widest_link = std::max(device.widest_link.value_or(0), value);
  if (is_activity(state.reading)) {
    const auto busy = activity(*readings);
    if (!busy || *busy >= kQuietRatio)
      quiet_since->reset();
    else if (!*quiet_since)
      *quiet_since = time;
  }
}

void Fleet::hear(NodeState& of, std::uint32_t source, EpochMs time) {
  auto known = std::ranges::find(of.heard, source, &Heard::source);
  if (known == of.heard.end()) {
    constexpr std::size_t kMost = 8;  // an exporter's pod has another address after each restart
    if (of.heard.size() == kMost)
      of.heard.erase(std::ranges::min_element(of.heard, {}, [](const Heard& one) { return one.times[0]; }));
    known = of.heard.insert(of.heard.end(), Heard{source, {}});
  }
  if (time <= known->times[0]) return;
  std::shift_right(known->times.begin(), known->times.end(), 1);
  known->times[0] = time;
}

/// Twice at least, and a short while ago: of the first time after a restart a part may have been told before it.
bool Fleet::was_told_before(const NodeState& of, std::uint32_t source, EpochMs time) const {
  const auto known = std::ranges::find(of.heard, source, &Heard::source);
  if (known == of.heard.end()) return false;
  const auto earlier = std::ranges::find_if(known->times, [&](EpochMs one) { return one < time; });
  if (known->times.end() - earlier < 2) return false;
  return earlier[1] > 0 && !silent(*earlier, time);
}

/// A count that is lower than before is that of an agent that has begun anew.
void Fleet::count_xids(const SlotState& state, std::uint64_t count, EpochMs time) {
  const Place& place = subjects_[state.subject];
  Device& device = device_of(place);
  const auto [known, is_first] = device.xids.try_emplace(state.detail, count);
  if (is_first) return;
  const std::uint64_t events = count >= known->second ? count - known->second : count;
  known->second = count;
  if (events > 0) xids_.push_back({nodes_[place.node].node->cluster, device.facts->uuid, state.detail, time, events});
}

/// Of a device whose exporter tells its last XID alone: another one has come.
void Fleet::note_last_xid(const Place& place, double code, EpochMs time) {
  const Device& device = nodes_[place.node].node->devices[place.device];
  const auto before = device.readings[gpu::Reading::XidLast];
  if (!device.xids.empty() || !before || *before == code || !(code > 0 && code < 1e6)) return;
  xids_.push_back(
      {nodes_[place.node].node->cluster, device.facts->uuid, static_cast<unsigned>(code), time, std::uint64_t{1}});
}

void Fleet::apply_device(const SlotState& state, double value, EpochMs time) {
  Device& device = device_of(subjects_[state.subject]);
  switch (state.says) {
    case Says::DeviceComputeSlices:
      return set(device.facts, &DeviceFacts::compute_slices, small(value));
    case Says::DeviceSmCount:
      return set(device.facts, &DeviceFacts::sm_count, small(value));
    case Says::DeviceMemoryBytes:
      return set(device.facts, &DeviceFacts::memory_bytes, whole(value));
    case Says::DeviceUp:
      device.up = value != 0;
      device.up_told = std::max(device.up_told, time);
      return;
    case Says::DeviceXids:
      if (const auto count = whole(value)) count_xids(state, *count, time);
      return;
    default:
      return;
  }
}

void Fleet::apply_instance(const SlotState& state, double value, EpochMs time) {
  Device& device = device_of(subjects_[state.subject]);
  const Part part = instance_of(state);
  if (!find_instance(device, part)) device.layout_since = time;  // it comes back
  Instance& instance = instance_at(device, part, time);
  instance.last_seen = std::max(instance.last_seen, time);
  meter_.seen(state.metered, time);
  switch (state.says) {
    case Says::InstanceComputeSlices:
      return set(instance.facts, &InstanceFacts::compute_slices, small(value));
    case Says::InstanceSmCount:
      return set(instance.facts, &InstanceFacts::sm_count, small(value));
    case Says::InstanceMemoryBytes:
      return set(instance.facts, &InstanceFacts::memory_bytes, whole(value));
    default:
      return;
  }
}

void Fleet::apply_session(const SlotState& state, double value, EpochMs time) {
  const Subject& subject = subjects_[state.subject];
  Device& device = device_of(subject);
  if (state.says == Says::SessionEnd) {
    if (const auto end_time = epoch_ms(value)) {
      end_session(*nodes_[subject.node].node, device, state.detail, *end_time);
      end_paused(state.detail, *end_time);
      leave(state, Meter::Having::Uses, *end_time);
    }
    return;
  }
  meter_.have(rows_[state.detail].tenure, Meter::Having::Uses, time);
  auto running = std::ranges::find(device.sessions, state.detail, &Session::row);
  const auto start = state.says == Says::SessionStart ? epoch_ms(value) : std::nullopt;
  // After a silence it may be another process; its start will tell.
  if (running != device.sessions.end() && silent(running->last_seen, time)) {
    pause_session(*nodes_[subject.node].node, device, state.detail, std::nullopt);
    running = device.sessions.end();
  }
  // The same pid with the same labels, but another process.
  if (running != device.sessions.end() && start && running->start &&
      std::abs(*start - *running->start) > kSameStart.count()) {
    end_session(*nodes_[subject.node].node, device, state.detail, running->last_seen);
    running = device.sessions.end();
  }
  if (running == device.sessions.end()) {
    Session fresh;
    fresh.row = state.detail;
    fresh.part = rows_[state.detail].part;
    fresh.first_seen = time;
    // Where it goes on, what is read again after a restart has been counted.
    if (const auto before = paused_.find(state.detail); before != paused_.end())
      fresh.util_until = before->second.running.session.util_until;
    device.sessions.push_back(std::move(fresh));
    running = device.sessions.end() - 1;
  }
  running->facts = rows_[state.detail].session;
  running->last_seen = std::max(running->last_seen, time);
  if (start && !running->start) running->start = start;
  if (!paused_.empty()) go_on(*running, start, time);
  switch (state.says) {
    case Says::SessionMemoryBytes:
      running->memory_bytes = whole(value);
      if (running->memory_bytes)
        running->peak_memory_bytes = std::max(running->peak_memory_bytes.value_or(0), *running->memory_bytes);
      return;
    case Says::SessionUtilPercent:
      if (!std::isfinite(value)) return running->util_percent.reset();
      running->util_percent = at_most(100, value);
      if (time <= running->util_until) return;
      running->util_sum += *running->util_percent;
      ++running->util_samples;
      running->util_until = time;
      return;
    case Says::SessionMemoryUtilPercent:
      running->memory_util_percent = std::isfinite(value) ? std::optional(at_most(100, value)) : std::nullopt;
      return;
    default:
      return;
  }
}

void Fleet::hold(Device& device, std::uint32_t row, std::optional<bool> used, EpochMs time) {
  const auto& facts = rows_[row].allocation;
  const auto by_kubelet = [](const Allocation& one) { return !one.facts->resource.empty(); };
  if (facts->resource.empty()) {
    // Pod labels on DCGM's series say less than the kubelet's own list, and the same.
    if (std::ranges::any_of(device.allocations, by_kubelet)) return;
  } else {
    std::erase_if(device.allocations, [&](const Allocation& one) { return !by_kubelet(one); });
  }
  auto held = std::ranges::find(device.allocations, row, &Allocation::row);
  if (held == device.allocations.end()) {
    Allocation fresh;
    fresh.row = row;
    fresh.part = rows_[row].part;
    fresh.first_seen = time;
    fresh.facts = facts;
    device.allocations.push_back(std::move(fresh));
    mark_shared(device);
    held = device.allocations.end() - 1;
  }
  meter_.have(rows_[row].tenure, Meter::Having::Holds, time);
  if (!facts->resource.empty()) held->facts = facts;
  held->last_seen = std::max(held->last_seen, time);
  if (used) held->used = used;
}

/// Pod labels do not say whether a part is shared; that several have it does.
void Fleet::mark_shared(Device& device) {
  for (Allocation& one : device.allocations) {
    if (!one.facts->resource.empty()) continue;
    const auto holders = std::ranges::count(device.allocations, one.part, &Allocation::part);
    set(one.facts, &AllocationFacts::shared, holders > 1);
  }
}

/// The end of one series of a pod. What another one told of it at this time stands.
void Fleet::let_go(const SlotState& state, Device& device, EpochMs time) {
  if (!state.has_row() || !speaks_for(state)) return;
  leave(state, Meter::Having::Holds, time);
  const auto over = [&](const Allocation& one) { return one.row == state.detail && one.last_seen < time; };
  if (std::erase_if(device.allocations, over) > 0) mark_shared(device);
}

/// gpu_allocation_used has fewer labels than gpu_allocation_info, but those that make a row.
void Fleet::apply_allocation(const SlotState& state, double value, EpochMs time) {
  const bool tells_use = state.says == Says::AllocationUsed;
  hold(device_of(subjects_[state.subject]), state.detail, tells_use ? std::optional(value != 0) : std::nullopt, time);
}

void Fleet::apply_unallocated(const SlotState& state, double value, EpochMs time) {
  const Place& place = subjects_[state.subject];
  const Node& node = *nodes_[place.node].node;
  const Row& row = rows_[state.detail];
  if (value > 0)
    unallocated_[state.detail] = {node.cluster, node.devices[place.device].facts->uuid, row.part, row.allocation, time};
  else
    unallocated_.erase(state.detail);
}

void Fleet::end(Slot slot, EpochMs time) {
  if (slot == kNothing) return;
  SlotState& state = slots_[slot];
  if (time <= state.last) return;
  state.last = time;
  state.ended = true;
  Subject& subject = subjects_[state.subject];
  Device& device = device_of(subject);
  switch (state.says) {
    case Says::Reading: {
      let_go(state, device, time);
      if (subject.believed[state.reading] != slot) return;
      subject.believed.clear(state.reading);
      measure(state, std::nullopt, time);
      if (!subject.part.gpu_instance) return device.readings.clear(state.reading);
      if (Instance* instance = find_instance(device, subject.part)) {
        instance->readings.clear(state.reading);
        if (instance->readings == gpu::Readings{}) {
          drop_instance(device, subject.part);
          if (!find_instance(device, subject.part)) meter_.gone(state.subject, time);
          device.layout_since = time;
        }
      }
      return;
    }
    case Says::InstanceInfo: {
      const Part part = instance_of(state);
      const Instance* told = find_instance(device, part);
      if (told && told->last_seen >= time) return;  // by another series: its place is known now, say
      drop_instance(device, part);
      if (!find_instance(device, {part.gpu_instance, {}})) meter_.gone(state.metered, time);
      device.layout_since = time;
      return;
    }
    case Says::SessionInfo: {
      const auto running = std::ranges::find(device.sessions, state.detail, &Session::row);
      // What another series tells of it at this time stands: its type, say, is another one.
      if (running != device.sessions.end() && running->last_seen >= time) return;
      leave(state, Meter::Having::Uses, time);
      pause_session(*nodes_[subject.node].node, device, state.detail, time);
      return;
    }
    case Says::AllocationInfo: {
      const auto held = std::ranges::find(device.allocations, state.detail, &Allocation::row);
      // What another series tells of it at this time stands: the number of its replicas, say, is another one.
      if (held != device.allocations.end() && held->last_seen >= time) return;
      leave(state, Meter::Having::Holds, time);
      if (held != device.allocations.end()) device.allocations.erase(held);
      return;
    }
    case Says::AllocationUsed:
      for (Allocation& one : device.allocations)
        if (one.row == state.detail) one.used.reset();
      return;
    case Says::UnallocatedProcesses:
      if (const auto known = unallocated_.find(state.detail);
          known != unallocated_.end() && known->second.last_seen < time)
        unallocated_.erase(known);
      return;
    case Says::DeviceUp:
      if (device.up_told < time) device.up.reset();  // another series tells it at this time
      return;
    default:
      return;
  }
}

}  // namespace tessera::fleet
