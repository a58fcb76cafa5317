#pragma once
// One collection after another: the driver's snapshot, who its processes are, who holds its devices, what was seen
// before.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/allocations.h"
#include "agent/attribution.h"
#include "agent/holder_names.h"
#include "agent/ledger.h"
#include "agent/observation.h"
#include "agent/options.h"
#include "base/result.h"
#include "nvml/reader.h"

namespace tessera::agent {

/// Thread contract: one thread calls collect().
class Collector {
 public:
  explicit Collector(const Options& options);

  /// Starts asking the kubelet in the background. Without it, each collect() asks first.
  void start();

  /// Never fails: what could not be had is absent, and the observation says why. A driver that is not there is looked
  /// for again every half minute. One that was exchanged under us is closed, and opened anew in the next collection, at
  /// most every half minute.
  Observation collect();

  /// The driver that the last collection read; null where there is none. Whoever takes it gives it back before the next
  /// collection: a driver that was exchanged is unloaded only once all have.
  std::shared_ptr<const nvml::Library> library() const { return reader_ ? reader_->library() : nullptr; }

 private:
  void open_driver(SteadyTime now);
  void read_driver(Observation& observation, SteadyTime now);
  void close_driver_if_gone(Observation& observation);
  void locate(gpu::Snapshot& snapshot);
  void attribute(Observation& observation, SteadyTime now);

  const Options options_;
  std::unique_ptr<nvml::Reader> reader_;
  std::map<std::string, std::optional<int>> numa_nodes_;  // by PCI bus id: a slot does not move while we run
  std::string driver_problem_;
  std::optional<SteadyTime> driver_tried_;  // to open it again: the first success is not counted
  bool driver_opened_ = false;
  Attribution attribution_;
  HolderNames holder_names_;
  std::optional<KubeletPoll> kubelet_;
  bool polling_ = false;
  Ledger ledger_;
  kube::Blindness blindness_;
  std::optional<SteadyTime> blindness_looked_;
  std::uint64_t collections_ = 0;
};

}  // namespace tessera::agent
