#include "relay/share.h"

#include <algorithm>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {

bool is_ours(std::string_view target_key, const Share& share) {
  const auto score = [&](unsigned replica) {
    return XXH3_64bits_withSeed(target_key.data(), target_key.size(), replica + 1);
  };
  const auto own = score(share.index);
  for (unsigned other = 0; other < share.count; ++other) {
    const bool is_there = share.living.empty() || std::ranges::binary_search(share.living, other);
    if (other == share.index || !is_there) continue;
    if (score(other) > own || (score(other) == own && other < share.index)) return false;
  }
  return true;
}

}  // namespace tessera::relay
