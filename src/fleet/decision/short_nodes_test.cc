#include "fleet/decision/short_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/decision/decide.h"
#include "fleet/decision/random_fleet.h"

namespace tessera::fleet::decision {
namespace {
using testing::HasSubstr;
using testing::Not;

constexpr Beside kFull{64'000, 256'000, 2'000, 256'000}, kSmall{64'000, 256'000, 64'000, 1'000},
    kAmple{64'000, 256'000, 64'000, 256'000};

/// One device on each of two nodes, of which `first` is known of the first one.
Supply two(Candidate device, const Beside& first) {
  Supply out{0, {device, device}};
  out.candidates[1].node = "w-01";
  out.candidates[1].id = "w-01-GPU-00";
  out.candidates[1].uuid = "GPU-0004";
  out.nodes[{"c", "w-00"}] = first;
  out.nodes[{"c", "w-01"}] = kAmple;
  return out;
}

Candidate shared() {
  Candidate out = t4(0);
  out.shares = Shares{4, 4, *out.memory_bytes};
  return out;
}

Candidate with_one_idle() {
  Candidate out = h100(0);
  out.pieces = {piece(k1g, 6, 1)};
  return out;
}

/// What a stock decides, which is what its supply does.
Decision decided(const Supply& supply, const Need& need, std::string_view policy) {
  Stock stock(supply);
  const auto by = *make_policy(policy, {});
  auto out = std::get<Decision>(decide(stock, need, *by));
  const auto of_supply = std::get<Decision>(decide(supply, need, *by));
  EXPECT_EQ(out.grants[0].candidate, of_supply.grants[0].candidate);
  EXPECT_EQ(out.reason.sentence, of_supply.reason.sentence);
  EXPECT_EQ(place(stock, need, *by)->candidate, out.grants[0].candidate);
  return out;
}

TEST(ShortNodes, ComeLastForInstancesAndSharesAsForDevices) {
  const Need instance{.memory_mib = 9'000, .mig = MigUse::Required, .cpu_milli = 20'000, .node_memory_mib = 2'000};
  Need share{.compute_milli = 250, .cpu_milli = 20'000, .node_memory_mib = 2'000};
  const std::pair<Candidate, Need> kCases[] = {{h100(0), instance}, {with_one_idle(), instance}, {shared(), share}};
  for (const auto& [device, need] : kCases)
    for (const std::string_view name : policy_names())
      for (const Beside& left : {kFull, kSmall}) {
        const Decision decision = decided(two(device, left), need, name);
        EXPECT_EQ(decision.grants[0].candidate, 1U) << name;
        EXPECT_THAT(decision.reason.sentence, HasSubstr("where CPU and memory are left"));
        ASSERT_EQ(decision.runners_up.size(), 1U);
        EXPECT_EQ(decision.runners_up[0].why_not, "its node has less CPU or memory left than the pod asks for");
        EXPECT_EQ(decided(two(device, kAmple), need, name).grants[0].candidate, 0U) << name;
      }
}

TEST(ShortNodes, AreGivenWhereNothingElseWouldDo) {
  Need need{.memory_mib = 9'000, .mig = MigUse::Required, .cpu_milli = 20'000};
  Supply supply = two(h100(0), kFull);
  supply.candidates[1].unfit = "it is silent";
  const Decision decision = decided(supply, need, "default");
  EXPECT_EQ(decision.grants[0].candidate, 0U);
  EXPECT_THAT(decision.reason.sentence, HasSubstr(", though w-00 has less CPU or memory left than its pod asks for"));
  supply = two(h100(0), kFull);
  supply.nodes.clear();
  EXPECT_EQ(decided(supply, need, "default").grants[0].candidate, 0U) << "of neither node anything is known";
  supply = two(h100(0), kFull);
  need.cpu_milli = 0;
  EXPECT_EQ(decided(supply, need, "default").grants[0].candidate, 0U) << "it asks for nothing";
  EXPECT_THAT(decided(supply, need, "default").reason.sentence, Not(HasSubstr("CPU")));
}

/// An instance that costs the fleet more, on a node that has enough, comes before a whole device on one that has not.
TEST(ShortNodes, ComeAfterWhatCostsMore) {
  const Need need{.memory_mib = 9'000, .cpu_milli = 20'000};
  Supply supply{0, {t4(0), h100(4)}};
  ASSERT_EQ(decided(supply, need, "cost").grants[0].candidate, 0U);
  supply.nodes[{"c", "w-00"}] = kFull;
  supply.nodes[{"c", "w-01"}] = kAmple;
  EXPECT_EQ(decided(supply, need, "cost").grants[0].candidate, 1U);
}

/// Whatever the nodes have left, it refuses nobody, and one that has not enough is given only where no other would do.
TEST(ShortNodes, RefuseNobodyAndAreTheLastThatAreGiven) {
  Random random(41);
  int passed_over = 0, given = 0;
  for (int round = 0; round < 200; ++round) {
    const auto policy = *make_policy(policy_names()[random() % policy_names().size()], {});
    Supply supply = some_fleet(1 + static_cast<unsigned>(random() % 24), random);
    idle_and_priced(supply, random);
    some_left_beside(supply, random);
    Need need = some_need(random), modest = need;
    need.cpu_milli = 1 + static_cast<std::int64_t>(random() % 40'000);
    Stock stock(supply);
    const Verdict verdict = decide(stock, need, *policy), without = decide(supply, modest, *policy);
    ASSERT_EQ(verdict.index(), without.index());
    const auto* decision = std::get_if<Decision>(&verdict);
    if (!decision) continue;
    const ShortNodes short_nodes(supply, need);
    if (!short_nodes.has(decision->grants[0].candidate)) {
      passed_over += short_nodes.has(std::get<Decision>(without).grants[0].candidate) ? 1 : 0;
      continue;
    }
    ++given;
    Supply enough = supply;
    for (std::size_t at = 0; at < supply.candidates.size(); ++at)
      if (short_nodes.has(at)) enough.candidates[at].unfit = "its node is short";
    ASSERT_TRUE(std::holds_alternative<Refusal>(decide(enough, need, *policy))) << "round " << round;
  }
  EXPECT_GT(passed_over, 10);
  EXPECT_GT(given, 10);
}

}  // namespace
}  // namespace tessera::fleet::decision
