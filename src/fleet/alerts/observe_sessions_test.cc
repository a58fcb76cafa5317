#include "fleet/alerts/observe_test.h"

#include <cmath>

#include "fleet/cluster/cluster_state.h"

namespace tessera::fleet::alerts {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::Optional;

TEST(Observe, TellsOfPodsProcessesAndHoldings) {
  Seen seen;
  seen.look();
  ASSERT_EQ(seen.of(Signal::SessionAgeSeconds).size(), 1U) << "the operator's own process is none";
  for (const Observation& one : seen.round.observations) {
    if (one.signal == Signal::SessionAgeSeconds) EXPECT_THAT(one.value, Optional(7'200));
    if (one.signal == Signal::IdleWithMemory) EXPECT_THAT(one.value, Optional(1));
    if (one.signal == Signal::SessionAgeSeconds) {
      EXPECT_EQ(label_of(one.subject->labels, "pod"), "p");
      EXPECT_EQ(label_of(one.subject->labels, "pid"), "7");
      EXPECT_EQ(label_of(one.subject->labels, "device_id"), "w-GPU-00");
      EXPECT_TRUE(std::ranges::is_sorted(one.subject->labels));
    }
  }
  EXPECT_THAT(seen.of(Signal::HeldIdle), ElementsAre("c/GPU-b/1/ml/h/c 1"));
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), ElementsAre("c/GPU-a/ml/p/c/uses 1"));
}

ClusterNode offers_gpus(const std::string& name) {
  ClusterNode out;
  out.name = name;
  out.allocatable = {{"nvidia.com/gpu", 2}};
  return out;
}

ClusterPod asking(const std::string& name, const std::string& node) {
  ClusterPod out;
  out.space = "ml";
  out.name = name;
  out.node = node;
  out.requests = {{"nvidia.com/gpu", 1}};
  return out;
}

void complete(ClusterState& state) {
  for (const ClusterList list : {ClusterList::Nodes, ClusterList::Namespaces, ClusterList::Pods})
    state.complete(list, 0);
}

/// One node, and all is known of it.
ClusterState watched(const std::string& node) {
  ClusterState out("c", {});
  out.put(offers_gpus(node));
  complete(out);
  return out;
}

/// Of a node of which no allocation is told nobody knows whether there are none, but for what its cluster says.
TEST(Observe, TellsOfUseWhereNobodyHoldsAnythingByWhatTheClusterSays) {
  const std::string page(kPage);
  Seen seen(page.substr(0, page.find("gpu_allocation_info")));
  const auto look = [&](ClusterState& state) {
    seen.cluster = state.view();
    seen.look();
    return seen.of(Signal::UsedWithoutHolding);
  };
  seen.look();
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), IsEmpty());
  ClusterState state("c", {});
  ClusterNode node = offers_gpus("w");
  state.put(ClusterNode(node));
  EXPECT_THAT(look(state), IsEmpty()) << "its lists are not complete yet";
  complete(state);
  EXPECT_THAT(look(state), ElementsAre("c/GPU-a/ml/p/c/uses 1"));
  state.put(asking("q", "v"));
  EXPECT_THAT(look(state), ElementsAre("c/GPU-a/ml/p/c/uses 1")) << "on another node";
  state.put(asking("q", "w"));
  EXPECT_THAT(look(state), IsEmpty()) << "somebody may hold something, and nobody says what";
  state.drop_pod("ml/q");
  node.allocatable.clear();
  state.put(ClusterNode(node));
  EXPECT_THAT(look(state), IsEmpty()) << "what pods ask for there has another name";
}

TEST_F(Changing, AHolderIsNotGoneAsSoonAsTheKubeletIsAway) {
  const std::string page(kPage), without = page.substr(0, page.find("gpu_allocation_info"));
  for (int i = 0; i <= 121; ++i) round(page);
  const std::string held = "GPUAllocatedIdle c/GPU-b/1/ml/h/c", used = "GPUUsedNotAllocated c/GPU-a/ml/p/c/uses";
  ASSERT_THAT(firing(), IsSupersetOf({held, used}));
  for (int i = 0; i < 15; ++i) round(without);
  EXPECT_THAT(firing(), IsSupersetOf({held, used}));
  for (int i = 0; i < 15; ++i) round(without);
  EXPECT_THAT(firing(), Not(Contains(held))) << "for so long the kubelet is not away";
  EXPECT_THAT(firing(), Not(Contains(used)));
}

