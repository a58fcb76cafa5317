#include "fleet/advice/scenarios.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/cost/money.h"

namespace tessera::fleet::advice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> said(const Facts& facts, const Options& options = {}) {
  std::vector<std::string> out;
  for (const Advice& one : advise(facts, options))
    out.push_back(fmt::format("{}: {}", kind_name(one.kind), one.sentence));
  return out;
}

TEST(Scenarios, EachIsSaidWhatItsLabelSaysAndNothingElse) {
  for (const Labelled& one : labelled()) {
    const auto list = said(one.facts);
    if (one.kind)
      EXPECT_THAT(list, ElementsAre(HasSubstr(std::string(kind_name(*one.kind)) + ": "))) << one.name;
    else
      EXPECT_THAT(list, IsEmpty()) << one.name;
  }
}

TEST(Scenarios, EveryKindIsLabelled) {
  for (const KindRow& row : kinds())
    EXPECT_TRUE(std::ranges::any_of(labelled(), [&](const Labelled& one) { return one.kind == row.kind; })) << row.name;
}

/// All of them in one fleet, each under a name of its own.
Facts fleet_of_all() {
  Facts out;
  out.now = kNow;
  int number = 0;
  for (const Labelled& each : labelled()) {
    ++number;
    for (Workload one : each.facts.workloads) {
      one.space = fmt::format("space-{}", number);
      out.workloads.push_back(std::move(one));
    }
    out.pools.insert(out.pools.end(), each.facts.pools.begin(), each.facts.pools.end());
    out.troubles.insert(out.troubles.end(), each.facts.troubles.begin(), each.facts.troubles.end());
    out.scattered.insert(out.scattered.end(), each.facts.scattered.begin(), each.facts.scattered.end());
    for (Quota one : each.facts.quotas) {
      one.space = fmt::format("space-{}", number);
      out.quotas.push_back(std::move(one));
    }
    for (QuotaShortage one : each.facts.shortages) {
      one.space = fmt::format("space-{}", number);
      out.shortages.push_back(std::move(one));
    }
  }
  return out;
}

TEST(Scenarios, TogetherTheyAreSaidWhatEachIsAlone) {
  std::vector<std::string> each;
  int number = 0;
  for (Labelled one : labelled()) {
    ++number;
    for (Quota& quota : one.facts.quotas) quota.space = fmt::format("space-{}", number);  // they name it
    for (QuotaShortage& quota : one.facts.shortages) quota.space = fmt::format("space-{}", number);
    for (std::string& line : said(one.facts)) each.push_back(std::move(line));
  }
  EXPECT_THAT(said(fleet_of_all()), testing::UnorderedElementsAreArray(each));
}

TEST(Scenarios, EachHasAllThatAdviceMustHave) {
  std::set<std::string> ids;
  for (const Advice& one : advise(fleet_of_all())) {
    SCOPED_TRACE(one.sentence);
    EXPECT_TRUE(ids.insert(one.id).second) << one.id;
    EXPECT_LT(one.evidence.from, one.evidence.to);
    EXPECT_GE(Milliseconds(one.evidence.to - one.evidence.from), least_window(one.kind, {}));
    EXPECT_GE(one.evidence.observed, row_of(one.kind).least_observed);
    EXPECT_THAT(one.evidence.numbers, testing::Not(IsEmpty()));
    EXPECT_GT(one.confidence, 0.4);
    EXPECT_LE(one.confidence, 1);
    EXPECT_FALSE(one.risk.empty());
    EXPECT_FALSE(one.aim.empty());
    EXPECT_FALSE(one.change.text.empty());
    EXPECT_FALSE(one.undo.text.empty());
    for (const Step* step : {&one.change, &one.undo}) EXPECT_EQ(step->word.empty(), step->by != "hand");
    EXPECT_FALSE(one.subject.cluster.empty());
    if (one.saving) EXPECT_GT(one.saving->per_month, 0);
    if (one.cost) EXPECT_FALSE(one.saving) << "it is one or the other";
  }
}

