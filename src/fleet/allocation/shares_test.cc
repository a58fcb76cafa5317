// Pods that are promised replicas of devices that are shared. The kubelet gives any replica of any such device of the
// node, also to pods that nobody has promised anything; the book counts no device's replicas twice all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "fleet/allocation/review.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using enum AllocationState;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr unsigned kReplicas = 2;
constexpr const char* kResource = "nvidia.com/gpu.shared";

PromisedPart replica(unsigned gpu, unsigned number) {
  return {"w-1", "GPU-" + std::to_string(gpu), "", {number, 1}, false, kReplicas, kResource};
}
std::string device(unsigned gpu) {
  const std::string of = "gpu=\"" + std::to_string(gpu) + "\",UUID=\"GPU-" + std::to_string(gpu) + "\"";
  return "tessera_agent_device_up{" + of + "} 1\ngpu_device_info{" + of + ",model=\"Tesla T4\"} 1\n";
}
std::string held(unsigned gpu, const std::string& pod) {
  return R"(gpu_allocation_info{gpu=")" + std::to_string(gpu) + R"(",UUID="GPU-)" + std::to_string(gpu) +
         R"(",resource=")" + kResource + R"(",share="shared",replicas=")" + std::to_string(kReplicas) +
         R"(",container="c",namespace="ml",pod=")" + pod + "\"} 1\n";
}

struct Shares : testing::Test {
  /// By pod, the device of which it has a replica.
  void look(const std::map<std::string, unsigned>& has) {
    now += 5'000;
    std::string page = device(0) + device(1);
    for (const auto& [pod, gpu] : has) page += held(gpu, pod);
    told.scrape(now, R"(node="w-1",job="agent")", page);
    told.fleet.advance(now);
    const auto view = told.fleet.publish(now);
    sightings.take(*view);
    for (PodAllocation& one : review.turns(book, {*view, cluster, sightings})) {
      const auto put = book.put(std::move(one));
      EXPECT_TRUE(put) << "promised twice: " << put.error().what;
    }
  }
  void ask(const std::string& pod) {
    PodAllocation one;
    one.id = one.pod = pod;
    one.cluster = "default";
    one.space = "ml";
    one.lease = Milliseconds(600'000);
    one.waits = true;
    one.asked_at = now;
    ASSERT_TRUE(book.put(one));
  }
  void promise(const std::string& pod, const PromisedPart& part) {
    const auto next = promised(*book.find(pod), {part}, "{}", {"", "", now});
    ASSERT_TRUE(next) << next.error().what;
    ASSERT_TRUE(book.put(*next));
  }
  const PodAllocation& of(const std::string& pod) { return *book.find(pod); }

  EpochMs now = kStart;
  ToldPages told;
  ClusterView cluster;
  PodSightings sightings;
  AllocationBook book;
  AllocationReview review{Milliseconds(1'000)};
};

TEST_F(Shares, APodHasTheReplicaThatItWasGivenAndTheOthersKeepTheirs) {
  for (const char* pod : {"a", "b", "c"}) ask(pod);
  promise("a", replica(0, 0));
  promise("b", replica(0, 1));
  promise("c", replica(1, 0));
  look({{"a", 1}});
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_THAT(of("a").parts, ElementsAre(replica(1, 1))) << "what was not promised of it";
  EXPECT_EQ(of("b").state, Promised);
  EXPECT_EQ(of("c").state, Promised) << "of that device two have room";
  look({{"a", 1}, {"b", 1}});
  EXPECT_THAT(of("b").parts, ElementsAre(replica(1, 0)));
  EXPECT_EQ(of("c").state, Promised);
  EXPECT_THAT(of("c").parts, ElementsAre(replica(0, 1))) << "exchanged for what b has left";
  look({{"a", 1}, {"b", 1}, {"c", 0}});
  EXPECT_EQ(of("c").state, Bound);
  look({{"b", 1}, {"c", 0}});
  look({{"b", 1}, {"c", 0}});
  EXPECT_EQ(of("a").state, Ended);
  EXPECT_EQ(of("b").state, Bound);
}

TEST_F(Shares, WhereOthersHaveAllOfThemThePromiseIsTakenBack) {
  ask("a");
  promise("a", replica(0, 0));
  look({{"x", 0}});
  EXPECT_EQ(of("a").state, Promised);
  look({{"x", 0}, {"y", 0}});
  EXPECT_EQ(of("a").state, Waiting);
  EXPECT_THAT(of("a").why, HasSubstr("is on what was promised to it"));
}

TEST(Overlap, ASharedDeviceIsNobodysAsAWhole) {
  const PromisedPart whole{"w-1", "GPU-0", "", {0, 1}};
  EXPECT_TRUE(overlap(whole, replica(0, 1)));
  EXPECT_FALSE(overlap(replica(0, 0), replica(0, 1)));
  EXPECT_FALSE(overlap(whole, replica(1, 0)));
}

TEST_F(Shares, NoReplicaIsPromisedTwiceWhateverTheKubeletGives) {
  constexpr unsigned kPods = 8, kAsking = 5;
  std::mt19937 random(7);
  std::map<std::string, unsigned> has;
  const auto left = [&](unsigned gpu) {
    return std::ranges::count(has, gpu, [](const auto& one) { return one.second; }) < std::ptrdiff_t{kReplicas};
  };
  int bound = 0;
  for (int round = 0; round < 600; ++round) {
    const std::string pod = "p-" + std::to_string(random() % kPods);
    const bool asks = pod < "p-" + std::to_string(kAsking);
    const PodAllocation* own = book.of_pod("default", "ml", pod);
    if (has.contains(pod)) {
      if (random() % 3 == 0) has.erase(pod);
    } else if (asks && !own) {
      book.drop(pod);
      ask(pod);
    } else if (const auto gpu = static_cast<unsigned>(random() % 2); left(gpu) && (!asks || own->state == Promised)) {
      has[pod] = gpu;
    }
    for (const PodAllocation* one : book.queue())
      for (unsigned gpu = 0; gpu < 2; ++gpu) {
        // As the engine counts: what is held, and what is promised to others than those that hold.
        auto open = static_cast<unsigned>(std::ranges::count(has, gpu, [](const auto& h) { return h.second; }));
        for (const auto& taken : book.taken("default", "GPU-" + std::to_string(gpu)))
          open += !has.contains(taken.by->pod) || has[taken.by->pod] != gpu;
        const auto number = book.free_replica("default", "GPU-" + std::to_string(gpu), kReplicas);
        if (open >= kReplicas) continue;
        ASSERT_TRUE(number);
        const std::string waiting = one->pod;
        promise(waiting, replica(gpu, *number));
        break;
      }
    look(has);
    for (unsigned gpu = 0; gpu < 2; ++gpu)
      ASSERT_LE(book.taken("default", "GPU-" + std::to_string(gpu)).size(), kReplicas);
    for (const auto& [name, gpu] : has)
      if (const auto* one = book.of_pod("default", "ml", name)) bound += one->state == Bound;
    if (HasFailure()) return;
  }
  EXPECT_GT(bound, 100);
}

}  // namespace
}  // namespace tessera::fleet