/// Its agent tells, of a process or of none.
const std::string kAgentTells = "tessera_agent_device_up{gpu=\"0\",UUID=\"GPU-0\",Hostname=\"w\"} 1\n";

/// A node of a watched cluster, of which no kubelet tells.
TEST_F(Changing, AUserIsGoneWithItsPodWhereNoKubeletEverTold) {
  const std::string process =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="7",command="py",namespace="ml",pod="a",container="c",status="active",type="C"} 1
)";
  ClusterState state = watched("w");
  seen.cluster = state.view();
  for (int i = 0; i <= 21; ++i) round(busy_gpu(0, 60, 350) + process);
  const std::string used = "GPUUsedNotAllocated c/GPU-0/ml/a/c/uses";
  ASSERT_THAT(firing(), Contains(used));
  state.put(asking("b", "w"));
  seen.cluster = state.view();
  round(busy_gpu(0, 60, 350) + process);
  EXPECT_THAT(firing(), Contains(used));
  for (int i = 0; i < 5; ++i) round(busy_gpu(0, 60, 350) + kAgentTells);
  EXPECT_THAT(firing(), Not(Contains(used)));
}

/// A process on GPU-a or, of GPU-b, on an instance.
struct Told {
  unsigned pid = 0;
  std::string_view command;
  std::string_view attribution = "host";
  std::string_view pod = R"(pod="unknown")";  ///< labels
  std::string_view instance{};
};

std::string process(const Told& told) {
  const bool cut = !told.instance.empty();
  const std::string of =
      fmt::format(R"(gpu="{}",UUID="GPU-{}",Hostname="w",pid="{}",command="{}",{}{})", cut ? 1 : 0, cut ? 'b' : 'a',
                  told.pid, told.command, told.pod, cut ? fmt::format(R"(,GPU_I_ID="{}")", told.instance) : "");
  std::string out = fmt::format(
      "gpu_process_info{{{0},attribution=\"{1}\",status=\"active\"}} 1\ngpu_process_start_time_seconds{{{0}}} {2}\n"
      "gpu_process_memory_used_bytes{{{0}}} 1000\n",
      of, told.attribution, (kStart - 2 * kHour) / 1000);
  return cut ? out : out + fmt::format("gpu_process_utilization{{{}}} 0\n", of);
}

bool is_python(std::string_view command) { return command == "python3"; }

/// The pids that are told of, of those whose pods are not.
std::vector<std::string> pids(const Seen& seen, Signal signal) {
  std::vector<std::string> out;
  for (const Observation& one : seen.round.observations)
    if (one.signal == signal && label_of(one.subject->labels, "pod").empty())
      out.push_back(fmt::format("{} {} {}", label_of(one.subject->labels, "pid"),
                                label_of(one.subject->labels, "command"), one.value.value_or(-1)));
  std::ranges::sort(out);
  return out;
}

TEST(Observe, TellsOfProcessesOutsideOfPodsThatAreJobsAndOfNoOthers) {
  Seen seen(process({11, "python3"}) + process({12, "nvidia-cuda-mps"}) + process({13, "nv-hostengine"}) +
            process({14, ""}) + process({15, "python3", "no_access"}) + process({16, "python3", "gone"}) +
            process({17, "python3", "unnamed", R"(pod="",pod_uid="u")"}) + process({18, "python3", ""}));
  seen.look();
  EXPECT_THAT(pids(seen, Signal::SessionAgeSeconds), ElementsAre("17  7200")) << "the pod's, unless some are named";
  seen.is_host_job = is_python;
  seen.look();
  EXPECT_THAT(pids(seen, Signal::SessionAgeSeconds), ElementsAre("11 python3 7200", "17  7200", "18 python3 7200"))
      << "of whom nobody knows whether it is a pod's is none";
  EXPECT_THAT(pids(seen, Signal::IdleWithMemory), ElementsAre("11 python3 1", "17  1", "18 python3 1"));
  for (const Observation& one : seen.round.observations)
    if (one.signal == Signal::SessionAgeSeconds && label_of(one.subject->labels, "pid") == "11") {
      EXPECT_EQ(label_of(one.subject->labels, "node"), "w");
      EXPECT_EQ(label_of(one.subject->labels, "gpu"), "0");
      EXPECT_TRUE(std::ranges::is_sorted(one.subject->labels));
    }
}

