#include "nvml/reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <utility>
#include <vector>

#include "nvml/binding.h"
#include "nvml/codes.h"
#include "nvml/crew.h"
#include "nvml/device_reader.h"
#include "nvml/events.h"

namespace tessera::nvml {
namespace {

using gpu::Health;
using gpu::Reading;

// More devices than any node has; a count above is a broken answer.
constexpr unsigned kMostDevices = 256;

/// The list of devices, of which the worker below owns the answer while it is out. Physical devices are counted only:
/// each device's own worker takes its handle, so a device that hangs there hinders no other.
struct Inventory {
  std::shared_ptr<const Library> library;
  abi::Return code = abi::kSuccess;
  unsigned count = 0;

  void read() {
    const auto ask = library->api().nvmlDeviceGetCount_v2;
    unsigned counted = 0;
    code = ask ? ask(&counted) : abi::kFunctionNotFound;
    if (code == abi::kSuccess) count = std::min(counted, kMostDevices);
  }
};

/// One device: its reader and its last answer belong to the worker while it is out.
struct Post {
  Post(std::shared_ptr<const Library> library, std::shared_ptr<EventWatch> events, unsigned index)
      : reader(std::move(library), std::move(events), index) {}
  DeviceReader reader;
  gpu::Device answer;
};

struct Worker {
  std::size_t number = 0;      // in the crew
  std::shared_ptr<Post> post;  // shared with its thread
  gpu::Device last;            // who it was, for when it does not answer
};

}  // namespace

class Reader::Impl {
 public:
  Impl(std::shared_ptr<const Library> library, const ReaderOptions& options)
      : library_(std::move(library)),
        patience_{options.deadline, options.grace},
        events_(EventWatch::create(library_)),
        inventory_(std::make_shared<Inventory>()) {
    inventory_->library = library_;
    inventory_number_ = crew_.hire(Crew::Role::Apart, [inventory = inventory_] { inventory->read(); });
    if (!events_) return;
    const std::size_t listener = crew_.hire(Crew::Role::Apart, [events = events_] { events->run(); });
    crew_.begin_round(patience_);
    crew_.post(listener);
  }

  ~Impl() {
    if (events_) events_->stop();
    // Whoever is stuck in the driver keeps the library: unloading it would pull the code from under that thread.
    if (!crew_.dismiss(EventWatch::kTick * 2 + Milliseconds(100))) library_->leave_loaded();
  }

  gpu::Snapshot collect() {
    crew_.begin_round(patience_);
    crew_.post(inventory_number_);
    for (unsigned index = 0; index < count_; ++index) crew_.post(workers_[index].number);
    bool inventory_known = false;
    while (crew_.wait()) {
      if (inventory_known || !crew_.finished(inventory_number_)) continue;
      inventory_known = true;
      welcome_newcomers();
    }

    gpu::Snapshot out;
    out.driver = library_->driver();
    wide_met_ = wide_met_ || wide_entries_met();
    out.driver.abi_mismatch |= wide_met_;
    out.inventory_why = inventory_trouble();
    out.devices.reserve(count_);
    for (unsigned index = 0; index < count_; ++index) out.devices.push_back(take(workers_[index]));
    if (out.inventory_why.empty() && devices_say_gone()) out.inventory_why = out.devices.front().why;
    out.time_ms = now_epoch_ms();
    return out;
  }

  bool driver_gone() const {
    return devices_say_gone() || (crew_.finished(inventory_number_) && is_driver_gone(inventory_->code));
  }

  const std::shared_ptr<const Library>& library() const { return library_; }

 private:
  /// The inventory has answered: devices that are new get a worker and are asked in this very round; those that are
  /// gone are not asked any more, and keep their worker for when they come back.
  void welcome_newcomers() {
    if (inventory_->code != abi::kSuccess) return;
    const unsigned before = count_;
    count_ = inventory_->count;
    while (workers_.size() < count_) {
      Worker worker;
      const auto index = static_cast<unsigned>(workers_.size());
      worker.post = std::make_shared<Post>(library_, events_, index);
      worker.number = crew_.hire(Crew::Role::Peer, [post = worker.post] { post->answer = post->reader.collect(); });
      worker.last.index = index;
      workers_.push_back(std::move(worker));
    }
    for (unsigned index = before; index < count_; ++index) crew_.post(workers_[index].number);
  }

