#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"
#include "server/advice/facts.h"

namespace tessera::server {
namespace {
using fleet::advice::Facts;
using fleet::advice::Slot;
using fleet::advice::Workload;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr EpochMs kHour = 3'600'000, kNow = 500'000 * kHour;
constexpr const char* kModel = "Qwen/Qwen2.5-7B-Instruct";

/// Pods of namespace ml that hold a GPU each.
struct HoldersTest : testing::Test {
  /// Its GPU is GPU-N, in the order of their coming; nothing ran there since.
  void holds(const std::string& pod, const std::string& owner_kind, const std::string& owner,
             double since_hours = 14 * 24) {
    const std::size_t gpu = pods.size();
    const std::string uuid = fmt::format("GPU-{}", gpu), uid = "u-" + pod;
    page += fmt::format(
        "gpu_device_info{{gpu=\"{0}\",UUID=\"{1}\",model=\"NVIDIA H100 80GB HBM3\"}} 1\n"
        "gpu_device_compute_slices{{gpu=\"{0}\",UUID=\"{1}\"}} 7\n"
        "gpu_allocation_info{{gpu=\"{0}\",UUID=\"{1}\",resource=\"nvidia.com/gpu\",share=\"exclusive\",pod=\"{2}\","
        "namespace=\"ml\",container=\"c\",pod_uid=\"{3}\"}} 1\n",
        gpu, uuid, pod, uid);
    auto one = std::make_shared<fleet::ClusterPod>();
    one->space = "ml";
    one->name = pod;
    one->uid = uid;
    one->owner_kind = owner_kind;
    one->owner_name = owner;
    pods.push_back(one);
    const EpochMs since = kNow - static_cast<EpochMs>(since_hours * static_cast<double>(kHour));
    std::vector<Slot> slots;
    for (EpochMs at = since; at < kNow; at += how.slot.count()) {
      Slot slot;
      slot.begin = at;
      slot.observed_ms = how.slot.count();
      slot.busy = slot.busy_most = 0;
      slots.push_back(slot);
    }
    history.held[{"c", "ml", pod, uuid, -1}] = {uid, fleet::advice::sum_up(slots, since, kNow)};
  }
  /// Its engine is told of for so long, and does nothing.
  void serves(const std::string& pod, double hours = 14 * 24) {
    auto one = std::make_shared<fleet::Served>();
    one->cluster = "c";
    one->space = "ml";
    one->pod = pod;
    one->model = kModel;
    serving.engines.push_back(one);
    const EpochMs since = kNow - static_cast<EpochMs>(hours * static_cast<double>(kHour));
    for (EpochMs at = since; at < kNow; at += how.slot.count()) {
      store::ServingSeen seen{"c", "ml", pod, {}};
      seen.slot.begin = at;
      seen.slot.observed_ms = how.slot.count();
      seen.slot.kv_tokens_most = 0;
      history.serving.push_back(seen);
    }
  }
  fleet::ClusterPod& pod(std::size_t at) { return *pods.at(at); }
  void starts_with(std::size_t at, const std::string& arguments) {
    const std::string words[] = {arguments};
    pod(at).engine_arguments = fleet::engine_arguments_of(words);
  }
  void costs(std::size_t at, fleet::Purchase purchase) {
    store::CostPosting one;
    one.subject.cluster = "c";
    one.subject.device_uuid = fmt::format("GPU-{}", at);
    one.subject.purchase = purchase;
    one.owner = fleet::CostOwner{"c", "ml", pod(at).name, "", "", "", ""};
    one.kind = fleet::CostKind::Used;
    one.amount.micros = 8 * fleet::kUnit;
    hourly.postings.push_back(one);
  }
  Facts facts() {
    told.scrape(kNow, R"(node="w1",cluster="c",job="agent")", page);
    auto cluster = std::make_shared<fleet::ClusterView>();
    cluster->watched = cluster->synced = true;
    cluster->cluster = "c";
    for (const auto& one : pods) cluster->pods["ml/" + one->name] = one;
    Published known;
    known.view = told.fleet.publish(kNow);
    known.cluster = cluster;
    known.serving = std::make_shared<const fleet::ServingView>(serving);
    return advice_facts(known, hourly.postings.empty() ? nullptr : &hourly, history, how, kNow);
  }

