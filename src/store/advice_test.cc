#include "store/advice.h"

#include <gmock/gmock.h>

#include "store/archive.h"
#include "store/benchmarks.h"
#include "store/cost_ledger.h"
#include "store/quota_seen.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000, kMinute = 60'000;

AdviceSaid said(const std::string& id, EpochMs at, std::optional<fleet::Micros> per_month = 5) {
  return {id, "idle-held", "prod", "ml", "forgotten", "stopped", per_month, at, at, true, "{}"};
}

struct AdviceKept : EachDatabase {};

TEST_P(AdviceKept, StandsUntilARunDoesNotSayIt) {
  ASSERT_TRUE(keep_advice(*database, {said("a", kStart), said("b", kStart, std::nullopt)}));
  EXPECT_THAT(*advice_said(*database), ElementsAre(said("a", kStart), said("b", kStart, std::nullopt)));
  ASSERT_TRUE(keep_advice(*database, {said("a", kStart + kMinute, 7)}));
  AdviceSaid a = said("a", kStart + kMinute, 7), b = said("b", kStart, std::nullopt);
  a.first_said = kStart;
  b.standing = false;
  EXPECT_THAT(*advice_said(*database), ElementsAre(a, b));
  ASSERT_TRUE(drop_advice_before(*database, kStart + kMinute));
  EXPECT_THAT(*advice_said(*database), ElementsAre(a));
  ASSERT_TRUE(drop_advice_before(*database, kStart + 9 * kMinute));
  EXPECT_THAT(*advice_said(*database), ElementsAre(a)) << "it stands";
}

TEST_P(AdviceKept, RemembersSinceWhenMovesWouldFreeDevices) {
  const ScatterSeen a{"c", "A100_80GB", kStart, 7, kStart + kMinute}, b{"c", "H100_80GB", kStart, 1, kStart};
  EXPECT_THAT(*scatter_seen(*database), IsEmpty());
  ASSERT_TRUE(keep_scatter_seen(*database, {a, b}));
  ASSERT_TRUE(keep_scatter_seen(*database, {b, a}));
  EXPECT_THAT(*scatter_seen(*database), ElementsAre(a, b));
  ASSERT_TRUE(keep_scatter_seen(*database, {b}));
  EXPECT_THAT(*scatter_seen(*database), ElementsAre(b));
}

TEST_P(AdviceKept, HasOneAnswerThatIsReplaced) {
  AdviceAnswer answer{"a", AdviceState::Snoozed, kStart, "key:ops", kStart + kMinute, "later", "stopped", 5, "{}"};
  ASSERT_TRUE(put_advice_answer(*database, answer));
  EXPECT_THAT(*advice_answers(*database), ElementsAre(answer));
  answer.state = AdviceState::Accepted;
  answer.until.reset();
  answer.per_month.reset();
  ASSERT_TRUE(put_advice_answer(*database, answer));
  EXPECT_THAT(*advice_answers(*database), ElementsAre(answer));
  ASSERT_TRUE(drop_advice_answer(*database, "a"));
  EXPECT_THAT(*advice_answers(*database), IsEmpty());
}

TEST_P(AdviceKept, IsRenamedWithItsAnswerUnlessTheNameIsTaken) {
  const AdviceAnswer answer{"a", AdviceState::Dismissed, kStart, "who", std::nullopt, "why", "aim", 5, "{}"};
  ASSERT_TRUE(keep_advice(*database, {said("a", kStart)}));
  ASSERT_TRUE(put_advice_answer(*database, answer));
  ASSERT_TRUE(rename_advice(*database, "a", "b"));
  AdviceAnswer renamed = answer;
  renamed.id = "b";
  EXPECT_THAT(*advice_said(*database), ElementsAre(said("b", kStart)));
  EXPECT_THAT(*advice_answers(*database), ElementsAre(renamed));
  ASSERT_TRUE(put_advice_answer(*database, answer));
  ASSERT_TRUE(rename_advice(*database, "a", "b"));
  EXPECT_THAT(*advice_answers(*database), ElementsAre(answer, renamed));
}

