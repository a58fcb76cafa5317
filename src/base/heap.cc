#include "base/heap.h"

#include <malloc.h>

namespace tessera {

void bound_heap(int arenas, std::size_t own_pages) {
  constexpr int kTrim = 4 << 20;
  mallopt(M_ARENA_MAX, arenas);
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(own_pages));
  mallopt(M_TRIM_THRESHOLD, kTrim);
}

}  // namespace tessera