  const fleet::advice::Windowing how;
  std::string page;
  std::vector<std::shared_ptr<fleet::ClusterPod>> pods;
  fleet::ServingView serving;
  AdviceHistory history;
  HourlyCosts hourly;
  fleet::ToldPages told;
};

TEST_F(HoldersTest, AnEngineWantsWhatItsCommandLineSays) {
  holds("llm-0", "StatefulSet", "llm");
  serves("llm-0");
  EXPECT_FALSE(facts().workloads.at(0).serves->need) << "nobody knows its command line";
  starts_with(0, "vllm serve m --max-model-len 32768 --gpu-memory-utilization 0.8");
  Facts known = facts();
  ASSERT_TRUE(known.workloads.at(0).serves->need);
  EXPECT_EQ(known.workloads[0].serves->need->context_tokens, 32'768U);
  EXPECT_EQ(known.workloads[0].serves->need->utilization, 0.8);
  holds("llm-1", "StatefulSet", "llm");
  serves("llm-1");
  starts_with(1, "vllm serve m --max-model-len 65536");
  known = facts();
  ASSERT_THAT(known.workloads, SizeIs(1));
  EXPECT_FALSE(known.workloads[0].serves->need) << "its pods do not want the same";
}

TEST_F(HoldersTest, WhatAnotherPodOfTheNameDidIsNotTheirs) {
  holds("llm-0", "StatefulSet", "llm", 3);
  serves("llm-0", 30);
  EXPECT_THAT(advise(facts()), IsEmpty()) << "it came three hours ago, in the place of one that nobody had asked";
  const auto engine = facts().workloads.at(0).serves->engine;
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->rhythm.from, kNow - kHour) << "two hours behind its coming";
}

TEST_F(HoldersTest, AnEngineThatIsTheSameSinceLongIsIdleForAsLong) {
  holds("llm-0", "StatefulSet", "llm");
  serves("llm-0");
  const auto list = advise(facts());
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].kind, fleet::advice::Kind::IdleHeld);
  EXPECT_EQ(list[0].change.text, "kubectl --namespace ml scale statefulset llm --replicas 0");
}

TEST_F(HoldersTest, AGroupIsOneWorkloadOfWhichTheLeaderTells) {
  holds("llm-0", "StatefulSet", "llm");
  holds("llm-0-1", "StatefulSet", "llm-0");
  for (std::size_t i = 0; i < 2; ++i)
    pod(i).labels = {{"leaderworkerset.sigs.k8s.io/name", "llm"}, {"leaderworkerset.sigs.k8s.io/group-key", "k"}};
  serves("llm-0");
  const Facts known = facts();
  ASSERT_THAT(known.workloads, SizeIs(1));
  EXPECT_EQ(known.workloads[0].kind, "LeaderWorkerSet");
  EXPECT_EQ(known.workloads[0].serves->gpus, 2U) << "of a model that is spread over both pods";
  const auto list = advise(known);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].change.by, "hand") << "a StatefulSet's patch would be reverted";
  EXPECT_THAT(list[0].change.text, testing::HasSubstr("LeaderWorkerSet llm"));
}

