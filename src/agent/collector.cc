#include "agent/collector.h"

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

constexpr auto kRetryDriver = 30s;
constexpr auto kLookForBlindness = 10min;

Milliseconds kubelet_period(Milliseconds interval) { return std::clamp<Milliseconds>(interval, 10s, 60s); }

void keep_devices(gpu::Snapshot& snapshot, const std::vector<unsigned>& wanted) {
  if (wanted.empty()) return;
  std::erase_if(snapshot.devices,
                [&](const gpu::Device& d) { return std::ranges::find(wanted, d.index) == wanted.end(); });
}

/// The kernel's word on the NUMA node of a PCI slot. NVML writes the domain with eight digits, sysfs with four.
std::optional<int> numa_node(const std::filesystem::path& sys, const std::string& pci_bus_id) {
  if (pci_bus_id.size() < 5) return std::nullopt;
  const auto text = read_file(sys / "bus/pci/devices" / lower(pci_bus_id.substr(4)) / "numa_node");
  const auto node = text ? parse_int(trim(*text)) : std::nullopt;
  return node && *node >= 0 ? std::optional(static_cast<int>(*node)) : std::nullopt;
}

}  // namespace

Collector::Collector(const Options& options)
    : options_(options), attribution_(options.proc, options.pod_logs), ledger_(options.interval) {
  if (options_.kubernetes) kubelet_.emplace(options_.pod_resources_socket, kubelet_period(options_.interval));
}

void Collector::start() {
  if (kubelet_) kubelet_->start();
  polling_ = true;
}

void Collector::open_driver(SteadyTime now) {
  if (reader_ || (driver_tried_ && now - *driver_tried_ < kRetryDriver)) return;
  driver_tried_ = now;
  auto reader = nvml::Reader::open({options_.nvml, options_.deadline});
  if (reader) {
    reader_ = *std::move(reader);
    driver_problem_.clear();
    if (!driver_opened_) driver_tried_.reset();
    driver_opened_ = true;
  } else if (driver_problem_ != reader.error().what) {  // said once, not every half minute
    driver_problem_ = reader.error().what;
    log::error("no driver", {{"why", driver_problem_}});
  }
}

void Collector::read_driver(Observation& observation, SteadyTime now) {
  open_driver(now);
  observation.driver_up = reader_ != nullptr;
  observation.driver_problem = driver_problem_;
  if (!reader_) return;
  observation.snapshot = reader_->collect();
  if (observation.snapshot.devices.empty() && !observation.snapshot.inventory_why.empty()) {
    observation.driver_up = false;
    observation.driver_problem = observation.snapshot.inventory_why;
  }
  keep_devices(observation.snapshot, options_.devices);
  locate(observation.snapshot);
  close_driver_if_gone(observation);
}

void Collector::close_driver_if_gone(Observation& observation) {
  if (!reader_->driver_gone()) return;
  observation.driver_up = false;
  observation.driver_problem = driver_problem_ = observation.snapshot.inventory_why;
  log::error("the driver is gone, it will be opened anew", {{"why", driver_problem_}});
  reader_.reset();  // not after the next open(): the loader would hand out the old library again
}

void Collector::locate(gpu::Snapshot& snapshot) {
  for (gpu::Device& device : snapshot.devices) {
    const auto [entry, fresh] = numa_nodes_.try_emplace(device.pci_bus_id);
    if (fresh) entry->second = numa_node(options_.sys, device.pci_bus_id);
    device.numa_node = entry->second;
  }
}

void Collector::attribute(Observation& observation, SteadyTime now) {
  if (!blindness_looked_ || now - *blindness_looked_ > kLookForBlindness) {
    blindness_ = kube::look_for_blindness(options_.proc);
    blindness_looked_ = now;
  }
  observation.blindness = blindness_;
  if (observation.sessions_known()) observation.sessions = attribution_.sessions(observation.snapshot, now);
  observation.kubernetes = kubelet_.has_value();
  if (!kubelet_) return;
  if (!polling_) kubelet_->ask();
  holder_names_.name(observation.sessions);
  if (const auto reply = kubelet_->latest())
    observation.allocations = match_allocations(
        *reply, observation.snapshot, observation.sessions,
        [&](const std::string& space, const std::string& pod) { return attribution_.uid_of(space, pod, now); });
  holder_names_.learn(observation, now);
  judge_use(observation);
  if (outdated(observation)) kubelet_->ask_soon();
  observation.names_problem = attribution_.names_problem().value_or("");
}

Observation Collector::collect() {
  const auto begin = std::chrono::steady_clock::now();
  Observation observation;
  read_driver(observation, begin);
  observation.time = now_epoch_ms();
  const SteadyTime seen = std::chrono::steady_clock::now();
  attribute(observation, begin);
  ledger_.update(observation, seen);
  observation.collections = ++collections_;
  observation.collection_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return observation;
}

}  // namespace tessera::agent
