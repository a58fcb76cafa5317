#pragma once
// What a decision was made on (fleet/decision/replay.h), as text that is kept with its allocation: JSON, in which what
// is nothing is left out. What was expected to come is a text of its own, which many have in common.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/decision/replay.h"
#include "store/allocations.h"

namespace tessera::server {

/// What is longer is not kept.
inline constexpr std::size_t kLongestScene = std::size_t{64} << 10U;
inline constexpr std::size_t kLongestMix = std::size_t{256} << 10U;

/// The text of the last mix, made once for all who name it. Not for several threads.
class MixTexts {
 public:
  /// Null where nothing is expected.
  std::shared_ptr<const store::SceneMix> of(const std::shared_ptr<const fleet::decision::Mix>& mix);

 private:
  std::shared_ptr<const fleet::decision::Mix> mix_;
  std::shared_ptr<const store::SceneMix> text_;
};

/// Of a decision that was made of the others, by a policy that has this mix; without text where it is too much to be
/// kept.
store::KeptScene scene_to_keep(const std::string& allocation, const fleet::decision::Supply& supply,
                               const fleet::decision::Need& need, fleet::decision::Policy& policy,
                               std::shared_ptr<const store::SceneMix> mix, const fleet::decision::Scope& scope,
                               const fleet::decision::Decision& decision);

/// Without its mix.
std::string scene_text(const fleet::decision::Scene& scene);
/// Empty for an empty one.
std::string mix_text(const fleet::decision::Mix& mix);
/// Of what these two have written; Invalid for anything else, and for what no decision is made on.
Result<fleet::decision::Scene> read_scene(std::string_view text, std::string_view mix);

}  // namespace tessera::server