TEST_P(AdviceKept, PoolHoursAreOfWhatIsBoughtOnDemand) {
  constexpr EpochMs kHour = 60 * kMinute, kBucket = 15 * kMinute;
  const auto posting = [&](const char* model, fleet::Purchase purchase, fleet::CostKind kind, std::int64_t ms) {
    CostPosting out;
    out.subject.cluster = "prod";
    out.subject.model = model;
    out.subject.purchase = purchase;
    out.subject.device_uuid = model;
    out.kind = kind;
    out.amount.device_ms = ms;
    return out;
  };
  using enum fleet::CostKind;
  using enum fleet::Purchase;
  CostWriter writer(*database);
  for (EpochMs bucket = kStart; bucket < kStart + kHour; bucket += kBucket)
    ASSERT_TRUE(*writer.close(bucket,
                              {posting("H100_80GB", OnDemand, Used, 3), posting("H100_80GB", OnDemand, HeldIdle, 2),
                               posting("H100_80GB", OnDemand, Unallocated, 4), posting("H100_80GB", Spot, Used, 100),
                               posting("A100_80GB", OnDemand, Unobserved, 7)},
                              bucket + kBucket));
  const auto hours = pool_hours(*database, kStart, kStart + kHour);
  ASSERT_TRUE(hours) << hours.error().what;
  ASSERT_THAT(*hours, SizeIs(2));
  EXPECT_EQ(hours->at(0).model, "A100_80GB");
  EXPECT_EQ(hours->at(0).unobserved_ms, 28);
  EXPECT_EQ(hours->at(0).held_ms, 0);
  EXPECT_EQ(hours->at(1).hour, kStart);
  EXPECT_EQ(hours->at(1).cluster, "prod");
  EXPECT_EQ(hours->at(1).held_ms, 20);
  EXPECT_EQ(hours->at(1).unobserved_ms, 0);
  EXPECT_EQ(hours->at(1).device_ms, 36);
  EXPECT_THAT(*pool_hours(*database, kStart + kHour, kStart + 2 * kHour), IsEmpty());
}

ServingSeen engine(EpochMs begin, double tokens, double most, std::optional<double> kv) {
  ServingSeen out{"prod", "serving", "llm-0", {}};
  out.slot.begin = begin;
  out.slot.observed_ms = 30'000;
  out.slot.tokens = tokens;
  out.slot.finished = 0.5;
  out.slot.running_most = out.slot.waiting_most = most;
  out.slot.kv_tokens_most = kv;
  return out;
}