TEST(Observe, JudgesAJobOutsideOfPodsByItsInstanceWhereItIsAloneThere) {
  const std::string idle = R"(DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="1"} 0
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-b",Hostname="w",GPU_I_ID="2"} 0.8
)";
  Seen seen(idle + process({.pid = 21, .command = "python3", .instance = "1"}) +
            process({.pid = 22, .command = "python3", .instance = "2"}));
  seen.is_host_job = is_python;
  seen.look();
  EXPECT_THAT(pids(seen, Signal::IdleWithMemory), ElementsAre("21 python3 1", "22 python3 0"));
  for (const Observation& one : seen.round.observations)
    if (one.signal == Signal::IdleWithMemory && label_of(one.subject->labels, "pid") == "21")
      EXPECT_EQ(label_of(one.subject->labels, "gpu_instance"), "1");
  seen.tell(kStart + kSecond, idle + process({.pid = 21, .command = "python3", .instance = "1"}) +
                                  process({.pid = 23, .command = "nv-hostengine", .instance = "1"}));
  seen.look(kStart + kSecond);
  EXPECT_THAT(pids(seen, Signal::IdleWithMemory), IsEmpty()) << "whose activity it is nobody knows";
}

TEST(Observe, TakesNoJobForStuckWhereAnEngineServesOutsideOfPods) {
  Seen seen(process({11, "python3"}));
  seen.is_host_job = is_python;
  seen.told.scrape(kStart, R"(cluster="c",node="w",job="v",instance="w:8000")",
                   "vllm:num_requests_running{model_name=\"m\"} 0\nvllm:num_requests_waiting{model_name=\"m\"} 0\n");
  seen.look();
  EXPECT_THAT(pids(seen, Signal::IdleWithMemory), IsEmpty()) << "it may be the engine's";
  EXPECT_THAT(pids(seen, Signal::SessionAgeSeconds), ElementsAre("11 python3 7200"));
}

/// A pod of a group that serves, which asks for GPUs.
ClusterPod grouped(const std::string& name, const std::string& group) {
  ClusterPod out = asking(name, "w");
  out.labels = {{"leaderworkerset.sigs.k8s.io/group-key", group}};
  return out;
}

/// Of kPage pod p has a process that does nothing.
TEST(Observe, TakesNoWorkerForStuckWhoseLeaderAnswersForIt) {
  ClusterState state = watched("w");
  state.put(grouped("lead", "g"));
  state.put(grouped("p", "g"));
  Seen seen;
  const auto stuck = [&] {
    seen.cluster = state.view();
    seen.look();
    return seen.of(Signal::IdleWithMemory).size();
  };
  EXPECT_EQ(stuck(), 1U) << "nobody says that they serve";
  seen.told.scrape(kStart, R"(cluster="c",node="v",namespace="ml",pod="lead",job="v")",
                   "vllm:num_requests_running{model_name=\"m\"} 0\n");
  EXPECT_EQ(stuck(), 0U);
  EXPECT_EQ(seen.of(Signal::SessionAgeSeconds).size(), 1U) << "it is not that it is not seen";
  state.put(grouped("p", "h"));
  EXPECT_EQ(stuck(), 1U) << "of another group";
}

TEST(Observe, TakesNoEngineForStuckWhoseMetricsNobodyTells) {
  const auto stuck = [](std::string_view command, ClusterState& state) {
    std::string page(kPage);
    for (auto at = page.find("\"py\""); at != page.npos; at = page.find("\"py\""))
      page.replace(at, 4, fmt::format("\"{}\"", command));
    Seen seen(page);
    seen.cluster = state.view();
    seen.look();
    return seen.of(Signal::IdleWithMemory).size();
  };
  ClusterState state = watched("w");
  EXPECT_EQ(stuck("python3", state), 1U);
  EXPECT_EQ(stuck("VLLM::EngineCor", state), 0U) << "by its title";
  EXPECT_EQ(stuck("sglang::schedul", state), 0U);
  ClusterPod spread = grouped("lead", "g");
  spread.engine_arguments.tensor = 8;
  state.put(std::move(spread));
  state.put(grouped("p", "g"));
  EXPECT_EQ(stuck("python3", state), 0U) << "its leader, by its command line";
}

