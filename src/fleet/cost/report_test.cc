#include "fleet/cost/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>

#include "fleet/cost/zone.h"

namespace tessera::fleet {
namespace {
using namespace std::chrono_literals;
using testing::ElementsAre;
using enum CostKind;

constexpr EpochMs kStart = 1'793'404'800'000;  // 2026-10-31T00:00:00Z
constexpr EpochMs kBucketMs = kCostBucket.count();

CostSubject device(std::string cluster, std::string node) {
  CostSubject out;
  out.device_id = node + "-GPU-00";
  out.cluster = std::move(cluster);
  out.node = std::move(node);
  out.model = "H100_80GB";
  return out;
}
CostOwner owner(std::string space, std::string pod, std::string team) {
  CostOwner out;
  out.space = std::move(space);
  out.pod = std::move(pod);
  out.team = std::move(team);
  return out;
}

const CostSubject kFirst = device("seoul", "w1"), kSecond = device("seoul", "w2"), kOther = device("busan", "b1");
const CostOwner kTrain = owner("ml", "train", "vision"), kServe = owner("ml", "serve", "chat"),
                kStray = owner("x", "y", "");

CostRow row(const CostSubject& subject, const CostOwner* whose, CostKind kind, Micros micros, EpochMs bucket = kStart) {
  return {bucket,      &subject, whose, kind, whose ? CostBasis::Held : CostBasis::Nobody, {micros, micros * 10, 0},
          std::nullopt};
}

std::vector<std::string> shown(const CostSet& set) {
  std::vector<std::string> out;
  for (const CostGroup& one : set.groups) out.push_back(one.name + " " + decimal(*total(one.sums)));
  return out;
}

const std::vector<CostRow> kRows = {
    row(kFirst, &kTrain, Used, 500'000),        row(kFirst, &kTrain, HeldIdle, 100'000),
    row(kFirst, nullptr, Unallocated, 200'000), row(kSecond, &kServe, Used, 300'000),
    row(kSecond, nullptr, Unobserved, 50'000),  row(kOther, nullptr, Unallocated, 70'000),
    row(kOther, &kStray, HeldUnknown, 30'000),  row(kSecond, &kStray, Overhead, 10'000),
};

CostSet reported(const CostReportOptions& options) {
  const auto sets = report(kRows, {{kStart, kStart + kBucketMs}}, options);
  EXPECT_TRUE(sets) << sets.error().what;
  return sets->at(0);
}

TEST(CostReport, GroupsByWhatIsAskedFor) {
  CostReportOptions options;
  options.aggregate = {CostDimension::Team};
  EXPECT_THAT(shown(reported(options)), ElementsAre("vision 0.60", "chat 0.30", "__unallocated__ 0.03"));
  options.include_idle = true;
  EXPECT_THAT(shown(reported(options)), ElementsAre("vision 0.60", "chat 0.30", "__unallocated__ 0.03", "__idle__ 0.27",
                                                    "__unobserved__ 0.05", "__overhead__ 0.01"));
  options.aggregate = {CostDimension::Namespace, CostDimension::Pod};
  options.idle_by_node = true;
  EXPECT_THAT(shown(reported(options)), ElementsAre("ml/train 0.60", "ml/serve 0.30", "x/y 0.03", "w1/__idle__ 0.20",
                                                    "b1/__idle__ 0.07", "__unobserved__ 0.05", "__overhead__ 0.01"));
  EXPECT_THAT(shown(reported({})), ElementsAre("all 0.93"));
}

/// Whatever people name their teams.
TEST(CostReport, GroupsHaveNamesOfTheirOwn) {
  const CostOwner owners[] = {owner("a/b", "c", "__idle__"),
                              owner("a", "b/c", "__unallocated__"),
                              owner("a\\", "b", "\\__idle__"),
                              owner("a", "\\/b", "w1/__idle__"),
                              owner("", "", ""),
                              owner("__overhead__", "x", "__overhead__"),
                              owner("__unobserved__", "x", "all"),
                              owner("x", "x", "__unobserved__")};
  std::vector<CostRow> rows = kRows;
  for (const CostOwner& one : owners) rows.push_back(row(kFirst, &one, Used, 1'000));
  for (const bool by_node : {false, true})
    for (const std::vector<CostKey>& by : {std::vector<CostKey>{CostDimension::Team},
                                           {CostDimension::Namespace, CostDimension::Pod},
                                           {CostDimension::Node, CostDimension::Team}}) {
      CostReportOptions options;
      options.aggregate = by;
      options.include_idle = true;
      options.idle_by_node = by_node;
      const auto sets = report(rows, {{kStart, kStart + kBucketMs}}, options);
      ASSERT_TRUE(sets);
      std::map<std::string, Micros> by_name;
      for (const CostGroup& one : sets->front().groups) by_name[one.name] = *total(one.sums);
      EXPECT_EQ(by_name.size(), sets->front().groups.size());
      Micros sum = 0;
      for (const auto& [name, micros] : by_name) sum += micros;
      EXPECT_EQ(sum, *total(sets->front().all));
    }
}

TEST(CostReport, SharesIdleWhereItIs) {
  CostReportOptions options;
  options.aggregate = {CostDimension::Team};
  options.share_idle = ShareIdle::Weighted;
  EXPECT_THAT(shown(reported(options)), ElementsAre("vision 0.733333", "chat 0.366667", "__unallocated__ 0.10"));
  options.share_idle = ShareIdle::Even;
  EXPECT_THAT(shown(reported(options)), ElementsAre("vision 0.70", "chat 0.40", "__unallocated__ 0.10"));
  options.idle_by_node = true;
  EXPECT_THAT(shown(reported(options)), ElementsAre("vision 0.80", "chat 0.30", "__unallocated__ 0.10"));
}

TEST(CostReport, IdleThatNobodyIsThereForStaysIdle) {
  CostReportOptions options;
  options.share_idle = ShareIdle::Weighted;
  options.include_idle = true;
  const auto sets = report({row(kFirst, nullptr, Unallocated, 5)}, {{kStart, kStart + kBucketMs}}, options);
  EXPECT_THAT(shown(sets->at(0)), ElementsAre("__idle__ 0.000005"));
}

TEST(CostReport, AFilterLeavesTheSharesAsTheyAre) {
  CostReportOptions options;
  options.aggregate = {CostDimension::Team};
  options.share_idle = ShareIdle::Weighted;
  options.filter = *CostFilter::parse(R"(team:"chat")");
  const CostSet set = reported(options);
  EXPECT_THAT(shown(set), ElementsAre("chat 0.366667"));
  EXPECT_EQ(*total(set.all), 1'260'000) << "of all devices";
}

TEST(CostReport, APartInEqualShareIsAsLargeAsThePartOfItsGroup) {
  const CostOwner other = owner("lab", "a", "vision");
  const std::vector<CostRow> rows = {row(kFirst, &kTrain, Used, 300'000), row(kSecond, &other, Used, 100'000),
                                     row(kSecond, nullptr, Unallocated, 80'000)};
  CostReportOptions options;
  options.aggregate = {CostDimension::Team};
  options.share_idle = ShareIdle::Even;
  const auto filtered = [&](const char* filter) {
    options.filter = *CostFilter::parse(filter);
    return shown(report(rows, {{kStart, kStart + kBucketMs}}, options)->at(0));
  };
  EXPECT_THAT(filtered(""), ElementsAre("vision 0.48"));
  EXPECT_THAT(filtered(R"(namespace:"ml")"), ElementsAre("vision 0.36"));
  EXPECT_THAT(filtered(R"(namespace:"lab")"), ElementsAre("vision 0.12"));
}

TEST(CostReport, EfficiencyIsUsedOfWhatIsKnownOfTheHeld) {
  const CostSet set = reported({});
  const CostSums& sums = set.groups.at(0).sums;
  EXPECT_DOUBLE_EQ(*efficiency(sums), 800.0 / 900.0);
  EXPECT_DOUBLE_EQ(*efficiency_coverage(sums), 900.0 / 930.0);
  EXPECT_EQ(efficiency(CostSums()), std::nullopt) << "of an empty fleet";
  EXPECT_EQ(efficiency_coverage(CostSums()), std::nullopt);
  CostSums unknown;
  unknown.device_ms[static_cast<std::size_t>(HeldUnknown)] = 5;
  EXPECT_EQ(efficiency(unknown), std::nullopt);
  EXPECT_EQ(efficiency_coverage(unknown), 0.0);
}

TEST(CostReport, AnEmptyFleetHasSetsWithoutGroups) {
  const auto sets = report({}, *pieces({kStart, kStart + 8 * kBucketMs}, Milliseconds(2 * kBucketMs)), {});
  ASSERT_EQ(sets->size(), 4U);
  EXPECT_TRUE(sets->at(3).groups.empty());
  EXPECT_EQ(*total(sets->at(0).all), 0);
}

TEST(CostReport, ASumBeyond64BitsIsSaidAndNotWrong) {
  const Micros most = std::numeric_limits<Micros>::max();
  CostRow dear = row(kFirst, &kTrain, Used, 0);
  dear.amount.micros = most;
  EXPECT_TRUE(report({dear}, {{kStart, kStart + kBucketMs}}, {}));
  const auto both = report({dear, row(kFirst, &kTrain, HeldIdle, 1)}, {{kStart, kStart + kBucketMs}}, {});
  ASSERT_FALSE(both);
  EXPECT_NE(both.error().what.find("64 bits"), std::string::npos);
  EXPECT_FALSE(report({dear, dear}, {{kStart, kStart + kBucketMs}}, {}));
}

/// Of random rows: all groupings, windows and ways to share come to the sum of the rows, in zones of all sorts.
TEST(CostReport, AddsUpHoweverItIsAskedFor) {
  std::mt19937_64 random(5);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  std::vector<CostSubject> subjects;
  std::vector<CostOwner> owners;
  for (int i = 0; i < 12; ++i) {
    subjects.push_back(device(i % 3 ? "seoul" : "busan", "w" + std::to_string(i / 2)));
    subjects.back().profile = i % 2 ? "" : "2g.20gb";
    owners.push_back(
        owner("ns" + std::to_string(i % 4), "pod" + std::to_string(i), i % 5 ? "team" + std::to_string(i % 3) : ""));
  }
  for (int round = 0; round < 60; ++round) {
    std::vector<CostRow> rows;
    const EpochMs from = kStart, to = kStart + 70 * 24 * 3'600'000LL;
    Wide sum = 0;
    for (std::size_t i = below(400); i > 0; --i) {
      const auto kind = static_cast<CostKind>(below(kCostKinds));
      const bool owned = is_allocated(kind) || kind == Overhead;
      rows.push_back(row(subjects[below(subjects.size())], owned ? &owners[below(owners.size())] : nullptr, kind,
                         static_cast<Micros>(below(1'000'000'007)),
                         cost_bucket_of(from + static_cast<EpochMs>(below(static_cast<std::size_t>(to - from))))));
      sum += rows.back().amount.micros;
    }
    CostReportOptions options;
    options.include_idle = true;
    for (std::size_t i = below(4); i > 0; --i)
      options.aggregate.push_back(static_cast<CostDimension>(below(kCostDimensions)));
    options.share_idle = static_cast<ShareIdle>(below(3));
    options.idle_by_node = below(2) == 1;
    static constexpr const char* kZones[] = {"Asia/Seoul", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"};
    const Zone zone = *Zone::named(kZones[below(4)]);
    const auto parts = below(5) == 0 ? *pieces({from, to}, Milliseconds(kBucketMs * 97))
                                     : pieces({from, to}, static_cast<Accumulate>(below(6)), zone);
    const auto sets = report(rows, parts, options);
    ASSERT_TRUE(sets) << sets.error().what;
    Wide groups = 0, all = 0;
    for (const CostSet& set : *sets) {
      Wide of_set = 0;
      for (const CostGroup& one : set.groups) of_set += *total(one.sums);
      EXPECT_EQ(static_cast<Micros>(of_set), *total(set.all));
      groups += of_set;
      all += *total(set.all);
    }
    EXPECT_TRUE(groups == sum);
    EXPECT_TRUE(all == sum);
  }
}

}  // namespace
}  // namespace tessera::fleet