TEST(Scenarios, MoneyIsThatOfTheHeldShareForAMonth) {
  const auto list = advise(labelled().front().facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list.front().saving->per_month, 730 * 8 * kUnit);
  EXPECT_EQ(list.front().saving->how, "all that it holds, 8.00 an hour, for 730 hours");
  EXPECT_EQ(list.front().change.text, "kubectl --namespace ml scale deployment forgotten --replicas 0");
  EXPECT_EQ(list.front().undo.text, "kubectl --namespace ml scale deployment forgotten --replicas 1");
}

TEST(Scenarios, MoneyIsAbsentWhereThereIsNoRate) {
  Facts facts = labelled().front().facts;
  facts.workloads.front().holds.front().per_hour.reset();
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_FALSE(list.front().saving);
}

Workload narrow_one() {
  return on_h100("small", [](EpochMs at) { return doing(at, 0.9, 1, 0.08, 6); });
}

TEST(OverProvisioned, IsTheSmallestThatHoldsMemoryWithRoomAndTheKernelsWidth) {
  const auto aim = [](double sm, double memory_gib) {
    Facts facts;
    facts.workloads = {on_h100("one", [=](EpochMs at) { return doing(at, 0.9, 1, sm, memory_gib); })};
    const auto list = advise(facts);
    return list.empty() ? std::string("-") : list.front().aim;
  };
  EXPECT_EQ(aim(0.08, 6), "1g.10gb");
  EXPECT_EQ(aim(0.08, 8.2), "1g.20gb");  // with a fifth above it
  EXPECT_EQ(aim(0.08, 17), "3g.40gb");   // 2g.20gb has no more memory than 1g.20gb
  EXPECT_EQ(aim(0.2, 6), "2g.20gb");     // 0.22 of seven slices
  EXPECT_EQ(aim(0.45, 6), "4g.40gb");
  EXPECT_EQ(aim(0.7, 6), "-");
  EXPECT_EQ(aim(0.08, 34), "-");
}

/// Of kernels: as much of it as they take while they run. Of an engine: as much of the time as it has.
TEST(OverProvisioned, HasTheBandwidthThatIsUsed) {
  Facts facts;
  facts.workloads = {narrow_one()};
  Holding& held = facts.workloads.front().holds.front();
  const auto aim = [](const Facts& of) {
    const auto list = advise(of);
    return list.empty() ? std::string("-") : list.front().aim;
  };
  ASSERT_EQ(aim(facts), "1g.10gb") << "nobody tells of it";
  held.seen.bandwidth_p95 = 0.11;
  EXPECT_EQ(aim(facts), "1g.10gb");
  held.seen.bandwidth_p95 = 0.12;  // 1.06 of eight memory slices
  EXPECT_EQ(aim(facts), "1g.20gb");
  EXPECT_EQ(advise(facts).front().evidence.numbers.back().name, "memoryBandwidthP95");
  held.seen.bandwidth_p95 = 0.3;
  EXPECT_EQ(aim(facts), "3g.40gb");
  held.seen.bandwidth_p95 = 0.5;
  EXPECT_EQ(aim(facts), "-");
  held.memory_slices = 4;
  EXPECT_EQ(aim(facts), "3g.40gb") << "half of what an instance has";
  for (const Labelled& one : labelled()) {
    if (one.name != "an engine with a small model and few requests") continue;
    Facts engine = one.facts;
    const std::string before = aim(engine);
    engine.workloads[0].holds[0].seen.dram_p95 = 0.05;
    EXPECT_EQ(aim(engine), before);
    engine.workloads[0].holds[0].seen.dram_p95 = 0.5;
    EXPECT_EQ(aim(engine), "-") << "five memory slices";
  }
}

TEST(OverProvisioned, IsPatchedAndUndoneWordForWord) {
  Facts facts;
  facts.workloads = {narrow_one()};
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_THAT(
      list.front().change.text,
      testing::EndsWith(
          R"(kubectl --namespace ml patch deployment small --type strategic --patch '{"spec":{"template":{"spec":)"
          R"({"containers":[{"name":"main","resources":{"limits":{"nvidia.com/gpu":null,"nvidia.com/mig-1g.10gb":"1"},)"
          R"("requests":{"nvidia.com/gpu":null,"nvidia.com/mig-1g.10gb":"1"}}}]}}}}')"));
  EXPECT_THAT(list.front().undo.text, HasSubstr(R"("limits":{"nvidia.com/gpu":"1","nvidia.com/mig-1g.10gb":null})"));
}

