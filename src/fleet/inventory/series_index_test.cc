#include "fleet/inventory/series_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace tessera::fleet {
namespace {

TEST(SeriesIndex, AgreesWithAMap) {
  std::mt19937_64 random(7);
  SeriesIndex index;
  std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> want;  // key -> slot, epoch
  for (std::uint32_t epoch = 1; epoch < 200; ++epoch) {
    for (int i = 0; i < 500; ++i) {
      // Few low bits: collisions, and runs that wrap around.
      const std::uint64_t number = random() % 4000;
      const SeriesKey key{number % 97, number};
      const std::uint32_t slot = index.find(key, epoch);
      const auto known = want.find(number);
      ASSERT_EQ(slot, known == want.end() ? SeriesIndex::kUnknown : known->second.first);
      if (known == want.end()) {
        index.insert(key, static_cast<std::uint32_t>(number + 1), epoch);
        want[number] = {static_cast<std::uint32_t>(number + 1), epoch};
      } else {
        known->second.second = epoch;
      }
    }
    if (epoch % 5 != 0) continue;
    std::set<std::uint32_t> dropped, due;
    index.drop_old(epoch, 3, [&](std::uint32_t slot) { dropped.insert(slot); });
    for (auto it = want.begin(); it != want.end();)
      if (it->second.second < epoch - 2)
        due.insert(it->second.first), it = want.erase(it);
      else
        ++it;
    ASSERT_EQ(dropped, due);
    ASSERT_EQ(index.size(), want.size());
  }
}

}  // namespace
}  // namespace tessera::fleet
