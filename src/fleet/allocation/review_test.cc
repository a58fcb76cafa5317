#include "fleet/allocation/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/health.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using enum AllocationState;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr EpochMs kStart = 1'800'000'000'000;

constexpr std::string_view kDevice = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-1"} 1
gpu_device_info{gpu="0",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
)";

std::string instance(unsigned gi, unsigned start) {
  return R"(gpu_instance_info{gpu="0",UUID="GPU-1",GPU_I_ID=")" + std::to_string(gi) +
         R"(",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-)" + std::to_string(gi) + R"(",start=")" +
         std::to_string(start) + "\",size=\"2\"} 1\n";
}
std::string held(unsigned gi, const std::string& pod, const std::string& uid = "u1") {
  return R"(gpu_allocation_info{gpu="0",UUID="GPU-1",GPU_I_ID=")" + std::to_string(gi) +
         R"(",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",container="c",namespace="ml",pod=")" +
         pod + R"(",pod_uid=")" + uid + "\"} 1\n";
}
/// Two boards that are not cut.
constexpr std::string_view kWholes = R"(
tessera_agent_device_up{gpu="1",UUID="GPU-2"} 1
gpu_device_info{gpu="1",UUID="GPU-2",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
tessera_agent_device_up{gpu="2",UUID="GPU-3"} 1
gpu_device_info{gpu="2",UUID="GPU-3",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
)";
constexpr std::string_view kThird = R"(
tessera_agent_device_up{gpu="3",UUID="GPU-4"} 1
gpu_device_info{gpu="3",UUID="GPU-4",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
)";
std::string whole_held(unsigned gpu, const std::string& pod) {
  return R"(gpu_allocation_info{gpu=")" + std::to_string(gpu) + R"(",UUID="GPU-)" + std::to_string(gpu + 1) +
         R"(",resource="nvidia.com/gpu",share="exclusive",container="c",namespace="ml",pod=")" + pod +
         "\",pod_uid=\"u1\"} 1\n";
}
PromisedPart whole(unsigned gpu) { return {"w-1", "GPU-" + std::to_string(gpu + 1), "", {0, 1}}; }
PromisedPart part(unsigned start, bool made = false) { return {"w-1", "GPU-1", "2g.20gb", {start, 2}, made}; }

