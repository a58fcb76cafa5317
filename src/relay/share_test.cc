#include "relay/share.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace tessera::relay {
namespace {

constexpr unsigned kTargets = 600;

/// Target to the shards that scrape it, where those in `running` run and believe that `living` are there.
std::map<std::string, std::set<unsigned>> split(unsigned count, const std::set<unsigned>& running,
                                                const std::vector<unsigned>& living) {
  std::map<std::string, std::set<unsigned>> owners;
  for (unsigned i = 0; i < kTargets; ++i) {
    const std::string key = fmt::format("job\nhttp://10.0.0.{}/metrics\n", i);
    owners[key];
    for (const unsigned shard : running)
      if (is_ours(key, {shard, count, living})) owners[key].insert(shard);
  }
  return owners;
}

TEST(Share, EveryTargetIsExactlyOnes) {
  for (const auto& [count, living] : std::vector<std::pair<unsigned, std::vector<unsigned>>>{
           {1, {}}, {3, {}}, {3, {0, 1, 2}}, {3, {0, 2}}, {4, {3}}}) {
    std::set<unsigned> running(living.begin(), living.end());
    for (unsigned shard = 0; living.empty() && shard < count; ++shard) running.insert(shard);
    std::map<unsigned, unsigned> counts;
    for (const auto& [key, owners] : split(count, running, living)) {
      ASSERT_EQ(owners.size(), 1U) << key;
      ++counts[*owners.begin()];
    }
    for (const unsigned shard : running)
      EXPECT_GT(counts[shard], kTargets / running.size() / 2) << "shard " << shard << " of " << count;
  }
}

TEST(Share, OnlyTheTargetsOfWhoGoesMove) {
  const auto before = split(3, {0, 1, 2}, {});
  const auto after = split(3, {0, 2}, {0, 2});
  std::set<unsigned> heirs;
  for (const auto& [key, owners] : before) {
    if (*owners.begin() != 1)
      EXPECT_EQ(after.at(key), owners) << key;
    else
      heirs.insert(*after.at(key).begin());
  }
  EXPECT_EQ(heirs, (std::set<unsigned>{0, 2})) << "both take a part";
}

TEST(Share, WhoIsTakenForDeadGoesOnWithItsOwn) {
  const auto before = split(3, {1}, {});
  EXPECT_EQ(split(3, {1}, {0, 2}), before);
}

}  // namespace
}  // namespace tessera::relay
