#pragma once
// The driver's events: XIDs are edges that nobody replays, so one thread waits for those of all devices and counts
// them.
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/duration.h"
#include "nvml/binding.h"

namespace tessera::nvml {

/// Thread contract: run() belongs to one thread; all else may be called from any.
class EventWatch {
 public:
  /// Nothing where the driver has no events; the reason is logged.
  static std::shared_ptr<EventWatch> create(std::shared_ptr<const Library> library);
  ~EventWatch();
  EventWatch(const EventWatch&) = delete;
  EventWatch& operator=(const EventWatch&) = delete;

  /// Waits for events until stop(). Returns within kTick of it, unless the driver hangs.
  void run();
  void stop() { stopped_ = true; }
  static constexpr Milliseconds kTick{200};

  /// Starts to listen to a device; by the device's own worker, because it may hang. A device that refuses does not
  /// hinder the others, and is not asked twice.
  void listen(abi::Device device, const std::string& uuid);
  /// The device was lost: its registration is gone too.
  void forget(const std::string& uuid);

  struct Seen {
    std::map<unsigned, std::uint64_t> xids;  ///< code -> events since this program started
    unsigned last_xid = 0;                   ///< of the device, its instances included; 0: none yet
    void add(const abi::EventData& xid);
    /// Of a GPU instance; an event that names none concerns them all.
    unsigned last_xid_of(unsigned gpu_instance) const;
    std::map<unsigned, unsigned> last_xid_by_instance;  ///< of those that had one since the last that concerned all
    unsigned last_xid_of_all = 0;
  };
  /// Nothing for a device whose events we do not get.
  std::optional<Seen> seen(const std::string& uuid) const;
  /// The instance was destroyed: the next of its number starts with no XID.
  void forget_instance(const std::string& uuid, unsigned gpu_instance);
  /// How often the driver said that the device's MIG layout changed.
  std::uint64_t mig_changes(const std::string& uuid) const;

 private:
  struct Subject {
    abi::Device handle = nullptr;
    bool listening = false;
    Seen seen;
    std::uint64_t mig_changes = 0;
  };
  EventWatch(std::shared_ptr<const Library> library, abi::EventSet set) : library_(std::move(library)), set_(set) {}
  abi::Return wait(abi::EventData& event) const;
  void count(const abi::EventData& event);

  std::shared_ptr<const Library> library_;
  abi::EventSet set_;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;
  std::map<std::string, Subject> subjects_;  // by UUID; guarded by mutex_
};

}  // namespace tessera::nvml
