#include "server/node_changes/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server::nodes {
namespace {
using testing::HasSubstr;

const std::optional<CutDevice> kUnknown;
const CutDevice kWhole{};
CutDevice cut(std::vector<std::string> profiles) { return {true, std::move(profiles)}; }

TEST(Listing, IsHeldAgainstWhatStands) {
  const struct {
    const char* what;
    CutNode stands;
    Strategy strategy;
    fleet::GpuAmounts allocatable;
    bool exact, too_much;
    const char* says;
  } kCases[] = {
      {"as it stands",
       {cut({"2g.20gb", "1g.10gb", "1g.10gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-2g.20gb", 1}, {"nvidia.com/mig-1g.10gb", 2}},
       true,
       false,
       ""},
      {"over all devices",
       {cut({"2g.20gb"}), cut({"2g.20gb"}), kWhole},
       Strategy::Mixed,
       {{"nvidia.com/mig-2g.20gb", 2}, {"nvidia.com/gpu", 1}},
       true,
       false,
       ""},
      {"by the plugin's name of it",
       {cut({"1g.10gb+me"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1g.10gb.me", 1}},
       true,
       false,
       ""},
      {"parts of an instance",
       {cut({"1c.3g.40gb", "1c.3g.40gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1c.3g.40gb", 2}},
       true,
       false,
       ""},
      {"a list of before",
       {cut({"2g.20gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1g.10gb", 2}, {"nvidia.com/mig-2g.20gb", 1}},
       false,
       true,
       "2 nvidia.com/mig-1g.10gb"},
      {"what was taken off the list",
       {cut({"2g.20gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1g.10gb", 0}, {"nvidia.com/mig-2g.20gb", 1}},
       true,
       false,
       ""},
      {"nothing yet", {cut({"2g.20gb"})}, Strategy::Mixed, {}, false, false, "0 of 1 nvidia.com/mig-2g.20gb"},
      {"too few",
       {cut({"1g.10gb", "1g.10gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1g.10gb", 1}},
       false,
       false,
       "1 of 2"},
      {"too many",
       {cut({"1g.10gb", "1g.10gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1g.10gb", 3}},
       false,
       true,
       "3 of 2"},
      {"shared",
       {cut({"1g.10gb", "1g.10gb"})},
       Strategy::Mixed,
       {{"nvidia.com/mig-1g.10gb.shared", 8}},
       true,
       false,
       ""},
      {"beside what nobody knows",
       {cut({"2g.20gb"}), kUnknown},
       Strategy::Mixed,
       {{"nvidia.com/mig-2g.20gb", 3}, {"nvidia.com/mig-1g.10gb", 2}},
       true,
       false,
       ""},
      {"no device is cut", {kWhole, kWhole}, Strategy::Mixed, {{"nvidia.com/gpu", 2}}, true, false, ""},
      {"single",
       {cut({"3g.40gb", "3g.40gb"}), cut({"3g.40gb", "3g.40gb"})},
       Strategy::Single,
       {{"nvidia.com/gpu", 4}},
       true,
       false,
       ""},
      {"single, a list of before",
       {cut({"3g.40gb", "3g.40gb"})},
       Strategy::Single,
       {{"nvidia.com/gpu", 7}},
       false,
       true,
       "7 of 2 nvidia.com/gpu"},
      {"single, not alike",
       {cut({"3g.40gb", "2g.20gb"})},
       Strategy::Single,
       {{"nvidia.com/gpu", 0}},
       false,
       false,
       "one profile"},
      {"single, not all cut",
       {cut({"3g.40gb"}), kWhole},
       Strategy::Single,
       {{"nvidia.com/gpu", 2}},
       false,
       true,
       "one profile"},
      {"single, whole devices", {kWhole}, Strategy::Single, {{"nvidia.com/gpu", 1}}, true, false, ""},
      {"single, nothing stands", {cut({})}, Strategy::Single, {{"nvidia.com/gpu", 1}}, false, true, "do not stand"},
      {"instances are not listed", {cut({"2g.20gb"})}, Strategy::None, {{"nvidia.com/gpu", 1}}, true, false, ""},
  };
  for (const auto& c : kCases) {
    const Listing listing = compare(c.stands, c.strategy, c.allocatable);
    EXPECT_EQ(listing.exact, c.exact) << c.what << ": " << listing.difference;
    EXPECT_EQ(listing.too_much, c.too_much) << c.what;
    EXPECT_THAT(listing.difference, HasSubstr(c.says)) << c.what;
    EXPECT_EQ(listing.exact, listing.difference.empty()) << c.what;
  }
}

TEST(Strategy, IsTheNodesOwnUnlessItIsSet) {
  EXPECT_EQ(strategy_of(Strategy::Auto, {{"nvidia.com/mig.strategy", "single"}}), Strategy::Single);
  EXPECT_EQ(strategy_of(Strategy::Auto, {{"nvidia.com/mig.strategy", "none"}}), Strategy::None);
  EXPECT_EQ(strategy_of(Strategy::Auto, {}), Strategy::Mixed);
  EXPECT_EQ(strategy_of(Strategy::Mixed, {{"nvidia.com/mig.strategy", "single"}}), Strategy::Mixed);
}

}  // namespace
}  // namespace tessera::server::nodes