/// What is told of the leader's process speaks for who serves with it.
TEST(Observe, TakesNoWorkerForStuckOfALeaderThatIsKnownByItsTitle) {
  ClusterState state = watched("w");
  state.put(grouped("lead", "g"));
  state.put(grouped("p", "g"));
  Seen seen(std::string(kPage) + process({31, "VLLM::EngineCor", "pod", R"(namespace="ml",pod="lead",container="c")"}) +
            process({32, "python3", "unnamed", R"(pod="",pod_uid="u")"}) +
            process({33, "VLLM::EngineCor", "unnamed", R"(pod="",pod_uid="v")"}) + process({34, "sglang::schedul"}));
  seen.cluster = state.view();
  seen.is_host_job = [](std::string_view) { return true; };
  seen.look();
  EXPECT_THAT(pids(seen, Signal::IdleWithMemory), ElementsAre("32  1"));
  EXPECT_EQ(seen.of(Signal::IdleWithMemory).size(), 1U);
}

TEST_F(Changing, AJobOutsideOfPodsFiresAndIsOverWithItsProcess) {
  seen.is_host_job = is_python;
  const std::string platform = process({12, "nvidia-cuda-mps"}) + process({13, "nv-hostengine"});
  const std::string page = busy_gpu(0, 60, 350) + platform;
  for (int i = 0; i <= 240; ++i) round(page + process({11, "python3"}));
  const auto of_processes = [&] {
    std::vector<std::string> out;
    for (const Track& one : evaluator.tracks())
      if (one.phase == Phase::Firing && evaluator.rule(one.rule)->kind == Kind::Session)
        out.push_back(one.rule + ": " +
                      fill(evaluator.rule(one.rule)->summary, one.subject->labels, std::floor(one.value)));
    return out;
  };
  EXPECT_THAT(of_processes(),
              ElementsAre("StuckGPUProcess: Process 11 of no pod (python3) holds memory of GPU 0 of w and has done "
                          "nothing for two hours.",
                          "LongRunningGPUProcess: Process 11 of no pod (python3) runs on GPU 0 of w for 14430 s."));
  for (int i = 0; i < 5; ++i) round(page);
  EXPECT_THAT(of_processes(), IsEmpty());
}

/// A process of a pod, and that its agent says that the pod does not hold what it runs on.
constexpr std::string_view kStray = R"(gpu="0",UUID="GPU-0",Hostname="w",namespace="ml",pod="a")";
std::string stray_process(unsigned pid = 7) {
  return fmt::format("gpu_process_info{{{},container=\"c\",pid=\"{}\",command=\"py\",status=\"active\"}} 1\n", kStray,
                     pid);
}
std::string stray_told(std::string_view value = "1") {
  return fmt::format("gpu_unallocated_processes{{{}}} {}\n", kStray, value);
}
constexpr std::string_view kStrayUses = "GPUUsedNotAllocated c/GPU-0/ml/a/c/uses";

/// Of a cluster that is not watched, on a node on which nobody holds anything.
TEST_F(Changing, TellsOfUseWhereNobodyHoldsAnythingByTheAgentsWord) {
  for (int i = 0; i <= 19; ++i) round(busy_gpu(0, 60, 350) + stray_process() + stray_told());
  EXPECT_THAT(firing(), Not(Contains(kStrayUses))) << "not for so long yet";
  for (int i = 0; i < 2; ++i) round(busy_gpu(0, 60, 350) + stray_process() + stray_told());
  EXPECT_THAT(firing(), Contains(kStrayUses));
  for (int i = 0; i < 15; ++i) round(busy_gpu(0, 60, 350) + stray_process());
  EXPECT_THAT(firing(), Contains(kStrayUses)) << "the kubelet may be away";
  for (int i = 0; i < 4; ++i) round(busy_gpu(0, 60, 350) + kAgentTells);
  EXPECT_THAT(firing(), Not(Contains(kStrayUses))) << "with its process it is over, and nobody waits for the kubelet";
}

