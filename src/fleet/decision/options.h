#pragma once
// What could be done on one device for a need, by its driver's placements; or by what it fails.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// Why one device cannot serve a need.
struct Failure {
  Cause cause{};
  std::string what;       ///< "2g.20gb has 19,968 MiB"
  std::uint64_t far = 0;  ///< how far it is from serving it, among devices that fail by the same cause
};

/// Not empty where the device serves it.
std::variant<std::vector<Option>, Failure> examine(const Candidate& candidate, const Need& need);

/// Some of it is kept for somebody: see keep_room().
bool is_partly_closed(const Candidate& candidate);

/// The compute of a whole device: its largest profile's.
struct WholeCompute {
  unsigned slices = 1;
  std::optional<unsigned> sm_count{};  ///< multiprocessors, as far as the driver tells them
};
WholeCompute compute_of(std::span<const gpu::Profile> profiles);

/// Whether an instance of `profile` is as large as `need` asks for. A part of the compute is a part of the
/// multiprocessors where the driver tells them, else of the compute slices.
bool is_enough(const gpu::Profile& profile, const WholeCompute& whole, const Need& need);

/// Of those that are enough: those beside which no smaller one is.
std::vector<const gpu::Profile*> smallest_enough(std::span<const gpu::Profile> profiles, const Need& need);

/// Memory slices that an instance takes.
unsigned size_of(const gpu::Profile& profile);

/// The pieces that must not be touched: those that somebody has, and those that are promised.
gpu::Layout fixed_layout(const Candidate& candidate);
std::vector<Standing> standing_of(const Candidate& candidate);

/// Per hour: the device's price by the option's compute slices, or by its share.
std::optional<std::int64_t> price_of(const Option& option);

/// `number` is the position of the option's candidate.
Grant grant_of(std::size_t number, const Option& option, const Need& need);

}  // namespace tessera::fleet::decision
