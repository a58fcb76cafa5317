#pragma once
// glibc's heap, held within bounds.
#include <cstddef>

namespace tessera {

/// At most `arenas` of them: glibc gives each thread one of its own otherwise, and keeps what was freed in it. From
/// `own_pages` bytes on a block has pages of its own, which go back to the kernel when it is freed; what is made anew
/// again and again is better smaller than that, since the kernel clears pages. Before the first thread is started.
void bound_heap(int arenas, std::size_t own_pages);

/// Memory that will be read at random, and has not been touched yet, is better in pages of 2 MiB: the processor knows
/// the places of few small ones. Says nothing where the kernel has none.
void prefer_huge_pages(void* memory, std::size_t bytes);

}  // namespace tessera
