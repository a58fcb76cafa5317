// What a page costs whose lines are all known: memory is asked for by the page, never by the line.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "relay/scrape_cache.h"

namespace {
thread_local std::size_t allocations = 0;
}

// Of the whole test program. The other forms of new and delete come down to these.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace tessera::relay {
namespace {
using metrics::Format;

constexpr EpochMs kNow = 1'700'000'000'000;

std::string page_of(Format format, int lines, int round, std::string_view time) {
  std::string page = "# HELP load What it does.\n# TYPE load gauge\n";
  for (int line = 0; line < lines; ++line)
    page += fmt::format("load{{gpu=\"{}\"}} {}.5{}\n", line, (round * 7 + line) % 97, time);
  return page + (format == Format::OpenMetrics ? "# EOF\n" : "");
}

/// Of a page that is like those before it.
std::size_t allocations_of(Format format, int lines, std::string_view time) {
  ScrapeCache cache({});
  std::size_t count = 0;
  for (int round = 0; round < 4; ++round) {
    const std::string page = page_of(format, lines, round, time);
    const std::size_t before = allocations;
    cache.begin(format, kNow);
    EXPECT_TRUE(cache.feed(page));
    const auto done = cache.finish();
    count = allocations - before;
    EXPECT_TRUE(done);
    EXPECT_EQ(done ? done->samples.size() : 0, static_cast<std::size_t>(lines));
  }
  return count;
}

TEST(ScrapeCacheAllocations, AreOfThePageNotOfItsLines) {
  const struct {
    std::string_view what;
    Format format;
    std::string_view time;
  } kCases[] = {
      {"text", Format::Text, ""},
      {"text with time stamps", Format::Text, " 1700000000001"},
      {"OpenMetrics", Format::OpenMetrics, ""},
      {"OpenMetrics with time stamps", Format::OpenMetrics, " 1700000000.001"},
  };
  for (const auto& c : kCases) {
    const std::size_t small = allocations_of(c.format, 10, c.time);
    EXPECT_GT(small, 0U) << "nothing is counted";
    EXPECT_LE(small, 20U) << c.what;
    EXPECT_EQ(allocations_of(c.format, 5'000, c.time), small) << c.what;
  }
}

}  // namespace
}  // namespace tessera::relay