  /// A driver may still count its devices when none of them can be asked any more.
  bool devices_say_gone() const {
    return count_ > 0 && std::ranges::all_of(workers_ | std::views::take(count_), [&](const Worker& worker) {
             return crew_.finished(worker.number) && worker.post->reader.driver_gone();
           });
  }

  bool wide_entries_met() const {
    return std::ranges::any_of(workers_, [&](const Worker& worker) {
      return crew_.finished(worker.number) && worker.post->reader.wide_entries_met();
    });
  }

  std::string inventory_trouble() const {
    if (!crew_.finished(inventory_number_)) return "the driver did not say in time which devices there are";
    if (inventory_->code == abi::kSuccess) return {};
    return fmt::format("nvmlDeviceGetCount: {}. {}", describe(library_->api(), inventory_->code),
                       advice(inventory_->code));
  }

  gpu::Device take(Worker& worker) {
    gpu::Device out;
    if (crew_.finished(worker.number)) {
      out = std::move(worker.post->answer);
      forget_destroyed(worker.last, out);
      worker.last = without_values(out);
    } else {
      out = worker.last;
      const auto since = crew_.out_since(worker.number);
      const auto waited = std::chrono::duration_cast<Milliseconds>(since ? std::chrono::steady_clock::now() - *since
                                                                         : SteadyDuration::zero());
      out.health = Health::Slow;
      out.why = fmt::format("the driver has not answered for {}; nothing more is asked of this device until it does",
                            format_duration(waited));
      out.collection_seconds = std::chrono::duration<double>(waited).count();
    }
    // Also for a device that did not answer: its XIDs may tell why.
    if (!events_ || out.uuid.empty()) return out;
    if (auto seen = events_->seen(out.uuid)) {
      out.xid_counts = std::move(seen->xids);
      if (out.health != Health::Up) return out;
      out.readings.set(Reading::XidLast, seen->last_xid);
      for (gpu::Instance& instance : out.instances)
        instance.readings.set(Reading::XidLast, seen->last_xid_of(instance.gpu_instance));
    }
    return out;
  }

  /// The driver gives the number of an instance again, and the next holder of it has done nothing.
  void forget_destroyed(const gpu::Device& before, const gpu::Device& now) {
    if (!events_ || now.health != Health::Up || before.uuid != now.uuid) return;
    const auto same = [](const gpu::Instance& a, const gpu::Instance& b) {
      return a.gpu_instance == b.gpu_instance && a.uuid == b.uuid;
    };
    for (const gpu::Instance& was : before.instances)
      if (std::ranges::none_of(now.instances, [&](const gpu::Instance& is) { return same(was, is); }))
        events_->forget_instance(now.uuid, was.gpu_instance);
  }

  std::shared_ptr<const Library> library_;
  Patience patience_;
  std::shared_ptr<EventWatch> events_;
  std::shared_ptr<Inventory> inventory_;
  std::size_t inventory_number_ = 0;
  std::vector<Worker> workers_;  // by index
  unsigned count_ = 0;           // devices that the driver counts now
  bool wide_met_ = false;
  Crew crew_;  // last: its threads end before what they use
};

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;

Result<std::unique_ptr<Reader>> Reader::open(const ReaderOptions& options) {
  auto library = TRY(Library::open(options.library, options.init_deadline));
  return std::unique_ptr<Reader>(new Reader(std::make_unique<Impl>(std::move(library), options)));
}

gpu::Snapshot Reader::collect() { return impl_->collect(); }

bool Reader::driver_gone() const { return impl_->driver_gone(); }

const std::string& Reader::library_path() const { return impl_->library()->path(); }
const gpu::Driver& Reader::driver() const { return impl_->library()->driver(); }
std::shared_ptr<const Library> Reader::library() const { return impl_->library(); }

}  // namespace tessera::nvml
