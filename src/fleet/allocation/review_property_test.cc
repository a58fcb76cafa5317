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

/// Whole devices of two models on one node: who asked for several of one has as many of it promised, whatever the
/// kubelet gives to whom.
class Wholes {
 public:
  explicit Wholes(unsigned seed) : random_(seed) {
    cluster_.watched = cluster_.synced = true;
    cluster_.cluster = "default";
  }

  void live() {
    const unsigned pod = number(kPods);
    switch (number(5)) {
      case 0:
        come(pod);
        break;
      case 1:
        if (pods_.erase(pod) > 0) cluster_.pods.erase("ml/" + name(pod));
        break;
      case 2:
        give(pod);
        break;
      default:
        promise();
    }
    look();
    check();
  }
  unsigned exchanged() const { return exchanged_; }

 private:
  static constexpr unsigned kDevices = 6;
  struct Pod {
    unsigned count = 1;
    std::string model{};  ///< empty: any
    std::vector<unsigned> has{};
  };
  unsigned number(unsigned below) { return static_cast<unsigned>(random_() % below); }
  static std::string name(unsigned pod) { return "p-" + std::to_string(pod); }
  static std::string uuid(unsigned device) { return "GPU-" + std::to_string(device); }
  static std::string model(unsigned device) {
    return device % 2 == 0 ? "NVIDIA H100 80GB HBM3" : "NVIDIA A100-SXM4-40GB";
  }
  static PromisedPart part(unsigned device) { return {"w-1", uuid(device), "", {0, 1}}; }
  bool is_given(unsigned device) const {
    return std::ranges::any_of(pods_, [&](const auto& one) { return std::ranges::count(one.second.has, device) > 0; });
  }
  const PodAllocation* own(unsigned pod) const { return book_.of_pod("default", "ml", name(pod)); }

  void come(unsigned pod) {
    if (pods_.contains(pod) || own(pod)) return;
    pods_[pod] = {1 + number(3), number(2) == 0 ? model(number(2)) : ""};
    show(pod);
    PodAllocation one;
    one.id = "a-" + std::to_string(++serial_);
    one.cluster = "default";
    one.space = "ml";
    one.pod = name(pod);
    one.pod_uid = "u-" + name(pod);
    one.waits = true;
    one.lease = Milliseconds(6'000'000);
    ASSERT_TRUE(book_.put(one));
  }
  void show(unsigned pod) {
    auto shown = std::make_shared<ClusterPod>();
    shown->space = "ml";
    shown->name = name(pod);
    shown->uid = "u-" + name(pod);
    shown->node = pods_.at(pod).has.empty() ? "" : "w-1";
    cluster_.pods["ml/" + shown->name] = shown;
  }
  /// As the kubelet does: any that are free, whatever their model.
  void give(unsigned pod) {
    const auto found = pods_.find(pod);
    if (found == pods_.end() || !found->second.has.empty() || !own(pod) || own(pod)->state != Promised) return;
    std::vector<unsigned> free;
    for (unsigned i = 0, first = number(kDevices); i < kDevices; ++i)
      if (!is_given((first + i) % kDevices)) free.push_back((first + i) % kDevices);
    if (free.size() < found->second.count) return;
    free.resize(found->second.count);
    found->second.has = free;
    show(pod);
  }
  /// As the server does: all that was asked for, of the model.
  void promise() {
    for (const PodAllocation* one : book_.queue()) {
      const auto pod = pods_.find(static_cast<unsigned>(one->pod.back() - '0'));
      if (pod == pods_.end()) continue;
      std::vector<PromisedPart> parts;
      for (unsigned device = 0; device < kDevices && parts.size() < pod->second.count; ++device)
        if (!is_given(device) && !book_.owner_of("default", part(device)) &&
            (pod->second.model.empty() || pod->second.model == model(device)))
          parts.push_back(part(device));
      if (parts.size() < pod->second.count) continue;
      auto next = promised(*one, parts, "why", {"", "", now_});
      ASSERT_TRUE(next && book_.put(*next));
      return;
    }
  }

  void look() {
    now_ += 5'000;
    std::string page;
    for (unsigned device = 0; device < kDevices; ++device) {
      const std::string of = "gpu=\"" + std::to_string(device) + "\",UUID=\"" + uuid(device) + "\"";
      page += "tessera_agent_device_up{" + of + "} 1\ngpu_device_info{" + of + ",model=\"" + model(device) + "\"} 1\n";
      for (const auto& [number, pod] : pods_)
        if (std::ranges::count(pod.has, device) > 0)
          page += "gpu_allocation_info{" + of + R"(,resource="nvidia.com/gpu",share="exclusive",container="c",)" +
                  "namespace=\"ml\",pod=\"" + name(number) + "\"} 1\n";
    }
    told_.scrape(now_, R"(node="w-1",job="agent")", page);
    told_.fleet.advance(now_);
    const auto view = told_.fleet.publish(now_);
    sightings_.take(*view);
    for (PodAllocation& one : review_.turns(book_, {*view, cluster_, sightings_})) {
      if (one.state == Promised && one.why.starts_with("its promise was exchanged")) ++exchanged_;
      const auto put = book_.put(std::move(one));
      EXPECT_TRUE(put) << "promised twice: " << put.error().what;
    }
  }
  void check() const {
    for (const auto& [id, one] : book_.all()) {
      const auto pod = pods_.find(static_cast<unsigned>(one.pod.back() - '0'));
      if (one.state != Promised || pod == pods_.end()) continue;
      EXPECT_EQ(one.parts.size(), pod->second.count) << id;
      EXPECT_EQ(one.decision, "why") << id;
      for (const PromisedPart& part : one.parts) {
        const auto device = static_cast<unsigned>(part.device_uuid.back() - '0');
        if (!pod->second.model.empty()) EXPECT_EQ(model(device), pod->second.model) << id;
      }
    }
  }

  std::mt19937 random_;
  EpochMs now_ = kStart;
  unsigned serial_ = 0, exchanged_ = 0;
  std::map<unsigned, Pod> pods_;
  ClusterView cluster_;
  ToldPages told_;
  PodSightings sightings_;
  AllocationBook book_;
  AllocationReview review_;
};

TEST(ReviewProperty, AnExchangeGivesAsManyOfTheSameModel) {
  unsigned exchanged = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Wholes world(seed);
    for (int i = 0; i < 150; ++i) world.live();
    if (testing::Test::HasFailure()) return;
    exchanged += world.exchanged();
  }
  EXPECT_GT(exchanged, 20U) << "else nothing of this was tried";
}

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