TEST(OverProvisioned, HasTheInstanceCutBeforeAnybodyAsksForIt) {
  Facts facts;
  facts.workloads = {narrow_one()};
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_THAT(list[0].change.text, testing::StartsWith("curl --fail --request POST "));
  EXPECT_THAT(
      list[0].change.text,
      HasSubstr(
          R"('{"cluster":"prod","namespace":"ml","podName":"small-smaller-0","useMig":true,"resource":"nvidia.com/mig-1g.10gb"}')"));
  EXPECT_THAT(list[0].change.text, HasSubstr("/gpu/allocations\" &&\nkubectl "));
}

TEST(OverProvisioned, IsLeftToAPersonWhereAnInstanceIsHeldAsAGpu) {
  Facts facts;
  facts.workloads = {narrow_one()};
  Holding& held = facts.workloads.front().holds.front();
  held.profile = "3g.40gb";
  held.compute_slices = 3;
  auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].change.by, "hand");
  EXPECT_THAT(list[0].change.text, HasSubstr("GPUs are cut into 1g.10gb, as nvidia.com/gpu"));
  EXPECT_THAT(list[0].undo.text, HasSubstr("3g.40gb"));
  held.resource = "nvidia.com/mig-3g.40gb";
  list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].change.by, "kubectl");
}

TEST(OverProvisioned, HasRoomForTheLongestRequestOfAnEngine) {
  // Weights of 14.2 GiB, 2 beside them and 1.75 of KV cache for 32,768 tokens, of nine tenths of 19.6.
  for (const Labelled& one : labelled()) {
    if (one.name != "an engine with few requests, of which one may be long") continue;
    const auto list = advise(one.facts);
    ASSERT_THAT(list, SizeIs(1));
    EXPECT_EQ(list[0].aim, "3g.40gb") << "in 1g.20gb the engine would not start";
    Facts shorter = one.facts;
    shorter.workloads[0].serves->need->context_tokens = 8'192;
    EXPECT_EQ(advise(shorter).at(0).aim, "1g.20gb");
  }
}

TEST(OverProvisioned, IsTheCheapestByTheRuleOfTheLedger) {
  // By memory, of which a device has eight slices.
  Facts facts;
  facts.workloads = {narrow_one()};
  Holding& held = facts.workloads.front().holds.front();
  for (Size& one : held.sizes) one.per_hour = kUnit * static_cast<Micros>(one.memory_bytes / (9 * kGiB));
  held.profile = "1g.20gb";
  held.resource = "nvidia.com/mig-1g.20gb";
  held.compute_slices = 1;
  held.per_hour = 2 * kUnit;
  auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1)) << "half of the memory costs half";
  EXPECT_EQ(list[0].aim, "1g.10gb");
  EXPECT_EQ(list[0].saving->per_month, 730 * kUnit);
  held.sizes.erase(held.sizes.begin(), held.sizes.begin() + 2);  // 1g.10gb
  held.profile = "2g.20gb";
  held.compute_slices = 2;
  EXPECT_THAT(advise(facts), IsEmpty()) << "1g.20gb has as much memory, and costs as much";
}

struct CheaperTest : testing::Test {
  CheaperTest() {
    for (const Labelled& one : labelled())
      if (one.kind == Kind::CheaperModel) facts = one.facts;
  }
  Advice said() const { return advise(facts).at(0); }
  Workload& one() { return facts.workloads.front(); }
  Facts facts;
};

TEST_F(CheaperTest, HasAsManyReplicasAsItWantsDevices) {
  EXPECT_THAT(said().change.text, testing::StartsWith("kubectl --namespace ml patch deployment chat ")) << "one is one";
  one().serves->alternatives.resize(1);
  one().serves->alternatives.front().tokens_per_second = 500;  // two of them
  one().serves->alternatives.front().per_hour = kUnit;
  EXPECT_THAT(said().change.text, testing::StartsWith("kubectl --namespace ml scale deployment chat --replicas 2 && "));
  EXPECT_THAT(said().undo.text, testing::StartsWith("kubectl --namespace ml scale deployment chat --replicas 1 && "));
  one().kind = "DaemonSet";
  EXPECT_EQ(said().change.by, "hand");
  EXPECT_THAT(said().change.text, HasSubstr("have 2 replicas"));
  EXPECT_EQ(said().change.word, "selector-replicas");
  EXPECT_EQ(said().change.values, (std::map<std::string, std::string>{{"label", "nvidia.com/gpu.product"},
                                                                      {"namespace", "ml"},
                                                                      {"replicas", "2"},
                                                                      {"value", "NVIDIA-A100-SXM4-80GB"},
                                                                      {"who", "DaemonSet chat"}}));
  EXPECT_THAT(said().undo.text, HasSubstr("have 1 replicas"));
}

