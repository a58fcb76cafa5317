#pragma once
// Inside the room: what to do about one object, given what is wanted, what is there, and what was tried before. Pure:
// the time is passed in. It is what keeps the operator from writing without need, and from writing again and again.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "kube/status.h"
#include "operator/differences.h"

namespace tessera::operate {

/// The annotation with the hash of what was applied last: what is not wanted any more can be seen by it, also by an
/// operator that has just been started.
inline constexpr const char* kAppliedAnnotation = "tessera.dev/applied";

/// `object` as it is applied: with its hash.
nlohmann::ordered_json with_hash(nlohmann::ordered_json object);

/// What the operator knows of its own doings with an object.
struct Attempts {
  std::string tried;                 ///< hash of what was sent last
  std::vector<Difference> accepted;  ///< what the server keeps otherwise, though it took it
  unsigned failures = 0;             ///< in a row
  unsigned repairs = 0;              ///< without a quiet time between them
  SteadyTime not_before{};           ///< of the next try
  std::optional<SteadyTime> repaired{};
  std::string expected;  ///< version of our own write, which the watch has not told yet
  SteadyTime expected_until{};
  std::string trouble;  ///< why the last try failed; empty: it did not
};

struct Decision {
  enum class Step {
    Nothing,
    Create,  ///< it is not known: look whether it is there, then apply
    Apply,
    Echo,  ///< our own write is to be told by the watch, at the latest at `when`
    Wait   ///< it is to be written, but not before `when`
  };
  Step step = Step::Nothing;
  std::vector<Difference> repairs{};  ///< of Apply: what is not as it was applied; empty: what is wanted has changed
  SteadyTime when{};
};

/// `desired` comes from with_hash(); `live` is null where the watch knows of none.
Decision decide(const nlohmann::ordered_json& desired, const nlohmann::ordered_json* live, const Attempts& attempts,
                SteadyTime now);

/// The server took it, and `answer` is the object as it stands now; `before` is its version before.
void note_success(Attempts& attempts, const nlohmann::ordered_json& desired, const nlohmann::ordered_json& answer,
                  const std::string& before, SteadyTime now);

/// It did not take what has this hash, for this reason; `random` from 0 to 1 spreads those who failed together.
void note_failure(Attempts& attempts, const std::string& hash, const kube::Status& status, const std::string& trouble,
                  double random, SteadyTime now);

/// In place of a hash, where an object is to go.
inline constexpr const char* kDeletion = "deletion";
/// Whether a deletion is due.
bool may_delete(const Attempts& attempts, SteadyTime now);
/// The server takes it away; what is still there after a while is asked for again.
void note_deletion(Attempts& attempts, SteadyTime now);

/// Whether somebody else changes what we repair, again and again.
bool is_fought_over(const Attempts& attempts, SteadyTime now);

/// Of an object from with_hash(), or of a live one; empty where there is none.
std::string hash_of(const nlohmann::ordered_json& object);
std::string version_of(const nlohmann::ordered_json& object);

}  // namespace tessera::operate
