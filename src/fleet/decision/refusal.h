#pragma once
// Why nothing serves a need, and what would help.
#include <optional>
#include <span>
#include <string>

#include "fleet/decision/options.h"

namespace tessera::fleet::decision {

/// `failures` by candidate. Those that would do alone have Cause::Together.
Refusal refuse(const Supply& supply, const Need& need, std::span<const Failure> failures);

/// Where a little less memory would do with a smaller instance or device: "20,480 MiB are asked for and 2g.20gb has
/// 19,968: ask for 20G". `device_id` is of one that has it.
struct NearMiss {
  std::string device_id;
  std::string sentence;
};
std::optional<NearMiss> near_miss(const Supply& supply, const Need& need);

}  // namespace tessera::fleet::decision