TEST_F(CheaperTest, IsUndoneToTheNodesThatWereAskedForBefore) {
  EXPECT_THAT(said().undo.text, HasSubstr(R"("nodeSelector":{"nvidia.com/gpu.product":null})"));
  one().node_selector = {{"nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3"}, {"pool", "a"}};
  EXPECT_THAT(said().change.text, HasSubstr(R"("nodeSelector":{"nvidia.com/gpu.product":"NVIDIA-A100-SXM4-80GB"})"));
  EXPECT_THAT(said().undo.text, HasSubstr(R"("nodeSelector":{"nvidia.com/gpu.product":"NVIDIA-H100-80GB-HBM3"})"));
}

TEST_F(CheaperTest, IsLeftToAPersonWhereNoNodeHasTheLabel) {
  for (Alternative& each : one().serves->alternatives) each.product.clear();
  EXPECT_EQ(said().change.by, "hand");
  EXPECT_THAT(said().change.text, HasSubstr("let it stand on nodes with A100_80GB, 1 GPUs in all"));
}

TEST_F(CheaperTest, HasRoomForTheLongestRequestToo) {
  one().serves->need->context_tokens = 1'000'000;
  EXPECT_THAT(advise(facts), IsEmpty());
}

TEST(Share, IsLeftToAPersonWithEachStepAndWhatItDoesToOthers) {
  for (const Labelled& one : labelled()) {
    if (one.kind != Kind::Share) continue;
    Facts facts = one.facts;
    for (Workload& each : facts.workloads) each.holds.front().node = "worker-01";
    facts.workloads.front().node_selector = {{"kubernetes.io/hostname", "worker-09"}};
    const Advice said = advise(facts).at(0);
    EXPECT_EQ(said.change.by, "hand") << "which ConfigMap the plugin reads nobody tells";
    EXPECT_THAT(said.change.text, HasSubstr("label it nvidia.com/device-plugin.config: shared-by-two"));
    EXPECT_THAT(said.change.text, HasSubstr("let nodeSelector have kubernetes.io/hostname: worker-01"));
    EXPECT_THAT(said.undo.text, HasSubstr("let nodeSelector of ann have kubernetes.io/hostname: worker-09"));
    EXPECT_THAT(said.undo.text, HasSubstr("take kubernetes.io/hostname out of nodeSelector of bob"));
    EXPECT_THAT(said.risk, HasSubstr("All whole GPUs of node worker-01 become shares"));
  }
}

TEST(Share, NamesTheOwnersOfBoth) {
  for (const Labelled& one : labelled()) {
    if (one.kind != Kind::Share) continue;
    const auto list = advise(one.facts);
    ASSERT_THAT(list, SizeIs(1));
    EXPECT_THAT(list[0].subject.owners, testing::UnorderedElementsAre(Subject::Owner{"Deployment", "ann"},
                                                                      Subject::Owner{"Deployment", "bob"}));
  }
}

struct ScheduleTest : testing::Test {
  ScheduleTest() {
    for (const Labelled& one : labelled())
      if (one.kind == Kind::Schedule) facts = one.facts;
  }
  Facts facts;
};

TEST_F(ScheduleTest, IsACommandThatAppliesWhatItHasToApply) {
  const Advice said = advise(facts).at(0);
  EXPECT_EQ(said.change.by, "kubectl");
  EXPECT_THAT(said.change.text, HasSubstr("\nkubectl apply --filename - <<'END'\napiVersion: keda.sh/v1alpha1\n"));
  EXPECT_THAT(said.change.text, testing::EndsWith("\nEND\n"));
}

TEST_F(ScheduleTest, IsLeftToAPersonWhereAnotherControllerWouldRevertIt) {
  facts.workloads.front().kind = "InferenceService";
  const Advice said = advise(facts).at(0);
  EXPECT_EQ(said.change.by, "hand");
  EXPECT_THAT(said.change.text, HasSubstr("In the manifest of InferenceService office in namespace ml"));
}

