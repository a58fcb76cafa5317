// Event sets. Events come through the shared state, so whoever raises one reaches every process that waits.
#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "sim/driver.h"

using namespace tessera::sim;

namespace {

constexpr u64 kSupportedEvents = kEventSingleBitEcc | kEventDoubleBitEcc | kEventPState | kEventXid | kEventClock;

struct Registered {
  u64 mask = 0;
  std::uint32_t handles = 0;  // what was registered: it ends with the handle
  std::uint64_t seen = 0;     // sequence of the last event delivered, or of the moment of registering: no replay
};

struct Sets {
  std::mutex mutex;
  std::uintptr_t next = 1;
  std::map<std::uintptr_t, std::map<unsigned, Registered>> by_handle;
};
Sets& sets() {
  static Sets all;
  return all;
}

std::uintptr_t number_of(EventSet set) { return reinterpret_cast<std::uintptr_t>(set); }

u64 supported(const Target& t) {
  if (!t.spec.model->data_center) return kEventXid | kEventPState | kEventClock;
  return kSupportedEvents | (t.spec.model->architecture >= kAmpere ? u64{kEventMigConfigChange} : 0);
}

// The oldest event that the set has not had, marked as delivered.
std::optional<Event> take(Call& call, EventSet set, bool& known) {
  const std::lock_guard hold(sets().mutex);
  const auto found = sets().by_handle.find(number_of(set));
  known = found != sets().by_handle.end();
  if (!known) return std::nullopt;
  for (const Event& event : call.state->events) {
    const auto device = found->second.find(event.gpu);
    if (device == found->second.end() || event.sequence <= device->second.seen) continue;
    if (device->second.handles != call.state->gpus[event.gpu].handles) continue;
    device->second.seen = event.sequence;
    if (event.type & device->second.mask) return event;
  }
  return std::nullopt;
}

template <class Data>
Return wait_for_event(const char* function, EventSet set, Data* out, u32 timeout_ms) {
  return on_node(function, [&](Call& call) {
    if (!out) return kInvalidArgument;
    const std::int64_t deadline = call.now + std::int64_t{timeout_ms} * 1000;
    for (;;) {
      const std::uint32_t seen = call.node.store().generation();
      call.state = call.node.store().current();
      bool known = false;
      const auto event = take(call, set, known);
      if (!known) return kInvalidArgument;
      if (event) {
        *out = {};
        out->device = device_handle(*call.state, event->gpu);
        out->eventType = event->type;
        out->eventData = event->data;
        if constexpr (requires { out->gpuInstanceId; }) {
          out->gpuInstanceId = call.privileged() ? event->gi : kNoInstance;
          out->computeInstanceId = call.privileged() ? event->ci : kNoInstance;
        }
        return kSuccess;
      }
      const std::int64_t left = deadline - wall_microseconds();
      if (left <= 0) return kTimeout;
      call.node.store().wait(seen, std::chrono::microseconds(left));
    }
  });
}

}  // namespace

TESSERA_EXPORT Return nvmlEventSetCreate(EventSet* out) {
  return on_node(__func__, [&](Call&) {
    if (!out) return kInvalidArgument;
    const std::lock_guard hold(sets().mutex);
    const std::uintptr_t number = sets().next++;
    sets().by_handle[number] = {};
    *out = reinterpret_cast<EventSet>(number);  // NOLINT(performance-no-int-to-ptr): a handle that nobody follows
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlEventSetFree(EventSet set) {
  return on_node(__func__, [&](Call&) {
    const std::lock_guard hold(sets().mutex);
    return sets().by_handle.erase(number_of(set)) == 1 ? kSuccess : kInvalidArgument;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetSupportedEventTypes(Device device, u64* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = supported(t);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceRegisterEvents(Device device, u64 mask, EventSet set) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (mask & ~supported(t)) return kInvalidArgument;  // one unsupported bit spoils the call
    const std::lock_guard hold(sets().mutex);
    const auto found = sets().by_handle.find(number_of(set));
    if (found == sets().by_handle.end()) return kInvalidArgument;
    Registered& entry = found->second.try_emplace(t.gpu).first->second;
    if (entry.mask == 0 || entry.handles != t.state.handles) entry = {0, t.state.handles, call.state->sequence};
    entry.mask |= mask;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlEventSetWait(EventSet set, EventDataV1* out, u32 timeout_ms) {
  return wait_for_event(__func__, set, out, timeout_ms);
}
TESSERA_EXPORT Return nvmlEventSetWait_v2(EventSet set, EventData* out, u32 timeout_ms) {
  return wait_for_event(__func__, set, out, timeout_ms);
}