TEST_F(Changing, AUseThatItsAgentNoLongerTellsIsOverBehindAWhile) {
  for (int i = 0; i <= 21; ++i) round(busy_gpu(0, 60, 350) + stray_process() + stray_told());
  ASSERT_THAT(firing(), Contains(kStrayUses));
  for (int i = 0; i < 25; ++i) round(busy_gpu(0, 60, 350) + stray_process());
  EXPECT_THAT(firing(), Not(Contains(kStrayUses)));
  for (int i = 0; i < 40; ++i) round(busy_gpu(0, 60, 350) + stray_process() + stray_told("0"));
  EXPECT_THAT(firing(), Not(Contains(kStrayUses))) << "of none of its processes";
}

/// The kubelet's own word on who holds what stands before it.
TEST_F(Changing, AUseIsOverOnceThePodHoldsIt) {
  for (int i = 0; i <= 21; ++i) round(busy_gpu(0, 60, 350) + stray_process() + stray_told());
  ASSERT_THAT(firing(), Contains(kStrayUses));
  const std::string held = fmt::format(
      "gpu_allocation_info{{{},container=\"c\",resource=\"nvidia.com/gpu\",share=\"exclusive\"}} 1\n", kStray);
  for (int i = 0; i < 5; ++i) round(busy_gpu(0, 60, 350) + stray_process() + held);
  EXPECT_THAT(firing(), Not(Contains(kStrayUses)));
}

/// A device that dcgm-exporter tells of, with an agent beside it.
struct BesideDcgm : Changing {
  static std::string idle_process(unsigned pid) {
    return fmt::format(R"(gpu_process_info{{{0},container="c",pid="{1}",command="py",status="active"}} 1
gpu_process_start_time_seconds{{{0},container="c",pid="{1}",command="py"}} {2}
gpu_process_memory_used_bytes{{{0},container="c",pid="{1}",command="py"}} 1000
gpu_process_utilization{{{0},container="c",pid="{1}",command="py"}} 0
)",
                       kStray, pid, kStart / 1000);
  }
  void fire() {
    for (int i = 0; i <= 370; ++i) tell(kAgentTells + idle_process(7) + idle_process(8) + stray_told("2"));
    ASSERT_EQ(told_of().size(), 5U) << "of each process two, and of the pod one";
  }
  void tell(const std::string& agent) {
    at += 30 * kSecond;
    seen.told.scrape(at, R"(job="dcgm-exporter",cluster="c",node="w")", busy_gpu(0, 60, 350));
    if (agent.empty() && pushes)
      seen.told.fleet.arrived(at);  // nothing ends the series of one that is not scraped
    else
      seen.told.scrape(at, R"(job="tessera-agent",cluster="c",node="w")", agent);
    seen.look(at);
    for (const Change& one : evaluator.take(seen.round))
      if (one.track.phase == Phase::Resolved) ++resolved;
  }
  std::vector<std::string> told_of() const {
    std::vector<std::string> out;
    for (const std::string& one : firing())
      if (one.starts_with("StuckGPU") || one.starts_with("LongRunning") || one.starts_with("GPUUsed"))
        out.push_back(one);
    return out;
  }
  bool pushes = false;
  int resolved = 0;
};

TEST_F(BesideDcgm, ProcessesOfAnAgentThatFallsSilentAreNotOver) {
  for (const bool by_push : {false, true}) {
    SCOPED_TRACE(by_push ? "it sends" : "it is scraped");
    pushes = by_push;
    fire();
    resolved = 0;
    for (int i = 0; i < 18; ++i) tell("");
    EXPECT_THAT(told_of(), testing::SizeIs(5));
    EXPECT_EQ(seen.told.fleet.publish(at)->nodes[0]->devices[0].up, std::nullopt) << "its last word is old";
    tell(kAgentTells + idle_process(7) + idle_process(8) + stray_told("2"));
    EXPECT_THAT(told_of(), testing::SizeIs(5));
    EXPECT_EQ(resolved, 0);
    for (int i = 0; i < 30; ++i) tell("");
    EXPECT_THAT(told_of(), IsEmpty()) << "for so long no agent is away";
  }
}