TEST(Quotas, AreLoweredToWhatWasHadAndHalfAsMuchMore) {
  Facts facts;
  facts.quotas = {{"prod", "ml", "gpus", "nvidia.com/gpu", 16, kNow - 14 * kDayMs, kNow, 1, 3}};
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list.front().aim, "5 of nvidia.com/gpu");
  EXPECT_FALSE(list.front().saving) << "a promise costs nothing by itself";
  EXPECT_EQ(list.front().change.text,
            "kubectl --namespace ml patch resourcequota gpus --type merge --patch "
            R"('{"spec":{"hard":{"requests.nvidia.com/gpu":"5"}}}')");
  EXPECT_THAT(list.front().undo.text, HasSubstr(R"("requests.nvidia.com/gpu":"16")"));
}

struct ShortQuotas : testing::Test {
  ShortQuotas() {
    for (const Labelled& one : labelled())
      if (one.kind == Kind::QuotaTooSmall && one.facts.shortages.front().per_hour) facts = one.facts;
    days = &facts.shortages.front().days;
  }
  Facts facts;
  std::vector<QuotaShortage::Day>* days = nullptr;
};

TEST_F(ShortQuotas, AreRaisedByWhatWasWantedOnThreeDays) {
  (*days)[0].wanted = 64;
  (*days)[1].wanted = 5;
  (*days)[2].wanted = 4;
  const Advice said = advise(facts).at(0);
  EXPECT_EQ(said.sentence,
            "Namespace ml may have 8 of nvidia.com/gpu, and its pods were refused on 4 days while there was room.");
  EXPECT_EQ(said.aim, "12 of nvidia.com/gpu") << "not for one wish for 64";
  EXPECT_EQ(said.change.text,
            "kubectl --namespace ml patch resourcequota gpus --type merge --patch "
            R"('{"spec":{"hard":{"requests.nvidia.com/gpu":"12"}}}')");
  EXPECT_THAT(said.undo.text, HasSubstr(R"("requests.nvidia.com/gpu":"8")"));
}

TEST_F(ShortQuotas, CostWhatTheDearestDevicesWould) {
  const Advice said = advise(facts).at(0);
  EXPECT_FALSE(said.saving);
  ASSERT_TRUE(said.cost);
  EXPECT_EQ(said.cost->per_month, 2 * 730 * 8 * kUnit);
  EXPECT_EQ(said.cost->how, "2 more at 8.00 an hour each at most, for 730 hours");
  facts.shortages.front().per_hour.reset();
  EXPECT_FALSE(advise(facts).at(0).cost);
}

TEST_F(ShortQuotas, AreNotRaisedForDaysOnWhichTheyRefusedForMinutes) {
  for (auto* day : {&(*days)[0], &(*days)[1]}) day->refused = Milliseconds(59 * kMinute);
  EXPECT_THAT(said(facts), IsEmpty());
}

TEST_F(ShortQuotas, AreAsSureAsTheirWindowIsLong) {
  EXPECT_NEAR(advise(facts).at(0).confidence, 0.99, 1e-9);
  facts.shortages.front().from = kNow - 7 * kDayMs;
  EXPECT_NEAR(advise(facts).at(0).confidence, 0.495, 1e-9);
}

TEST(DropUnused, SavesTheCheapestOfThoseThatWereNeverTouched) {
  const auto saves = [](std::optional<Micros> third, std::optional<Micros> fourth) {
    Facts facts;
    for (const Labelled& one : labelled())
      if (one.kind == Kind::DropUnused) facts = one.facts;
    auto& holds = facts.workloads.front().holds;
    holds[2].per_hour = third;
    holds[3].per_hour = fourth;
    const auto list = advise(facts);
    return list.size() == 1 && list.front().saving ? list.front().saving->per_month : -1;
  };
  EXPECT_EQ(saves(2 * kUnit, 3 * kUnit), 730 * 5 * kUnit);
  EXPECT_EQ(saves(2 * kUnit, std::nullopt), -1) << "not what the others cost";
}

