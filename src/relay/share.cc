#include "relay/share.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {

bool is_ours(std::string_view target_key, const Share& share) {
  const auto score = [&](unsigned replica) {
    return XXH3_64bits_withSeed(target_key.data(), target_key.size(), replica + 1);
  };
  const auto own = score(share.index);
  for (unsigned other = 0; other < share.count; ++other)
    if (other != share.index && (score(other) > own || (score(other) == own && other < share.index))) return false;
  return true;
}

}  // namespace tessera::relay
