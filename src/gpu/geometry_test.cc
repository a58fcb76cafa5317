#include "gpu/geometry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

namespace tessera::gpu {
namespace {

Profile profile(unsigned id, std::string name, unsigned slices, const std::vector<unsigned>& starts, unsigned size,
                unsigned max) {
  Profile out;
  out.id = id;
  out.name = std::move(name);
  out.compute_slices = slices;
  out.max_instances = max;
  for (const auto start : starts) out.placements.push_back({start, size});
  return out;
}

// As real boards list them. Only tests know these tables: the program asks the driver.
const Profile k1g = profile(19, "1g.10gb", 1, {0, 1, 2, 3, 4, 5, 6}, 1, 7);
const Profile k1gMedia = profile(20, "1g.10gb+me", 1, {0, 1, 2, 3, 4, 5, 6}, 1, 1);
const Profile k1gDouble = profile(15, "1g.20gb", 1, {0, 2, 4, 6}, 2, 4);
const Profile k2g = profile(14, "2g.20gb", 2, {0, 2, 4}, 2, 3);
const Profile k3g = profile(9, "3g.40gb", 3, {0, 4}, 4, 2);
const Profile k4g = profile(5, "4g.40gb", 4, {0}, 4, 1);
const Profile k7g = profile(0, "7g.80gb", 7, {0}, 8, 1);

const std::vector<Profile> kEight = {k1g, k2g, k3g, k4g, k7g};
const std::vector<Profile> kEightDouble = {k1g, k1gDouble, k2g, k3g, k4g, k7g};
const std::vector<Profile> kEightAll = {k1g, k1gMedia, k1gDouble, k2g, k3g, k4g, k7g};
const std::vector<Profile> kA30 = {profile(14, "1g.6gb", 1, {0, 1, 2, 3}, 1, 4), profile(5, "2g.12gb", 2, {0, 2}, 2, 2),
                                   profile(0, "4g.24gb", 4, {0}, 4, 1)};
const std::vector<Profile> kA30Media = {kA30[0], profile(21, "1g.6gb+me", 1, {0, 1, 2, 3}, 1, 1), kA30[1],
                                        profile(6, "2g.12gb+me", 2, {0, 2}, 2, 1), kA30[2]};
const std::vector<Profile> kRtxPro6000 = {profile(14, "1g.24gb", 1, {0, 3, 6, 9}, 3, 4),
                                          profile(5, "2g.48gb", 2, {0, 6}, 6, 2), profile(0, "4g.96gb", 4, {0}, 12, 1)};

unsigned slices_of(Placement placement) { return ((1U << placement.size) - 1) << placement.start; }

/// The same question by brute force: every subset of all (profile, placement) pairs.
std::set<Layout> every_legal_subset(const std::vector<Profile>& profiles) {
  std::vector<Placed> all;
  std::vector<unsigned> slices;
  for (const auto& p : profiles)
    for (const auto placement : p.placements) {
      all.push_back({p.id, placement});
      slices.push_back(slices_of(placement));
    }
  std::set<Layout> out;
  for (unsigned subset = 0; subset < (1U << all.size()); ++subset) {
    unsigned used = 0;
    bool clash = false;
    for (unsigned rest = subset; rest != 0 && !clash; rest &= rest - 1) {
      const unsigned mine = slices[static_cast<std::size_t>(std::countr_zero(rest))];
      clash = (used & mine) != 0;
      used |= mine;
    }
    if (clash) continue;
    Layout layout;
    std::map<unsigned, unsigned> count;
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((subset >> i & 1U) != 0) layout.push_back(all[i]), ++count[all[i].profile];
    if (std::ranges::any_of(profiles, [&](const Profile& p) { return count[p.id] > p.max_instances; })) continue;
    std::ranges::sort(layout, {}, &Placed::placement);
    out.insert(layout);
  }
  return out;
}

std::multiset<unsigned> multiset_of(const Layout& layout) {
  std::multiset<unsigned> out;
  for (const auto& placed : layout) out.insert(placed.profile);
  return out;
}

TEST(Layouts, AreThoseOfBruteForceAndOfNvidiasCounts) {
  static const struct {
    std::string_view what;
    const std::vector<Profile>& profiles;
    std::size_t legal, maximal, multisets;
  } kCases[] = {
      {"8 slices", kEight, 298, 19, 14},
      {"8 slices with the double-memory 1g", kEightDouble, 723, 78, 38},
      {"A30", kA30, 26, 5, 4},
      {"RTX PRO 6000", kRtxPro6000, 26, 5, 4},
  };
  for (const auto& c : kCases) {
    const auto all = layouts(c.profiles);
    const auto oracle = every_legal_subset(c.profiles);
    EXPECT_EQ(all.size(), c.legal) << c.what;
    EXPECT_EQ(std::set<Layout>(all.begin(), all.end()), oracle) << c.what;
    std::set<std::multiset<unsigned>> multisets;
    std::size_t maximal = 0;
    for (const auto& layout : all) {
      // Maximal, said without is_maximal: no legal layout contains it and more.
      const bool contained = std::ranges::any_of(oracle, [&](const Layout& other) {
        return other.size() > layout.size() &&
               std::ranges::all_of(layout, [&](const Placed& p) { return std::ranges::count(other, p) > 0; });
      });
      EXPECT_EQ(is_maximal(c.profiles, layout), !contained);
      if (contained) continue;
      ++maximal;
      multisets.insert(multiset_of(layout));
    }
    EXPECT_EQ(maximal, c.maximal) << c.what;
    EXPECT_EQ(multisets.size(), c.multisets) << c.what;
  }
}

TEST(Layouts, ObeyTheNumberOfInstances) {
  const std::vector<Profile> with_media = {k1g, k1gMedia, k2g, k3g, k4g, k7g};
  const auto all = layouts(with_media);
  const auto oracle = every_legal_subset(with_media);
  EXPECT_EQ(std::set<Layout>(all.begin(), all.end()), oracle);
  EXPECT_EQ(all.size(), oracle.size());
  // More places than instances: at most two of four, so 1 + 4 + 6 layouts.
  const std::vector<Profile> two_of_four = {profile(1, "1g.24gb", 1, {0, 1, 2, 3}, 1, 2)};
  EXPECT_EQ(layouts(two_of_four).size(), 11U);
  EXPECT_EQ(remaining_capacity(two_of_four, {}, two_of_four[0]), 2U);
  EXPECT_TRUE(is_maximal(two_of_four, Layout{{1, {0, 1}}, {1, {3, 1}}}));
}

TEST(Layouts, HaveOneMediaExtensionOverAllProfiles) {
  for (const auto& layout : layouts(kA30Media))
    EXPECT_LE(std::ranges::count_if(layout, [](const Placed& p) { return p.profile == 21 || p.profile == 6; }), 1);
  // All media engines in one instance leave none for others but those that want none.
  const std::vector<Profile> profiles = {kRtxPro6000[0], profile(65, "1g.24gb+me.all", 1, {0, 3, 6, 9}, 3, 1),
                                         profile(67, "1g.24gb-me", 1, {0, 3, 6, 9}, 3, 4)};
  const Layout all_media = {{65, {0, 3}}};
  EXPECT_EQ(remaining_capacity(profiles, all_media, profiles[0]), 0U);
  EXPECT_EQ(remaining_capacity(profiles, all_media, profiles[2]), 3U);
  EXPECT_EQ(remaining_capacity(profiles, Layout{{67, {0, 3}}}, profiles[1]), 1U);
}

TEST(Layouts, KeepWhatIsTaken) {
  const Layout taken = {{k3g.id, {4, 4}}, {k1g.id, {1, 1}}};
  const auto all = layouts(kEight, taken);
  const auto oracle = every_legal_subset(kEight);
  std::size_t want = 0;
  for (const auto& layout : oracle)
    want += std::ranges::all_of(taken, [&](const Placed& p) { return std::ranges::count(layout, p) > 0; }) ? 1U : 0U;
  EXPECT_EQ(all.size(), want);
  for (const auto& layout : all) {
    EXPECT_TRUE(oracle.contains(layout));
    for (const auto& placed : taken) EXPECT_EQ(std::ranges::count(layout, placed), 1);
  }
}

TEST(RemainingCapacity, IsMoreThanCountingSlices) {
  static const struct {
    std::string_view what;
    Layout taken;
    std::vector<unsigned> want;  // of 1g, +me, double 1g, 2g, 3g, 4g, 7g
  } kCases[] = {
      {"empty", {}, {7, 1, 4, 3, 2, 1, 1}},
      {"1g at 0 and 4: five slices free, no 3g", {{19, {0, 1}}, {19, {4, 1}}}, {5, 1, 2, 1, 0, 0, 0}},
      {"1g at 0 and 1", {{19, {0, 1}}, {19, {1, 1}}}, {5, 1, 3, 2, 1, 0, 0}},
      {"1g at 6: slice 7 is lost to all but 3g", {{19, {6, 1}}}, {6, 1, 3, 3, 1, 1, 0}},
      {"+me at 3", {{20, {3, 1}}}, {6, 0, 3, 2, 1, 0, 0}},
      {"4g and 3g", {{5, {0, 4}}, {9, {4, 4}}}, {0, 0, 0, 0, 0, 0, 0}},
      {"whole", {{0, {0, 8}}}, {0, 0, 0, 0, 0, 0, 0}},
  };
  for (const auto& c : kCases)
    for (std::size_t i = 0; i < kEightAll.size(); ++i)
      EXPECT_EQ(remaining_capacity(kEightAll, c.taken, kEightAll[i]), c.want[i]) << c.what << ": " << kEightAll[i].name;
}

// From every legal state: what can be added is exactly what leads to a legal state, and the greedy count is the
// largest.
TEST(RemainingCapacity, IsTheLargestFoundByBruteForce) {
  const auto oracle = every_legal_subset(kEightDouble);
  for (const auto& p : kEightDouble) {
    const auto alone = every_legal_subset({p});
    for (const auto& layout : oracle) {
      unsigned used = 0;
      for (const auto& placed : layout) used |= slices_of(placed.placement);
      std::size_t most = 0;
      for (const auto& other : alone)
        if (std::ranges::all_of(other, [&](const Placed& placed) { return (slices_of(placed.placement) & used) == 0; }))
          most = std::max(most, other.size());
      EXPECT_EQ(remaining_capacity(kEightDouble, layout, p), most);
      for (const auto placement : p.placements) {
        Layout more = layout;
        more.push_back({p.id, placement});
        std::ranges::sort(more, {}, &Placed::placement);
        EXPECT_EQ(fits(kEightDouble, layout, p, placement), oracle.contains(more));
      }
    }
  }
}

TEST(FreePlacements, AreAbsentWhereTheDriverDoesNotTell) {
  EXPECT_THAT(*free_placements(kEight, Layout{{k1g.id, {4, 1}}}, k2g),
              testing::ElementsAre(Placement{0, 2}, Placement{2, 2}));
  Profile untold = k2g;
  untold.placements.clear();
  EXPECT_FALSE(free_placements(kEight, {}, untold));
  EXPECT_FALSE(remaining_capacity(kEight, {}, untold));
  EXPECT_FALSE(fits(kEight, {}, k2g, {1, 2}));  // free, but not a placement of 2g
}

Instance instance(unsigned gi, unsigned ci, std::string name, std::optional<Placement> placement) {
  Instance out;
  out.gpu_instance = gi;
  out.compute_instance = ci;
  out.profile = std::move(name);
  out.placement = placement;
  return out;
}

TEST(LayoutOf, CountsAGpuInstanceOnce) {
  Device device;
  device.profiles = kEightAll;
  device.instances = {instance(2, 0, "1c.3g.40gb", Placement{4, 4}), instance(2, 1, "2c.3g.40gb", Placement{4, 4}),
                      instance(7, 0, "1g.10gb+me", Placement{0, 1})};
  EXPECT_EQ(layout_of(device), (Layout{{k1gMedia.id, {0, 1}}, {k3g.id, {4, 4}}}));
  device.instances.push_back(instance(8, 0, "1g.10gb", std::nullopt));
  EXPECT_FALSE(layout_of(device));
  device.instances.back() = instance(8, 0, "1g.5gb", Placement{1, 1});
  EXPECT_FALSE(layout_of(device));
}

}  // namespace
}  // namespace tessera::gpu
