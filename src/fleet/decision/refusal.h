#pragma once
// Why nothing serves a need, and what would help.
#include <array>
#include <optional>
#include <span>
#include <string>

#include "fleet/decision/options.h"

namespace tessera::fleet::decision {

/// By candidate; absent of those that are not looked at. Those that would do alone have Cause::Together.
using Failures = std::span<const std::optional<Failure>>;
Refusal refuse(const Supply& supply, const Need& need, Failures failures, const Scope& scope = {});
/// The refusal's sentence, by how many devices fail by each cause.
std::string sentence_of(const std::array<std::size_t, kCauses>& counts);

/// Where a little less memory would do with a smaller instance or device: "20,480 MiB are asked for and 2g.20gb has
/// 19,968: ask for 20G". `device_id` is of one that has it, and that is in `scope`.
struct NearMiss {
  std::string device_id;
  std::string sentence;
};
std::optional<NearMiss> near_miss(const Supply& supply, const Need& need, const Scope& scope = {});

}  // namespace tessera::fleet::decision
