#include "base/heap.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

namespace tessera {

void bound_heap(int arenas, std::size_t own_pages) {
  constexpr int kTrim = 4 << 20;
  mallopt(M_ARENA_MAX, arenas);
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(own_pages));
  mallopt(M_TRIM_THRESHOLD, kTrim);
}

void prefer_huge_pages(void* memory, std::size_t bytes) {
  constexpr std::uintptr_t kPage = 2U << 20U;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / kPage * kPage;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace tessera
