#include "fleet/cost/filter.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

TEST(CostFilter, WantsWhatItSays) {
  const CostSubject subject{"seoul", "worker-01", "",       "H100_80GB", Purchase::Spot, "worker-01-GPU-00",
                            "GPU-1", {},          "2g.20gb"};
  const CostOwner owner{"seoul",  "ml", "train-0", "u",
                        "vision", "",   "4711",    {{"app", "web"}, {"example.com/stage", "prod"}}};
  OwnerRules rules = default_owner_rules({"squad"});
  rules.keep = {"app", "example.com/stage", "tier"};
  static constexpr struct {
    std::string_view filter;
    bool owned, nobodys;
  } kCases[] = {
      {"", true, true},
      {R"(namespace:"ml")", true, false},
      {R"(namespace:"search","ml")", true, false},
      {R"(namespace!:"ml")", false, true},
      {R"(namespace!:"a","b")", true, true},
      {R"(node:"worker-01"+team:"vision")", true, false},
      {R"(node:"worker-02"|team:"vision")", true, false},
      {R"(node:"worker-01" team:"vision")", true, false},  // a + that nobody has encoded
      {R"(team:"x"|model:"H100_80GB"+purchase:"spot")", true, true},
      {R"((team:"x"|model:"H100_80GB")+purchase:"reserved")", false, false},
      {R"( pod <~: "train" + pod ~>: "-0" )", true, false},
      {R"(pod~:"rain")", true, false},
      {R"(pod!~:"rain")", false, true},
      {R"(pod!<~:"rain")", true, true},
      {R"(pod!~>:"-0")", false, true},
      {R"(project:"")", true, true},
      {R"(costCenter:"4711")", true, false},
      {R"(profile:"2g.20gb"+device:"worker-01-GPU-00"+cluster:"seoul"+pool:"")", true, true},
      {R"(label[app]:"web")", true, false},
      {R"(label[example.com/stage]<~:"pro"+label[app]!:"db")", true, false},
      {R"(label[example_com_stage]:"prod" label[squad]:"vision")", true, false},
      {R"(label[tier]:"__unallocated__")", true, true},
  };
  for (const auto& c : kCases) {
    const auto filter = CostFilter::parse(c.filter, rules);
    ASSERT_TRUE(filter) << filter.error().what;
    EXPECT_EQ(filter->wants(subject, &owner), c.owned) << c.filter;
    EXPECT_EQ(filter->wants(subject, nullptr), c.nobodys) << c.filter;
  }
}

TEST(CostFilter, SaysWhereItWentWrong) {
  for (const char* bad : {"namespace", "namespace:", "namespace:ml", R"(namespace:"ml)", R"(colour:"red")",
                          R"(pod="a")", R"((pod:"a")", R"(pod:"a")+)", R"(pod:"a")+", R"(pod:"a",)", "|", "\"a\"",
                          R"(label[app]:"x")", "label[app", R"(label:"x")", R"(pod[a]:"x")"}) {
    const auto filter = CostFilter::parse(bad);
    EXPECT_FALSE(filter) << bad;
    if (!filter) EXPECT_NE(filter.error().what.find(" at '"), std::string::npos) << filter.error().what;
  }
  EXPECT_FALSE(CostFilter::parse(std::string(100'000, '('))) << "no deep recursion";
}

}  // namespace
}  // namespace tessera::fleet
