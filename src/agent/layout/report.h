#pragma once
// What the agent tells the server: what is, and what became of what was wanted. Contract: docs/mig-layout.md.
#include <map>
#include <span>
#include <string>

#include "agent/layout/acceptance.h"
#include "agent/layout/plan.h"
#include "agent/layout/state.h"

namespace tessera::agent::layout {

/// What became of one device's wish, as far as it has come.
struct Report {
  std::uint64_t generation = 0;
  Progress progress = Progress::Waiting;
  std::string reason{};
  std::vector<Step> steps{};  ///< those done, then those left
  bool operator==(const Report&) const = default;
};
using Reports = std::map<std::string, Report>;  // by UUID

struct Reporter {
  std::string cluster;
  std::string node;
  std::string boot_id{};  ///< the kernel's; empty where it cannot be read
  bool dry_run = false;
};

/// The body of a request. `newest`: what was acted on, so that a server which knows less goes on above it.
std::string report_json(const Reporter& reporter, const Newest& newest, std::span<const DeviceState> devices,
                        const Reports& reports);

}  // namespace tessera::agent::layout
