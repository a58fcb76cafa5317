#include "metrics/own.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tessera::metrics {
namespace {

constexpr Metric kLookups{"tessera_lookups_total", Type::Counter, "", "Lookups by outcome."};
constexpr Metric kUp{"tessera_up", Type::Gauge, "", "1 while it runs."};

TEST(CounterFamily, ExposesEveryValueFromTheStart) {
  CounterFamily lookups(kLookups, "outcome", {"found", "missing"});
  lookups["missing"].add();
  lookups["missing"].add(41);
  Page page;
  lookups.append_to(page, label_text({{"Hostname", "n1"}}));
  append_single(page, kUp, 1);
  EXPECT_EQ(write_text(page),
            "# HELP tessera_lookups_total Lookups by outcome.\n"
            "# TYPE tessera_lookups_total counter\n"
            "tessera_lookups_total{Hostname=\"n1\",outcome=\"found\"} 0\n"
            "tessera_lookups_total{Hostname=\"n1\",outcome=\"missing\"} 42\n"
            "# HELP tessera_up 1 while it runs.\n"
            "# TYPE tessera_up gauge\n"
            "tessera_up 1\n");
}

TEST(CounterFamily, LosesNothingBetweenThreads) {
  CounterFamily lookups(kLookups, "outcome", {"found"});
  constexpr std::uint64_t kEach = 20'000;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (std::uint64_t n = 0; n < kEach; ++n) lookups["found"].add();
      });
  }
  EXPECT_EQ(lookups["found"].value(), 4 * kEach);
}

}  // namespace
}  // namespace tessera::metrics
