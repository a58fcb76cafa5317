#pragma once
// A policy says what it costs the fleet to put a workload at a place. It is asked only about what is possible.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/decision/need.h"
#include "fleet/decision/supply.h"

namespace tessera::fleet::decision {

/// One way to serve a need on one device.
struct Option {
  const Candidate* candidate = nullptr;
  const gpu::Profile* profile = nullptr;  ///< null: the whole device, or a share of it
  gpu::Placement placement{};
  std::optional<std::size_t> piece{};  ///< of the candidate: it stands there, and is given as it is
  unsigned share_milli = 0;            ///< of a share; 0: none
  unsigned destroyed = 0;              ///< idle instances that have to go
  bool switches_on = false;            ///< MIG is off, and is switched on for it
};

/// Whether it is the whole device, not cut and not shared.
inline bool is_device(const Option& option) { return !option.profile && option.share_milli == 0; }

/// One of the things that a cost is made of.
struct Term {
  std::string_view key;  ///< "blocked"
  double value = 0;
};

/// The lower the better.
struct Cost {
  double value = 0;
  std::vector<Term> terms{};
};

/// A kind of need, and how much of all it is.
struct Typical {
  Need need;
  double share = 0;
};
/// Shares add up to 1.
using Mix = std::vector<Typical>;
Mix mix_of(std::span<const Need> needs);

class Policy {
 public:
  virtual ~Policy() = default;
  virtual std::string_view name() const = 0;
  /// Of what is expected to come; empty: nobody knows.
  virtual const Mix& mix() const = 0;
  /// Which policy of fleet/placement chooses the node where whole devices are given (whole_devices.h).
  virtual std::string_view node_policy() const = 0;
  /// Whether a device that costs less comes before one that costs more, whatever node_policy() says of their nodes.
  virtual bool weighs_devices() const { return false; }
  virtual Cost cost(const Option& option, const Need& need) = 0;
  /// What a term means, for a person: "{:.1f} of 18 placements that were possible are blocked".
  virtual std::string explain(const Term& term) const = 0;
  /// Grows when what was said of places holds no more.
  virtual std::uint64_t revision() const { return 0; }
};

/// "firstfit", "packing", "bestfit", "fragmentation", "fgd", "cost", "spread", "default".
std::span<const std::string_view> policy_names();

/// NotFound if there is none of that name. `mix` is of what is expected to come; where it is empty, "default" and "fgd"
/// take every size to be asked for as often as another.
Result<std::unique_ptr<Policy>> make_policy(std::string_view name, Mix mix);

}  // namespace tessera::fleet::decision