struct Review : testing::Test {
  /// A scrape, and what comes of it.
  void look(const std::string& page, EpochMs seconds) {
    told.scrape(kStart + seconds * 1000, R"(node="w-1",job="agent")", std::string(kDevice) + page);
    look(seconds);
  }
  /// Without one: silence.
  void look(EpochMs seconds) {
    told.fleet.advance(kStart + seconds * 1000);
    view = told.fleet.publish(kStart + seconds * 1000);
    sightings.take(*view);
    for (PodAllocation& one : review.turns(book, {*view, cluster, sightings, refused})) {
      const auto put = book.put(std::move(one));
      EXPECT_TRUE(put) << put.error().what;
    }
  }
  void ask(const std::string& id, const std::string& pod, std::vector<PromisedPart> parts, bool waits = false) {
    PodAllocation one;
    one.id = id;
    one.cluster = "default";
    one.space = "ml";
    one.pod = pod;
    one.lease = Milliseconds(120'000);
    one.waits = waits;
    one.asked_at = kStart;
    const auto made = parts.empty() ? Result<PodAllocation>(one) : promised(one, parts, "{}", {"", "ada", kStart});
    ASSERT_TRUE(made && book.put(*made));
  }
  const PodAllocation& of(const std::string& id) { return *book.find(id); }
  /// The cluster shows it, on `node` or waiting.
  void show(const std::string& pod, const std::string& uid, const std::string& node = "") {
    cluster.watched = cluster.synced = true;
    cluster.cluster = "default";
    auto one = std::make_shared<ClusterPod>();
    one->space = "ml";
    one->name = pod;
    one->uid = uid;
    one->node = node;
    cluster.pods["ml/" + pod] = one;
  }
  void name_uid(const std::string& id, const std::string& uid) {
    PodAllocation one = of(id);
    one.pod_uid = uid;
    ASSERT_TRUE(book.put(one));
  }

  ToldPages told;
  std::shared_ptr<const View> view;
  ClusterView cluster;
  PodSightings sightings;
  AllocationBook book;
  AllocationReview review;
  decltype(Scene::refused) refused;
};

TEST_F(Review, APromiseIsReadyThenBoundThenEnded) {
  ask("a", "p", {part(0, true)});
  look("", 0);
  EXPECT_EQ(of("a").state, Promised);
  EXPECT_FALSE(of("a").ready_since);
  look(instance(1, 0), 5);
  EXPECT_EQ(of("a").ready_since, kStart + 5'000);
  look(instance(1, 0) + held(1, "p"), 10);
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_EQ(of("a").pod_uid, "u1");
  EXPECT_THAT(of("a").parts, ElementsAre(part(0, true))) << "that it was made for it is not forgotten";
  look(instance(1, 0), 40);
  EXPECT_EQ(of("a").state, Bound) << "a container that starts anew is nowhere for a while";
  look(instance(1, 0), 69);
  EXPECT_EQ(of("a").state, Bound);
  look(instance(1, 0), 70);
  EXPECT_EQ(of("a").state, AllocationState::Ended);
}

TEST_F(Review, ASilentDeviceEndsNothing) {
  ask("a", "p", {part(0)});
  look(instance(1, 0) + held(1, "p"), 0);
  ASSERT_EQ(of("a").state, Bound);
  for (EpochMs at = 10; at < 1'000; at += 30) look(at);
  EXPECT_EQ(of("a").state, Bound);
}

TEST_F(Review, APodThatDoesNotComeLosesItsPromise) {
  ask("a", "p", {part(0)});
  look(instance(1, 0), 10);
  EXPECT_EQ(of("a").expires, kStart + 130'000);
  look(instance(1, 0), 129);
  EXPECT_EQ(of("a").state, Promised);
  look(instance(1, 0), 130);
  EXPECT_EQ(of("a").state, Expired);
}

/// By how many seconds the clock of the server before was ahead.
struct Clocks : Review, testing::WithParamInterface<EpochMs> {};
INSTANTIATE_TEST_SUITE_P(Apart, Clocks, testing::Values(-1'200, -60, 0, 60, 1'200));

TEST_P(Clocks, LeasesThatAnotherServerHasTimedEndAsItSaidWithinBounds) {
  ask("a", "p", {});
  const auto other = promised(of("a"), {part(0, true)}, "{}", {"", "", kStart + GetParam() * 1'000});
  ASSERT_TRUE(other && book.put(*other));
  review.inherit(book);
  look("", 10);
  EXPECT_EQ(of("a").state, Promised) << "it has a minute at least";
  const EpochMs end = std::clamp<EpochMs>(120 + GetParam(), 10 + 60, 10 + 120);
  EXPECT_EQ(of("a").expires, kStart + end * 1'000);
  look("", end - 1);
  EXPECT_EQ(of("a").state, Promised);
  look("", end);
  EXPECT_EQ(of("a").state, Expired) << "and no more than it asked for";
}

TEST_F(Review, ALeaseIsTimedAnewUntilThatIsKept) {
  ask("a", "p", {part(0, true)});
  review.inherit(book);
  const AllocationBook before = book;
  look("", 100);
  ASSERT_EQ(of("a").expires, kStart + 160'000);
  book = before;  // it could not be written
  look("", 115);
  EXPECT_EQ(of("a").expires, kStart + 175'000);
  look("", 130);
  EXPECT_EQ(of("a").expires, kStart + 175'000) << "and once only";
}

TEST_F(Review, APodThatWasSeenBeforeAndHasGoneWaitsForNothing) {
  cluster.watched = cluster.synced = true;
  cluster.cluster = "default";
  ask("waits", "p", {}, true);
  ask("promised", "q", {part(0)});
  ask("not-seen", "r", {part(2)});
  for (const std::string id : {"waits", "promised"}) {
    PodAllocation one = of(id);
    one.pod_uid = "u-" + one.pod;
    ASSERT_TRUE(book.put(one));
    auto pod = std::make_shared<ClusterPod>();
    pod->space = one.space;
    pod->name = one.pod;
    pod->uid = one.pod_uid;
    cluster.pods["ml/" + one.pod] = pod;
  }
  look(instance(1, 0) + instance(2, 2), 0);
  EXPECT_EQ(of("waits").state, Waiting);
  EXPECT_EQ(of("promised").state, Promised);
  cluster.pods.clear();
  cluster.synced = false;
  look(instance(1, 0) + instance(2, 2), 5);
  EXPECT_EQ(of("waits").state, Waiting) << "after a restart nothing is known of pods yet";
  cluster.synced = true;
  look(instance(1, 0) + instance(2, 2), 10);
  EXPECT_EQ(of("waits").state, AllocationState::Ended);
  EXPECT_EQ(of("promised").state, AllocationState::Ended);
  EXPECT_EQ(of("not-seen").state, Promised) << "it may still come";
}

TEST_F(Review, APodThatTheClusterKnowsHasTime) {
  show("p", "u1");
  ask("a", "p", {part(0)});
  look(instance(1, 0), 0);
  look(instance(1, 0), 500);
  EXPECT_EQ(of("a").state, Promised);
  show("p", "u1", "w-1");
  look(instance(1, 0) + held(1, "p"), 510);
  EXPECT_EQ(of("a").state, Bound);
  look(instance(1, 0), 800);
  EXPECT_EQ(of("a").state, Bound) << "it is there, by the cluster's word";
  cluster.pods.clear();
  look(instance(1, 0), 801);
  EXPECT_EQ(of("a").state, AllocationState::Ended);
}

TEST_F(Review, EqualInstancesAreExchanged) {
  ask("a", "p", {part(0)});
  ask("b", "q", {part(2)});
  look(instance(1, 0) + instance(2, 2) + held(2, "p"), 0);
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_THAT(of("a").parts, ElementsAre(part(2)));
  EXPECT_EQ(of("b").state, Promised);
  EXPECT_THAT(of("b").parts, ElementsAre(part(0)));
}

/// Two whole devices beside a third one, of which the pod of another one gets one.
TEST_F(Review, WhatOfSeveralIsExchangedLeavesTheOthersAlone) {
  ask("a", "p", {whole(1), whole(2)});
  ask("b", "q", {whole(3)});
  const auto page = [](unsigned given) { return std::string(kWholes) + std::string(kThird) + whole_held(given, "q"); };
  look(page(1), 0);
  EXPECT_EQ(of("b").state, Bound);
  EXPECT_THAT(of("b").parts, ElementsAre(whole(1)));
  EXPECT_EQ(of("a").state, Promised);
  EXPECT_THAT(of("a").parts, ElementsAre(whole(3), whole(2))) << "as many as it was promised";
  EXPECT_EQ(of("a").decision, "{}") << "and why it got them is still told";
}

TEST_F(Review, WhatIsOfAnotherModelIsNotEqual) {
  std::string third(kThird);
  third.replace(third.find("H100 80GB HBM3"), std::string("H100 80GB HBM3").size(), "A100-SXM4-40GB");
  ask("a", "p", {whole(1), whole(2)}, true);
  ask("b", "q", {whole(3)});
  look(std::string(kWholes) + third + whole_held(1, "q"), 0);
  EXPECT_EQ(of("b").state, Bound);
  EXPECT_EQ(of("a").state, Waiting) << "the queue decides about all of it";
  EXPECT_THAT(of("a").parts, testing::IsEmpty());
}

TEST_F(Review, APodThatIsSeenWhereNobodyTellsThePlaceWaitsOn) {
  ask("a", "p", {}, true);
  const std::string unplaced = R"(gpu_instance_info{gpu="0",UUID="GPU-1",GPU_I_ID="7",GPU_CI_ID="0",)"
                               R"(GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-7"} 1
)";
  look(unplaced + held(7, "p"), 0);
  EXPECT_EQ(of("a").state, Waiting) << "nothing is known that it has";
  for (const EpochMs at : {10, 20}) look(instance(7, 2) + held(7, "p"), at);
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_THAT(of("a").parts, ElementsAre(part(2)));
}

TEST_F(Review, APodWithoutAllocationTakesAPromiseAndIsTheReasonTold) {
  ask("a", "p", {}, true);
  ask("b", "q", {part(0)});
  look(instance(1, 0) + held(1, "p"), 0);
  EXPECT_EQ(of("a").state, Bound) << "it came by itself";
  EXPECT_EQ(of("b").state, Waiting);
  EXPECT_THAT(of("b").why, HasSubstr("ml/p"));
  EXPECT_TRUE(of("b").expires);
}

TEST_F(Review, WhatCannotBeKeptIsTakenBack) {
  ask("made", "p", {part(0, true)}, true);
  ask("found", "q", {part(2)});
  refused = [](const std::string&, const PromisedPart&, bool stands) {
    return stands ? std::nullopt : std::optional<std::string>("no permission");
  };
  look("", 0);
  EXPECT_EQ(of("made").state, Waiting);
  EXPECT_THAT(of("made").why, HasSubstr("no permission"));
  EXPECT_FALSE(of("made").expires) << "it waits by its own wish";
  EXPECT_EQ(of("found").state, Waiting);
  EXPECT_THAT(of("found").why, HasSubstr("does not stand any longer"));
}

TEST_F(Review, WhatStandsAndIsGivenToNoPodIsTakenBack) {
  ask("made", "p", {part(0, true)}, true);
  ask("found", "q", {part(2)}, true);
  look(instance(1, 0) + instance(2, 2), 0);
  ASSERT_TRUE(of("made").ready_since && of("found").ready_since);
  refused = [](const std::string&, const PromisedPart&, bool stands) {
    return stands ? std::optional<std::string>("the node lists 0 of it") : std::nullopt;
  };
  look(instance(1, 0) + instance(2, 2), 5);
  for (const std::string id : {"made", "found"}) {
    EXPECT_EQ(of(id).state, Waiting);
    EXPECT_THAT(of(id).why, HasSubstr("the node lists 0 of it"));
  }
}

TEST_F(Review, WhatHasNotBeenToldSinceTheStartHasNotLeft) {
  ask("a", "p", {part(0)});
  ask("b", "q", {part(2)});
  look(instance(1, 0) + instance(2, 2) + held(2, "q"), 0);
  ASSERT_EQ(of("b").state, Bound);
  // The next server knows what was promised, and nothing of the fleet yet.
  ToldPages next;
  AllocationReview of_next;
  const auto later = [&](EpochMs seconds) {
    next.fleet.advance(kStart + seconds * 1000);
    const auto seen = next.fleet.publish(kStart + seconds * 1000);
    sightings.take(*seen);
    for (PodAllocation& one : of_next.turns(book, {*seen, cluster, sightings, refused}))
      EXPECT_TRUE(book.put(std::move(one)));
  };
  later(5);
  later(140);
  EXPECT_EQ(of("a").state, Promised) << "nor is it known whether the pod has come in time";
  EXPECT_EQ(of("b").state, Bound);
  later(305);
  EXPECT_EQ(of("a").state, Expired);
  EXPECT_EQ(of("b").state, AllocationState::Ended);
  EXPECT_THAT(of("b").why, HasSubstr("has left"));
}

TEST_F(Review, AnotherPodOfTheNameIsNotTheOne) {
  ask("a", "p", {part(0)});
  look(instance(1, 0) + held(1, "p", "u1"), 0);
  ASSERT_EQ(of("a").pod_uid, "u1");
  look(instance(1, 0) + held(1, "p", "u2"), 30);
  EXPECT_EQ(of("a").state, Bound);
  look(instance(1, 0) + held(1, "p", "u2"), 60);
  EXPECT_EQ(of("a").state, AllocationState::Ended);
}

/// What an ordinary pod does to a promise that it gets in the way of.
TEST_F(Review, APromiseThatAPodWithoutAllocationIsOnIsTakenBack) {
  struct Case {
    const char* what;
    PromisedPart promised;
    std::string page;
    AllocationState becomes;
  };
  // 3g at 0 is to be made in the place of the 2g that stands there and that nobody had.
  const PromisedPart larger{"w-1", "GPU-1", "3g.40gb", {0, 4}, true};
  const Case kCases[] = {
      {"nobody has it", part(0), instance(1, 0), Promised},
      {"another instance is held", part(0), instance(1, 0) + instance(2, 2) + held(2, "stranger"), Promised},
      {"the instance is held", part(0), instance(1, 0) + held(1, "stranger"), Waiting},
      {"what was made for it is held", part(0, true), instance(1, 0) + held(1, "stranger"), Waiting},
      {"what has to go for it is idle", larger, instance(1, 0), Promised},
      {"what has to go for it is held", larger, instance(3, 2) + held(3, "stranger"), Waiting},
      {"the whole device is free", whole(1), std::string(kWholes) + whole_held(2, "stranger"), Promised},
      {"the whole device is held", whole(1), std::string(kWholes) + whole_held(1, "stranger"), Waiting},
  };
  EpochMs seconds = 0;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    book = {};
    ask("a", "p", {c.promised}, true);
    look(c.page, seconds += 10);
    EXPECT_EQ(of("a").state, c.becomes);
    if (c.becomes == Waiting) EXPECT_THAT(of("a").why, HasSubstr("ml/stranger"));
  }
}

TEST_F(Review, WhoHasAnEqualOnePromisedExchangesItWhateverTheirOrder) {
  ask("a", "p", {part(0)});
  ask("b", "q", {part(2)});
  look(instance(1, 0) + instance(2, 2) + held(1, "q"), 0);
  EXPECT_EQ(of("b").state, Bound);
  EXPECT_THAT(of("b").parts, ElementsAre(part(0)));
  EXPECT_EQ(of("a").state, Promised);
  EXPECT_THAT(of("a").parts, ElementsAre(part(2)));
}

/// The kubelet's list names no UID.
TEST_F(Review, APodsUidIsKeptWhereWhatIsSeenHasNone) {
  struct Case {
    const char* what;
    std::string asked, shown, seen, kept;
  };
  EpochMs seconds = 0;
  for (const Case& c : {Case{"by who asked", "u1", "", "", "u1"}, Case{"by the cluster", "", "u1", "", "u1"},
                        Case{"by the agent", "", "", "u1", "u1"}, Case{"by nobody", "", "", "", ""}}) {
    SCOPED_TRACE(c.what);
    book = {};
    cluster = {};
    ask("a", "p", {part(0)});
    name_uid("a", c.asked);
    if (!c.shown.empty()) show("p", c.shown, "w-1");
    look(instance(1, 0), seconds += 10);
    look(instance(1, 0) + held(1, "p", c.seen), seconds += 10);
    EXPECT_EQ(of("a").state, Bound);
    EXPECT_EQ(of("a").pod_uid, c.kept);
  }
}

TEST_F(Review, APodIsNotSeenWhereTheClusterSaysItIsNot) {
  struct Case {
    const char* what;
    std::string node;
    AllocationState becomes;
  };
  for (const Case& c :
       {Case{"it waits", "", Promised}, Case{"it is elsewhere", "w-2", Promised}, Case{"it is there", "w-1", Bound}}) {
    SCOPED_TRACE(c.what);
    book = {};
    ask("a", "p", {part(2, true)});
    name_uid("a", "u-new");
    show("p", "u-new", c.node);
    look(instance(1, 0) + held(1, "p", ""), 0);  // of its namesake, which has gone
    EXPECT_EQ(of("a").state, c.becomes);
    if (c.becomes == Promised) EXPECT_THAT(of("a").parts, ElementsAre(part(2, true)));
  }
}

TEST_F(Review, WhatOfSeveralDevicesIsNotSeenYetStaysPromised) {
  ask("a", "p", {whole(1), whole(2)});
  look(std::string(kWholes) + whole_held(1, "p"), 0);
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_THAT(of("a").parts, testing::UnorderedElementsAre(whole(1), whole(2)));
  look(std::string(kWholes) + whole_held(1, "p") + whole_held(2, "p"), 10);
  EXPECT_THAT(of("a").parts, testing::UnorderedElementsAre(whole(1), whole(2)));
  look(std::string(kWholes) + whole_held(2, "p"), 20);
  EXPECT_THAT(of("a").parts, testing::UnorderedElementsAre(whole(1), whole(2)));
}

TEST_F(Review, OfSeveralDevicesThoseThatAreSeenTakeThePlaceOfOthers) {
  ask("a", "p", {part(0), whole(1)});
  look(instance(1, 0) + std::string(kWholes) + whole_held(1, "p") + whole_held(2, "p"), 0);
  EXPECT_EQ(of("a").state, Bound);
  EXPECT_THAT(of("a").parts, testing::UnorderedElementsAre(whole(1), whole(2)));
}

/// Its driver does not answer the collection; what was told before is told still.
constexpr std::string_view kDown = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-1"} 0
gpu_device_info{gpu="0",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
)";
constexpr std::string_view kFatal = "DCGM_FI_DEV_XID_ERRORS{gpu=\"0\",UUID=\"GPU-1\"} 79\n";

struct Unwell : Review {
  Unwell() {
    ask("a", "p", {part(0, true)}, true);
    look(instance(1, 0), 0);
  }
  void down(EpochMs seconds) {
    told.scrape(kStart + seconds * 1000, R"(node="w-1",job="agent")", std::string(kDown) + instance(1, 0));
    look(seconds);
    ASSERT_EQ(health_of(*find_device(*view, "default", "w-1", "GPU-1")), Health::Unhealthy);
  }
};

TEST_F(Unwell, OneCollectionThatCameTooLateTakesNothingBack) {
  ASSERT_TRUE(of("a").ready_since);
  show("p", "u1");  // it waits for a node, so that no lease ends
  for (EpochMs at = 10; at <= 120; at += 10) down(at);
  EXPECT_EQ(of("a").state, Promised);
  look(instance(1, 0), 130);
  for (EpochMs at = 140; at <= 250; at += 10) down(at);
  EXPECT_EQ(of("a").state, Promised) << "it was well in between";
  down(260);
  EXPECT_EQ(of("a").state, Waiting);
  EXPECT_EQ(of("a").why, "device 0 of w-1 has been unhealthy for 2m: the driver does not answer for it");
}

TEST_F(Unwell, APodThatIsOnTheNodeKeepsItUnlessSomethingElseIsWrong) {
  show("p", "u1", "w-1");
  for (EpochMs at = 10; at <= 400; at += 10) down(at);
  EXPECT_EQ(of("a").state, Promised);
  for (EpochMs at = 410; at <= 520; at += 10) look(instance(1, 0) + std::string(kFatal), at);
  EXPECT_EQ(of("a").state, Promised) << "that is for less than two minutes";
  look(instance(1, 0) + std::string(kFatal), 530);
  EXPECT_EQ(of("a").state, Waiting);
  EXPECT_THAT(of("a").why, HasSubstr("unhealthy for 2m: the last Xid"));
}

TEST_F(Unwell, APodThatIsOnAnotherNodeDoesNotKeepIt) {
  show("p", "u1", "w-2");
  for (EpochMs at = 10; at <= 130; at += 10) down(at);
  EXPECT_EQ(of("a").state, Waiting);
}

TEST_F(Review, AWholeDeviceThatIsCutCannotBeKept) {
  ask("a", "p", {whole(0)}, true);  // its MIG mode is on
  look("", 0);
  EXPECT_EQ(of("a").state, Waiting);
  EXPECT_THAT(of("a").why, HasSubstr("MIG"));
}

}  // namespace
}  // namespace tessera::fleet
