#include "fleet/name_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::fleet {

NameKey key_of(std::string_view name) {
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  return {hash.low64, hash.high64};
}

}  // namespace tessera::fleet
