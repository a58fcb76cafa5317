#include "nvml/events.h"

#include <thread>

#include "base/log.h"
#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

constexpr abi::u64 kWanted = abi::kEventXid | abi::kEventMigConfigChange;

}  // namespace

std::shared_ptr<EventWatch> EventWatch::create(std::shared_ptr<const Library> library) {
  const Api& api = library->api();
  const bool complete = api.nvmlEventSetCreate && api.nvmlEventSetFree && api.nvmlDeviceRegisterEvents &&
                        api.nvmlDeviceGetSupportedEventTypes && (api.nvmlEventSetWait_v2 || api.nvmlEventSetWait);
  abi::EventSet set = nullptr;
  const abi::Return code = complete ? api.nvmlEventSetCreate(&set) : abi::kFunctionNotFound;
  if (code != abi::kSuccess) {
    log::info("no events from the driver, so XIDs are not seen", {{"answer", describe(api, code)}});
    return nullptr;
  }
  return std::shared_ptr<EventWatch>(new EventWatch(std::move(library), set));
}

EventWatch::~EventWatch() {
  if (!library_->left_loaded()) library_->api().nvmlEventSetFree(set_);
}

abi::Return EventWatch::wait(abi::EventData& event) const {
  constexpr auto kTimeoutMs = static_cast<abi::u32>(kTick.count());
  const Api& api = library_->api();
  if (api.nvmlEventSetWait_v2) return api.nvmlEventSetWait_v2(set_, &event, kTimeoutMs);
  abi::EventDataV1 older{};
  const abi::Return code = api.nvmlEventSetWait(set_, &older, kTimeoutMs);
  event = {older.device, older.eventType, older.eventData, abi::kNoInstance, abi::kNoInstance};
  return code;
}

void EventWatch::run() {
  while (!stopped_) {
    abi::EventData event{};
    const abi::Return code = wait(event);
    if (code == abi::kSuccess) {
      count(event);
    } else if (code != abi::kTimeout) {
      // A lost GPU makes every wait fail at once; the others' events still come, only not faster than this.
      std::this_thread::sleep_for(kTick);
    }
  }
}

void EventWatch::count(const abi::EventData& event) {
  const std::lock_guard lock(mutex_);
  for (auto& [uuid, subject] : subjects_) {
    if (subject.handle != event.device) continue;
    if (event.eventType & abi::kEventMigConfigChange) ++subject.mig_changes;
    if (event.eventType & abi::kEventXid) subject.seen.add(event);
    return;
  }
}

void EventWatch::Seen::add(const abi::EventData& event) {
  last_xid = static_cast<unsigned>(event.eventData);
  ++xids[last_xid];
  if (event.gpuInstanceId != abi::kNoInstance) {
    last_xid_by_instance[event.gpuInstanceId] = last_xid;
    return;
  }
  last_xid_of_all = last_xid;
  last_xid_by_instance.clear();  // theirs were before it
}

unsigned EventWatch::Seen::last_xid_of(unsigned gpu_instance) const {
  const auto own = last_xid_by_instance.find(gpu_instance);
  return own == last_xid_by_instance.end() ? last_xid_of_all : own->second;
}

void EventWatch::listen(abi::Device device, const std::string& uuid) {
  {
    const std::lock_guard lock(mutex_);
    Subject& subject = subjects_[uuid];
    if (subject.handle == device) return;
    subject.handle = device;  // from here on, so that an event right after the registration finds its subject
  }
  const Api& api = library_->api();
  abi::u64 mask = 0;
  abi::Return code = api.nvmlDeviceGetSupportedEventTypes(device, &mask);
  mask &= kWanted;  // one unsupported bit would make the driver refuse all
  if (code == abi::kSuccess && mask == 0) code = abi::kNotSupported;
  if (code == abi::kSuccess) code = api.nvmlDeviceRegisterEvents(device, mask, set_);
  if (code != abi::kSuccess)
    log::info("no events from this device, so its XIDs are not seen",
              {{"uuid", uuid}, {"answer", describe(api, code)}});
  const std::lock_guard lock(mutex_);
  subjects_[uuid].listening = code == abi::kSuccess && (mask & abi::kEventXid) != 0;
}

void EventWatch::forget(const std::string& uuid) {
  const std::lock_guard lock(mutex_);
  const auto found = subjects_.find(uuid);
  if (found != subjects_.end()) found->second.handle = nullptr;  // its counts stay
}

void EventWatch::forget_instance(const std::string& uuid, unsigned gpu_instance) {
  const std::lock_guard lock(mutex_);
  const auto found = subjects_.find(uuid);
  if (found != subjects_.end()) found->second.seen.last_xid_by_instance[gpu_instance] = 0;
}

std::optional<EventWatch::Seen> EventWatch::seen(const std::string& uuid) const {
  const std::lock_guard lock(mutex_);
  const auto found = subjects_.find(uuid);
  if (found == subjects_.end() || !found->second.listening) return std::nullopt;
  return found->second.seen;
}

std::uint64_t EventWatch::mig_changes(const std::string& uuid) const {
  const std::lock_guard lock(mutex_);
  const auto found = subjects_.find(uuid);
  return found == subjects_.end() ? 0 : found->second.mig_changes;
}

}  // namespace tessera::nvml
