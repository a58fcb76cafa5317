#pragma once
// What a decision was made on (fleet/decision/replay.h), as text that is kept with its allocation: JSON, in which what
// is nothing is left out.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/decision/replay.h"

namespace tessera::server {

/// What is longer is not kept.
inline constexpr std::size_t kLongestScene = std::size_t{64} << 10U;
/// Of a decision that was made of the others; empty where it is too much to be kept.
std::string scene_to_keep(const fleet::decision::Supply& supply, const fleet::decision::Need& need,
                          const fleet::decision::Mix& mix, const fleet::decision::Scope& scope,
                          const fleet::decision::Decision& decision);

std::string scene_text(const fleet::decision::Scene& scene);
/// Of what scene_text() has written; Invalid for anything else.
Result<fleet::decision::Scene> read_scene(std::string_view text);

}  // namespace tessera::server
