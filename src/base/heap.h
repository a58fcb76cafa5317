#pragma once
// glibc's heap, held within bounds.
#include <cstddef>

namespace tessera {

/// At most `arenas` of them: glibc gives each thread one of its own otherwise, and keeps what was freed in it. From
/// `own_pages` bytes on a block has pages of its own, which go back to the kernel when it is freed; what is made anew
/// again and again is better smaller than that, since the kernel clears pages. Before the first thread is started.
void bound_heap(int arenas, std::size_t own_pages);

}  // namespace tessera
