// Pods that come, go and come again by the same name, some with an allocation and some without; a kubelet that gives
// any of equal instances, and whose list names no UID and is late. Whatever happens, nothing is promised twice, and
// nothing stays promised to one while another one is on it.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fleet/allocation/review.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using enum AllocationState;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr unsigned kPlaces = 3, kPods = 6;

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    cluster_.watched = cluster_.synced = true;
    cluster_.cluster = "default";
  }

  void live() {
    switch (number(6)) {
      case 0:
        come(number(kPods), true);
        break;
      case 1:
        come(number(kPods), false);
        break;
      case 2:
        go(number(kPods));
        break;
      case 3:
        give(number(kPods));
        break;
      default:
        promise();
    }
    if (number(3) > 0) list();  // else what is told is of before
    look();
    check();
  }

 private:
  struct Pod {
    std::string uid;
    std::optional<unsigned> place{};  ///< that the kubelet gave it
  };
  unsigned number(unsigned below) { return static_cast<unsigned>(random_() % below); }
  static std::string name(unsigned pod) { return "p-" + std::to_string(pod); }
  static PromisedPart part(unsigned place) { return {"w-1", "GPU-1", "2g.20gb", {2 * place, 2}}; }

  void show(unsigned number, const Pod& of) {
    auto pod = std::make_shared<ClusterPod>();
    pod->space = "ml";
    pod->name = name(number);
    pod->uid = of.uid;
    pod->node = of.place ? "w-1" : "";
    cluster_.pods["ml/" + pod->name] = pod;
  }
  void come(unsigned number, bool asks) {
    if (pods_.contains(number) || book_.of_pod("default", "ml", name(number))) return;
    const Pod& pod = pods_[number] = {"u" + std::to_string(++serial_)};
    show(number, pod);
    if (!asks) return;
    PodAllocation one;
    one.id = "a-" + std::to_string(serial_);
    one.cluster = "default";
    one.space = "ml";
    one.pod = name(number);
    one.pod_uid = pod.uid;
    one.waits = true;
    one.lease = Milliseconds(600'000);
    ASSERT_TRUE(book_.put(one));
  }
  void go(unsigned number) {
    pods_.erase(number);
    cluster_.pods.erase("ml/" + name(number));
  }
  bool is_given(unsigned place) const {
    return std::ranges::any_of(pods_, [&](const auto& one) { return one.second.place == place; });
  }
  /// Any that is free: what is promised to whom is nothing that a kubelet knows.
  void give(unsigned number) {
    const auto found = pods_.find(number);
    const PodAllocation* own = book_.of_pod("default", "ml", name(number));
    if (found == pods_.end() || found->second.place || (own && own->state != Promised)) return;
    const unsigned first = this->number(kPlaces);
    for (unsigned i = 0; i < kPlaces && !found->second.place; ++i)
      if (const unsigned place = (first + i) % kPlaces; !is_given(place)) found->second.place = place;
    show(number, found->second);
  }
  /// As the server does: what the list and the book know to be free.
  void promise() {
    for (const PodAllocation* one : book_.queue())
      for (unsigned place = 0; place < kPlaces; ++place) {
        if (listed_.contains(place) || book_.owner_of("default", part(place))) continue;
        auto next = promised(*one, {part(place)}, "{}", {"", "", now_});
        ASSERT_TRUE(next && book_.put(*next));
        return;
      }
  }
  void list() {
    listed_.clear();
    for (const auto& [number, pod] : pods_)
      if (pod.place) listed_[*pod.place] = name(number);
  }

  void look() {
    now_ += 5'000;
    std::string page = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-1"} 1
gpu_device_info{gpu="0",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
)";
    for (unsigned place = 0; place < kPlaces; ++place) {
      const std::string gi = std::to_string(place + 3);
      page += R"(gpu_instance_info{gpu="0",UUID="GPU-1",GPU_I_ID=")" + gi +
              R"(",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-)" + gi + "\",start=\"" +
              std::to_string(2 * place) + "\",size=\"2\"} 1\n";
      if (const auto found = listed_.find(place); found != listed_.end())
        page += R"(gpu_allocation_info{gpu="0",UUID="GPU-1",GPU_I_ID=")" + gi +
                R"(",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",container="c",namespace="ml",)" +
                "pod=\"" + found->second + "\"} 1\n";
    }
    told_.scrape(now_, R"(node="w-1",job="agent")", page);
    told_.fleet.advance(now_);
    const auto view = told_.fleet.publish(now_);
    sightings_.take(*view);
    for (PodAllocation& one : review_.turns(book_, {*view, cluster_, sightings_})) {
      const auto put = book_.put(std::move(one));
      EXPECT_TRUE(put) << "promised twice: " << put.error().what;
    }
  }

  void check() const {
    for (const auto& [id, one] : book_.all()) {
      if (one.state == Bound) EXPECT_FALSE(one.pod_uid.empty()) << one.pod;
      if (one.state != Promised) continue;
      for (const PromisedPart& part : one.parts)
        if (const auto who = listed_.find(part.placement.start / 2); who != listed_.end())
          EXPECT_EQ(who->second, one.pod) << id << " has it promised, and another one is on it";
    }
    for (const auto& [place, pod] : listed_) {
      const auto known = cluster_.pods.find("ml/" + pod);
      const PodAllocation* own = book_.of_pod("default", "ml", pod);
      if (!own || known == cluster_.pods.end() || own->pod_uid != known->second->uid) continue;
      if (known->second->node.empty()) EXPECT_NE(own->state, Bound) << pod << " waits, and its namesake is seen";
    }
  }

  std::mt19937 random_;
  EpochMs now_ = kStart;
  unsigned serial_ = 0;
  std::map<unsigned, Pod> pods_;
  std::map<unsigned, std::string> listed_;  ///< pods, by place
  ClusterView cluster_;
  ToldPages told_;
  PodSightings sightings_;
  AllocationBook book_;
  AllocationReview review_;
};

TEST(ReviewProperty, NothingIsPromisedTwiceNorWhereAnotherOneIs) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int i = 0; i < 150; ++i) world.live();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace tessera::fleet
