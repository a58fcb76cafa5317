#pragma once
// The devices of this node, looked at and changed: the agent's own collection, and the driver's writing calls.
#include <memory>
#include <vector>

#include "agent/collector.h"
#include "agent/layout/course.h"
#include "agent/layout/look.h"
#include "agent/options.h"

namespace tessera::agent::layout {

/// Of one thread.
class Devices {
 public:
  explicit Devices(const Options& options) : collector_(options) {}

  /// Asks the driver and, where there is one, the kubelet. Never fails: what is not sure says so.
  const std::vector<DeviceState>& look();
  const std::vector<DeviceState>& seen() const { return seen_; }

  /// One step, on what was seen at the last look. Errors as nvml::MigWriter's.
  Result<void> carry_out(const Task& task);

 private:
  Collector collector_;
  Tenure tenure_;
  std::vector<DeviceState> seen_;
};

}  // namespace tessera::agent::layout