TEST_F(HoldersTest, AReplicaOnSeveralNodesCostsWhatAllOfItsPodsDo) {
  holds("llm-predictor-6d4-x2x", "ReplicaSet", "llm-predictor-6d4");
  holds("llm-predictor-worker-7c5-b4b", "ReplicaSet", "llm-predictor-worker-7c5");
  const auto of_service = [&](std::size_t i, const char* app) {
    pod(i).labels = {{"serving.kserve.io/inferenceservice", "llm"}, {"app", app}};
    costs(i, fleet::Purchase::OnDemand);
  };
  of_service(0, "isvc.llm-predictor");
  of_service(1, "isvc.llm-predictor-worker");
  serves("llm-predictor-6d4-x2x");
  const Facts known = facts();
  ASSERT_THAT(known.workloads, SizeIs(1));
  EXPECT_EQ(known.workloads[0].serves->gpus, 2U) << "of one replica";
  const auto list = advise(known);
  ASSERT_THAT(list, SizeIs(1)) << "its head tells for both";
  EXPECT_EQ(list[0].kind, fleet::advice::Kind::IdleHeld);
  EXPECT_EQ(list[0].saving->per_month, 2 * 730 * 8 * fleet::kUnit);
}

TEST_F(HoldersTest, AModelIsSpreadOverAsManyGpusAsItsCommandLineSays) {
  holds("llm-0", "StatefulSet", "llm");
  starts_with(0, "vllm serve m --tensor-parallel-size 2 --pipeline-parallel-size 2");
  EXPECT_EQ(facts().workloads.at(0).serves->gpus, 4U) << "of which others hold three";
}

TEST_F(HoldersTest, AreOnDemandWhereAllOfThemAre) {
  using fleet::Purchase;
  holds("a-0", "StatefulSet", "a");
  holds("a-1", "StatefulSet", "a");
  const auto purchase = [&](Purchase first, Purchase second) {
    hourly.postings.clear();
    costs(0, first);
    costs(1, second);
    return facts().workloads.at(0).purchase;
  };
  EXPECT_EQ(purchase(Purchase::OnDemand, Purchase::OnDemand), Purchase::OnDemand);
  EXPECT_EQ(purchase(Purchase::Spot, Purchase::OnDemand), Purchase::Spot);
  EXPECT_EQ(purchase(Purchase::OnDemand, Purchase::Spot), Purchase::Spot);
}

TEST_F(HoldersTest, SizesCostWhatTheLedgerWouldCharge) {
  holds("a-0", "StatefulSet", "a");
  costs(0, fleet::Purchase::OnDemand);
  for (const auto& [name, slices] : {std::pair("1g.20gb", 1), {"2g.20gb", 2}})
    page += fmt::format(
        "gpu_profile_info{{gpu=\"0\",profile=\"{}\",profile_id=\"{}\",compute_slices=\"{}\",sm_count=\"32\","
        "memory_mib=\"20096\",max_instances=\"3\",placements=\"0:2,2:2,4:2\",UUID=\"GPU-0\"}} 1\n",
        name, slices, slices);
  const Facts of_eight = facts();
  EXPECT_EQ(of_eight.workloads.at(0).holds.at(0).memory_slices, 8U);
  for (const auto& one : of_eight.workloads.at(0).holds.at(0).sizes) EXPECT_EQ(one.memory_slices, 2U) << one.profile;
  const auto prices = [&](fleet::ShareBy by) {
    hourly.share_by = by;
    std::vector<std::pair<std::string, fleet::Micros>> out;
    const Facts known = facts();
    for (const auto& one : known.workloads.at(0).holds.at(0).sizes)
      out.emplace_back(one.profile, one.per_hour.value_or(-1));
    return out;
  };
  using fleet::kUnit;
  EXPECT_THAT(prices(fleet::ShareBy::ComputeSlices),
              UnorderedElementsAre(std::pair("1g.20gb", 8 * kUnit / 7), std::pair("2g.20gb", 16 * kUnit / 7)));
  EXPECT_THAT(prices(fleet::ShareBy::Memory),
              UnorderedElementsAre(std::pair("1g.20gb", 2 * kUnit), std::pair("2g.20gb", 2 * kUnit)));
  EXPECT_THAT(prices(fleet::ShareBy::LargerOfBoth),
              UnorderedElementsAre(std::pair("1g.20gb", 2 * kUnit), std::pair("2g.20gb", 16 * kUnit / 7)));
}

}  // namespace
}  // namespace tessera::server