TEST(DropUnused, IsLeftToAPersonWhereSeveralContainersHaveGpus) {
  Facts facts;
  for (const Labelled& one : labelled())
    if (one.kind == Kind::DropUnused) facts = one.facts;
  EXPECT_EQ(advise(facts).at(0).change.by, "kubectl");
  auto& holds = facts.workloads.front().holds;
  for (std::size_t i = 2; i < holds.size(); ++i) holds[i].container = "sidecar";
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].change.by, "hand");
  EXPECT_THAT(list[0].change.text, HasSubstr("ask for 2 of nvidia.com/gpu"));
}

TEST(Options, WhatIsSwitchedOffOrLessSureIsNotSaid) {
  Facts facts;
  facts.workloads = {narrow_one()};
  Options options;
  const auto kinds_of = [&] {
    std::vector<std::string> out;
    for (const Advice& one : advise(facts, options)) out.emplace_back(kind_name(one.kind));
    return out;
  };
  EXPECT_THAT(kinds_of(), ElementsAre("over-provisioned"));
  options.off = {Kind::OverProvisioned};
  EXPECT_THAT(kinds_of(), IsEmpty());
  facts.workloads.front().interruptible = true;
  facts.workloads.front().spot_per_hour = kUnit;
  EXPECT_THAT(kinds_of(), ElementsAre("spot")) << "the next one that holds";
  options.least_confidence = 1.01;
  EXPECT_THAT(kinds_of(), IsEmpty());
  options = {};
  options.least_per_month = 100'000 * kUnit;
  EXPECT_THAT(kinds_of(), IsEmpty());
}

TEST(Changes, NamesThatAShellWouldReadAreNotPutIntoCommands) {
  Facts facts;
  facts.workloads = {narrow_one()};
  facts.workloads.front().name = "a'; rm -rf ~ #";
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list.front().change.by, "hand");
}

TEST(IdleHeld, WaitsTwiceAsLongAsAPauseThatWasMadeBefore) {
  const auto worked_until = [](double days_ago) {
    Facts facts;
    // A pause of two days in the middle.
    facts.workloads = {on_h100("one", [=](EpochMs at) {
      const double ago = static_cast<double>(kNow - at) / static_cast<double>(kDayMs);
      return ago > days_ago && !(ago > 9 && ago < 11) ? doing(at, 0.9, 1, 0.8, 60) : doing(at, 0, 0, 0, 60);
    })};
    return advise(facts).size();
  };
  EXPECT_EQ(worked_until(3.9), 0U);
  EXPECT_EQ(worked_until(4.2), 1U);
}

TEST(Confidence, IsTheObservedShareOfTwiceTheLeastWindow) {
  const Milliseconds day{std::chrono::hours(24)};
  EXPECT_DOUBLE_EQ(confidence_of(Kind::IdleHeld, 0.9, day, {}), 0.45);
  EXPECT_DOUBLE_EQ(confidence_of(Kind::IdleHeld, 1, 2 * day, {}), 1);
  EXPECT_DOUBLE_EQ(confidence_of(Kind::IdleHeld, 0.95, 14 * day, {}), 0.95);
  EXPECT_EQ(confidence_word(0.59), "low");
  EXPECT_EQ(confidence_word(0.6), "medium");
  EXPECT_EQ(confidence_word(0.85), "high");
}

TEST(PutAside, ComesBackWhenItIsSomethingElse) {
  const Put now{"1g.10gb", 125 * kUnit};
  EXPECT_FALSE(has_changed({"1g.10gb", 100 * kUnit}, now));
  EXPECT_TRUE(has_changed({"1g.10gb", 100 * kUnit - 1}, now));
  EXPECT_TRUE(has_changed({"2g.20gb", 125 * kUnit}, now));
  EXPECT_FALSE(has_changed({"1g.10gb", 500 * kUnit}, now));  // less is nothing new
  EXPECT_TRUE(has_changed({"1g.10gb", std::nullopt}, now));
  EXPECT_FALSE(has_changed({"1g.10gb", std::nullopt}, {"1g.10gb", std::nullopt}));
}

TEST(Kinds, HaveNamesThatLeadBack) {
  for (const KindRow& row : kinds()) EXPECT_EQ(kind_named(row.name), row.kind);
  EXPECT_FALSE(kind_named("waste"));
}

}  // namespace
}  // namespace tessera::fleet::advice
