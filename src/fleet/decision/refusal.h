#pragma once
// Why nothing serves a need, and what would help.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fleet/decision/options.h"

namespace tessera::fleet::decision {

/// Devices that are alike, or one of them, and what each of them fails by first; those that would do alone have
/// Cause::Together.
struct Failing {
  Cause cause{};
  std::uint64_t far = 0;                 ///< see Failure
  bool barred = false;                   ///< by the scope, which has a sentence for each node, and not by what they are
  std::string what{};                    ///< said of each, where it is not found by looking at one of them alone
  std::vector<std::uint32_t> members{};  ///< positions in the supply, ascending; never empty
  std::uint32_t first() const { return members.front(); }
};
/// Each device that is looked at is in one of them.
using Failures = std::span<const Failing>;
/// What is said of all is found by looking at one device of each kind, and at those that are named; where several
/// devices are asked for, `policy` decides whether what would help is enough.
Refusal refuse(const Supply& supply, const Need& need, Failures failures, Policy& policy, const Scope& scope = {});
/// What the device at this position, one of `of`, fails by, as a sentence.
std::string what_of(const Supply& supply, const Need& need, const Scope& scope, const Failing& of, std::uint32_t at);
/// The refusal's sentence, by how many devices fail by each cause.
std::string sentence_of(const std::array<std::size_t, kCauses>& counts);

}  // namespace tessera::fleet::decision