TEST_P(AdviceKept, WhatEnginesDidAddsUp) {
  ASSERT_TRUE(add_serving_seen(*database, {}));
  ASSERT_TRUE(add_serving_seen(*database, {engine(kStart, 100.25, 3, {})}));
  ASSERT_TRUE(add_serving_seen(*database, {engine(kStart, 50, 2, 700.0), engine(kStart + 5 * kMinute, 1, 1, 5.0)}));
  ASSERT_TRUE(add_serving_seen(*database, {engine(kStart, 0, 0, 600.0)}));
  ASSERT_TRUE(add_serving_seen(*database, {engine(kStart, 0, 0, {})}));
  const auto seen = *serving_seen(*database, kStart);
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_EQ(seen[0].pod, "llm-0");
  EXPECT_EQ(seen[0].slot.observed_ms, 120'000);
  EXPECT_DOUBLE_EQ(seen[0].slot.tokens, 150.25);
  EXPECT_DOUBLE_EQ(seen[0].slot.finished, 2);
  EXPECT_EQ(seen[0].slot.running_most, 3);
  EXPECT_EQ(seen[0].slot.kv_tokens_most, 700);
  EXPECT_EQ(seen[1].slot.kv_tokens_most, 5);
  ASSERT_TRUE(drop_serving_seen_before(*database, kStart + 5 * kMinute));
  EXPECT_THAT(*serving_seen(*database, 0), SizeIs(1));
}

fleet::Usage usage_of(EpochMs bucket, double busy, std::int64_t held_ms) {
  fleet::SubjectUsage subject{0, bucket, {}};
  subject.totals.observed_ms = 30'000;
  auto& util = subject.totals[fleet::Field::Utilization];
  util = {static_cast<std::int64_t>(busy * 10'000 * 20'000), 20'000, 4'000};
  subject.totals[fleet::Field::MemoryUsed] = {2'048 * 30'000LL, 30'000, 2'048};
  fleet::Usage out;
  out.subjects = {subject};
  const auto pod = std::make_shared<const fleet::Workload>(fleet::Workload{"ml", "train-0", "main", "uid-1"});
  const auto host = std::make_shared<const fleet::Workload>();
  out.owners = {{0, bucket, {}, pod, held_ms, 100, held_ms}, {0, bucket, {}, host, 30'000, 30'000, 0}};
  return out;
}

TEST_P(AdviceKept, LooksAtQuotasAddUpByTheHour) {
  constexpr EpochMs kHour = 3'600'000;
  const QuotaSeen first{kStart, "prod", "ml", "gpus", "nvidia.com/gpu", 8, 60'000, 60'000, 2};
  QuotaSeen raised = first, next = first;
  raised.hard = 16;
  next.hour += kHour;
  next.refused_ms = next.wanted_most = 0;
  ASSERT_TRUE(add_quota_seen(*database, {first, raised}));
  ASSERT_TRUE(add_quota_seen(*database, {}));
  QuotaSeen again = first;
  again.refused_ms = 0;
  again.wanted_most = 1;
  ASSERT_TRUE(add_quota_seen(*database, {again, next}));
  QuotaSeen both = first;
  both.looked_ms = 120'000;
  EXPECT_THAT(*quota_seen(*database, kStart), ElementsAre(both, raised, next));
  EXPECT_THAT(*quota_seen(*database, kStart + kHour), ElementsAre(next));
  ASSERT_TRUE(drop_quota_seen_before(*database, kStart + kHour));
  EXPECT_THAT(*quota_seen(*database, kStart), ElementsAre(next));
}

TEST_P(AdviceKept, IsGivenByWhatPodsHadSlotBySlot) {
  ASSERT_TRUE(prepare_usage(*database, 30s));
  Archive archive(*database, 30s, {});
  std::uint64_t record = 0;
  for (const EpochMs at : {kStart + 5 * kMinute, kStart}) {
    const auto usage = usage_of(at, at == kStart ? 0.25 : 0, at == kStart ? 30'000 : 10'000);
    ASSERT_TRUE(archive.keep(
        {{}, {}, {}, {}, &usage, {++record, 0, kStart}},
        [](std::uint32_t) { return fleet::UsageSubject{"prod", "GPU-1", {}, "", {}, {}}; }, kStart));
  }
  std::vector<HeldSlot> slots;
  ASSERT_TRUE(each_held_slot(*database, {Resolution::FiveMinutes, 300, kStart / 1'000, kStart / 1'000 + 600},
                             [&](const HeldSlot& one) { slots.push_back(one); }));
  ASSERT_THAT(slots, SizeIs(2)) << "what no pod has is nobody's to change";
  EXPECT_EQ(slots[0].slot.begin, kStart);
  EXPECT_EQ(slots[0].pod, "train-0");
  EXPECT_EQ(slots[0].pod_uid, "uid-1");
  EXPECT_EQ(slots[0].device_uuid, "GPU-1");
  EXPECT_FALSE(slots[0].gpu_instance);
  EXPECT_EQ(slots[0].slot.observed_ms, 20'000) << "as long as its activity was known";
  EXPECT_EQ(slots[1].slot.observed_ms, 10'000) << "as long as it was held";
  EXPECT_DOUBLE_EQ(*slots[0].slot.busy, 0.25);
  EXPECT_DOUBLE_EQ(*slots[0].slot.busy_most, 0.4);
  EXPECT_FALSE(slots[0].slot.sm);
  EXPECT_EQ(*slots[0].slot.memory_bytes, std::uint64_t{2} << 30U);
  std::vector<std::pair<EpochMs, std::string>> told;
  ASSERT_TRUE(each_told_device(*database, {Resolution::FiveMinutes, 300, kStart / 1'000, kStart / 1'000 + 600},
                               [&](EpochMs at, const std::string& uuid) { told.emplace_back(at, uuid); }));
  EXPECT_THAT(told,
              testing::UnorderedElementsAre(std::pair(kStart, "GPU-1"), std::pair(kStart + 5 * kMinute, "GPU-1")));
}

fleet::benchmarks::Record run_of(double value, EpochMs time) {
  return {"H100_80GB", "580.1", "tokens", "1", value, "tokens/s", fleet::benchmarks::Better::Higher, "lab", time, {}};
}

TEST_P(AdviceKept, BenchmarksComeOnceAndTheNewestFirst) {
  auto second = run_of(2, kStart + 1);
  second.watts = 500.5;
  ASSERT_TRUE(put_benchmarks(*database, {run_of(1, kStart), second}));
  ASSERT_TRUE(put_benchmarks(*database, {run_of(1.5, kStart)}));
  EXPECT_THAT(*benchmarks(*database, {}, 10), ElementsAre(second, run_of(1.5, kStart)));
  EXPECT_THAT(*benchmarks(*database, {}, 1), ElementsAre(second));
}

TEST_P(AdviceKept, BenchmarksAreFoundAndDroppedByWhatTheyAreOf) {
  auto of_a100 = run_of(2, kStart + 1), of_driver = run_of(3, kStart + 2), quick = run_of(4, kStart + 3);
  of_a100.model = "A100_80GB";
  of_driver.driver = "590.1";
  quick.name = "o'clock";
  quick.source = "";
  ASSERT_TRUE(put_benchmarks(*database, {run_of(1, kStart), of_a100, of_driver, quick}));
  BenchmarkFilter filter;
  filter.models = {"H100_80GB", "L40S"};
  filter.names = {"tokens"};
  EXPECT_THAT(*benchmarks(*database, filter, 10), ElementsAre(of_driver, run_of(1, kStart)));
  EXPECT_EQ(*count_benchmarks(*database, filter), 2U);
  filter.drivers = {"590.1"};
  filter.versions = {"1"};
  filter.sources = {"lab"};
  EXPECT_EQ(*drop_benchmarks(*database, filter), 1U);
  EXPECT_EQ(*drop_benchmarks(*database, filter), 0U);
  ASSERT_TRUE(drop_benchmark(*database, quick));
  EXPECT_THAT(*benchmarks(*database, {}, 10), ElementsAre(of_a100, run_of(1, kStart)));
}

INSTANTIATE_EACH_DATABASE(AdviceKept);

}  // namespace
}  // namespace tessera::store
