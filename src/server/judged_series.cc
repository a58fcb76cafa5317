#include "server/judged_series.h"

#include <sys/mman.h>

#include <new>

namespace tessera::server {
namespace {

std::uint32_t mark_of(const fleet::SeriesKey& key) {
  const auto mark = static_cast<std::uint32_t>(key.high);
  return mark == 0 ? 1 : mark;
}

}  // namespace

// Zero pages of the kernel's: none is in memory before it is written to.
JudgedSeries::JudgedSeries() {
  void* const memory = ::mmap(nullptr, kSets * kWays * sizeof(std::uint32_t), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  marks_.reset(static_cast<std::atomic<std::uint32_t>*>(memory));
}

void JudgedSeries::Free::operator()(void* memory) const { ::munmap(memory, kSets * kWays * sizeof(std::uint32_t)); }

bool JudgedSeries::has(const fleet::SeriesKey& key) const {
  const std::uint32_t mark = mark_of(key);
  const std::atomic<std::uint32_t>* const set = set_of(key);
  for (std::size_t way = 0; way < kWays; ++way)
    if (set[way].load(std::memory_order_relaxed) == mark) return true;
  return false;
}

void JudgedSeries::add(const fleet::SeriesKey& key) {
  const std::uint32_t mark = mark_of(key);
  std::atomic<std::uint32_t>* const set = set_of(key);
  for (std::size_t way = 0; way < kWays; ++way) {
    std::uint32_t free = 0;
    if (set[way].load(std::memory_order_relaxed) == 0 &&
        set[way].compare_exchange_strong(free, mark, std::memory_order_relaxed))
      return;
  }
  set[(key.high >> 32U) % kWays].store(mark, std::memory_order_relaxed);
}

}  // namespace tessera::server
