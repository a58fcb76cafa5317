#pragma once
// Where a little less memory would do with a smaller instance or device.
#include <cstdint>
#include <optional>
#include <string>

#include "fleet/decision/refusal.h"

namespace tessera::fleet::decision {

/// The most memory below what is asked for that something on a device has which serves the need otherwise, were it
/// nobody's.
struct Smaller {
  std::string device_id;
  std::string name;
  std::uint64_t bytes = 0;
};
/// On one device; absent where it has nothing so near.
std::optional<Smaller> smaller_on(const Candidate& candidate, const Need& need);
/// Of one device of each kind that fails; of the first one where they are alike in it.
std::optional<Smaller> smaller_of(const Supply& supply, const Need& need, Failures failures);

/// "20,480 MiB are asked for and 2g.20gb has 19,968: ask for 20G". By what the need is otherwise; `device_id` is of one
/// that is open in `scope`, whoever has it.
struct NearMiss {
  std::string device_id;
  std::string sentence;
};
std::optional<NearMiss> told_of(const std::optional<Smaller>& smaller, const Need& need);

/// Where several devices are asked for, there are as many that are as large, on one node where they have to be.
std::optional<NearMiss> near_miss(const Supply& supply, const Need& need, const Scope& scope = {});
/// The same, of one device of each kind.
std::optional<NearMiss> near_miss(const Stock& stock, const Need& need, const Scope& scope = {});

}  // namespace tessera::fleet::decision