TEST_F(BesideDcgm, AProcessThatEndsWhileItsAgentTellsIsOver) {
  fire();
  for (int i = 0; i < 5; ++i) tell(kAgentTells + idle_process(8) + stray_told());
  EXPECT_THAT(told_of(), testing::SizeIs(3));
  for (int i = 0; i < 5; ++i) tell(kAgentTells);
  EXPECT_THAT(told_of(), IsEmpty());
}

TEST_F(BesideDcgm, ShareOfBusyDevicesIsUnknownWhileNoAgentTells) {
  fire();
  ASSERT_THAT(firing(), Contains("HighGPUUsage c"));
  for (int i = 0; i < 18; ++i) tell("");
  EXPECT_THAT(firing(), Contains("HighGPUUsage c"));
  for (int i = 0; i < 15; ++i) tell("");
  EXPECT_THAT(firing(), Not(Contains("HighGPUUsage c")));
}

TEST_F(BesideDcgm, ADeviceThatDoesNotAnswerIsStillOneWhileItsAgentIsAway) {
  std::string lost = kAgentTells;
  lost.replace(lost.find(" 1"), 2, " 0");
  for (int i = 0; i <= 12; ++i) tell(lost);
  ASSERT_THAT(firing(), Contains("GPUNotAnswering c/GPU-0"));
  for (int i = 0; i < 15; ++i) tell("");
  EXPECT_THAT(firing(), Contains("GPUNotAnswering c/GPU-0"));
  for (int i = 0; i < 2; ++i) tell(kAgentTells);
  EXPECT_THAT(firing(), Not(Contains("GPUNotAnswering c/GPU-0")));
}

TEST_F(BesideDcgm, ThePlatformsOwnPodsAreAccusedOfNothing) {
  seen.is_platform = [](std::string_view space) { return space == "ml"; };
  for (int i = 0; i <= 370; ++i) tell(kAgentTells + idle_process(7) + stray_told());
  EXPECT_THAT(told_of(), IsEmpty());
  seen.is_platform = [](std::string_view space) { return space == "gpu-operator"; };
  fire();
}

TEST(Observe, AccusesNobodyOfUseWhereNoKubeletTells) {
  const std::string host =
      "gpu_process_info{gpu=\"0\",UUID=\"GPU-0\",Hostname=\"w\",pid=\"9\",command=\"py\",pod=\"unknown\",attribution="
      "\"host\","
      "status=\"active\"} 1\n";
  Seen seen(busy_gpu(0, 60, 350) + host);
  seen.look();
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), IsEmpty()) << "a node without Kubernetes";
  seen.tell(kStart + kSecond, busy_gpu(0, 60, 350) + stray_process());
  seen.look(kStart + kSecond);
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), IsEmpty()) << "a pod's, and the agent does not reach the kubelet";
  const std::string elsewhere = R"(gpu_unallocated_processes{gpu="1",UUID="GPU-1",Hostname="w",namespace="ml",pod="a"} 1
gpu_unallocated_processes{gpu="0",UUID="GPU-0",Hostname="w",namespace="ml",pod="b"} 1
gpu_unallocated_processes{gpu="0",UUID="GPU-0",Hostname="w",GPU_I_ID="3",namespace="ml",pod="a"} 1
)";
  seen.tell(kStart + 2 * kSecond, busy_gpu(0, 60, 350) + busy_gpu(1, 60, 350) + stray_process() + elsewhere);
  seen.look(kStart + 2 * kSecond);
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), IsEmpty()) << "of another device, pod and instance";
  seen.tell(kStart + 3 * kSecond, busy_gpu(0, 60, 350) + stray_process() + stray_process(8) + stray_told("2"));
  seen.look(kStart + 3 * kSecond);
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), ElementsAre("c/GPU-0/ml/a/c/uses 1"));
}

}  // namespace
}  // namespace tessera::fleet::alerts
