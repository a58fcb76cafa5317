// The experiments on a trace that is made here: the published ones are no part of this project.
#include "bench/placement/experiment.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "base/files.h"
#include "bench/placement/departures.h"
#include "bench/placement/mig_experiment.h"
#include "fleet/decision/decide.h"
#include "fleet/placement/engine.h"

namespace tessera::bench {
namespace {
using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kNodes =
    "sn,cpu_milli,memory_mib,gpu,model\n"
    "a,64000,262144,4,T4\n"
    "b,64000,262144,4,V100\n";

std::string pods() {
  std::string out = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\n";
  for (int i = 0; i < 60; ++i) {
    const int milli = i % 3 == 0 ? 1000 : 100 + 37 * i % 800;
    out += fmt::format("pod-{},1000,1024,1,{},{},{},{}\n", i, milli, i % 5 == 0 ? "T4" : "", 10 * i,
                       10 * i + 50 + 17 * i % 400);
  }
  return out + "cpu,1000,1024,0,0,,5,6\npending,1000,1024,1,1000,,7,\n";
}

/// Allocated, by percent arrived: those that a pod made.
std::map<std::size_t, double> points(const Outcome& outcome) {
  std::map<std::size_t, double> out;
  for (std::size_t percent = 0; percent < outcome.allocated.size(); ++percent)
    if (!std::isnan(outcome.allocated[percent])) out[percent] = outcome.allocated[percent];
  return out;
}

TEST(PlacementExperiment, HandsOutNoMoreThanArrivedAndNoMoreThanThereIs) {
  const auto trace = read_trace(kNodes, pods());
  ASSERT_TRUE(trace) << trace.error().what;
  EXPECT_EQ(trace->capacity_milli, 8'000);
  for (const char* policy : {"random", "bestfit", "fgd", "default"}) {
    const auto outcome = run(*trace, {.policy = policy, .seed = 1});
    ASSERT_TRUE(outcome) << outcome.error().what;
    const auto curve = points(*outcome);
    EXPECT_EQ(curve, points(*run(*trace, {.policy = policy, .seed = 1}))) << policy;
    for (const auto& [percent, allocated] : curve) {
      EXPECT_LE(allocated, static_cast<double>(percent) + 0.5) << policy;
      EXPECT_LE(allocated, 100) << policy;
    }
    EXPECT_GT(curve.rbegin()->first, 130U - 13) << "130 percent arrive, but for less than one pod";
  }
}

TEST(PlacementDepartures, WaitsGrowWithTheLoadAndWhatIsInUseIsWhatIsAskedFor) {
  const auto trace = read_trace(kNodes, pods());
  ASSERT_TRUE(trace) << trace.error().what;
  for (const char* policy : {"bestfit", "default"}) {
    const auto at = [&](double load) {
      const auto out = run_with_departures(*trace, {.policy = policy, .seed = 1, .load = load, .arrivals = 1'000});
      EXPECT_TRUE(out) << out.error().what;
      return out ? *out : DeparturesOutcome();
    };
    const auto low = at(0.3), high = at(0.7), over = at(1.5);
    EXPECT_EQ(low.all.arrived, 800U);
    EXPECT_EQ(low.all.seconds.size(), low.all.arrived);
    EXPECT_GE(low.all.at_once, high.all.at_once) << policy;
    EXPECT_GT(high.all.at_once, over.all.at_once) << policy;
    EXPECT_NEAR(low.allocated, 0.3, 0.05) << "who is served is served in full: " << policy;
    EXPECT_GT(over.allocated, high.allocated) << policy;
    EXPECT_LE(over.allocated, 1) << policy;
    EXPECT_GT(over.unserved, 0U) << "more is asked for than there is: " << policy;
    EXPECT_EQ(over.all.seconds, at(1.5).all.seconds) << policy;
  }
  const auto none = read_trace(kNodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,1,1,1000\n");
  EXPECT_THAT(run_with_departures(*none, {.policy = "bestfit"}).error().what, HasSubstr("deletion_time"));
}

TEST(PlacementExperiment, SaysWhereATraceIsWrong) {
  EXPECT_THAT(read_trace("sn,cpu_milli\n", pods()).error().what, HasSubstr("GPU"));
  EXPECT_THAT(read_trace(kNodes, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,1,1,x\n").error().what,
              AllOf(HasSubstr("line 2"), HasSubstr("gpu_milli")));
  EXPECT_THAT(read_pods("name\n").error().what, HasSubstr("none"));
}

TEST(MigExperiment, AddsUp) {
  const auto read = read_pods(pods());
  ASSERT_TRUE(read) << read.error().what;
  for (const Mapping mapping : {Mapping::Compute, Mapping::Memory})
    for (const char* policy : {"firstfit", "bestfit", "fragmentation", "default"}) {
      const MigSetting tight{.policy = policy, .seed = 3, .mapping = mapping, .devices = 2};
      const auto outcome = run(*read, tight);
      ASSERT_TRUE(outcome) << outcome.error().what;
      EXPECT_EQ(outcome->arrived, 60U) << "the one that never left and the one without GPU are none";
      EXPECT_GT(outcome->accepted, 0U);
      EXPECT_LT(outcome->accepted, outcome->arrived);
      EXPECT_LE(outcome->active_devices, 2);
      EXPECT_EQ(outcome->moves, 0U);
      EXPECT_EQ(outcome->accepted, run(*read, tight)->accepted) << "the same again";
      MigSetting steady = tight;
      steady.load = 3;
      EXPECT_EQ(run(*read, steady)->arrived, 60U);
      EXPECT_NE(run(*read, steady)->active_devices, outcome->active_devices);
      MigSetting ample = tight;
      ample.devices = 60;
      EXPECT_EQ(run(*read, ample)->accepted, 60U);
      MigSetting moving = tight;
      moving.migrations = 0.2;
      const auto moved = run(*read, moving);
      EXPECT_LE(static_cast<double>(moved->moves), 0.2 * static_cast<double>(moved->accepted));
    }
}

/// The trace's nodes as a cluster tells of them, to the engine that the service decides by.
fleet::decision::Supply supply_of(const Trace& trace) {
  fleet::decision::Supply out;
  for (std::size_t number = 0; number < trace.nodes.size(); ++number) {
    const fleet::placement::Room& room = trace.nodes[number];
    const std::string name = fmt::format("n-{:04}", number);
    out.nodes[{"c", name}] = {room.cpu_milli, room.memory_mib, room.cpu_milli, room.memory_mib};
    for (unsigned i = 0; i < room.devices; ++i) {
      fleet::decision::Candidate one;
      one.cluster = "c";
      one.node = name;
      one.id = one.uuid = fmt::format("{}-{}", name, i);
      one.model = fmt::format("M{}", room.model[i]);
      out.candidates.push_back(std::move(one));
    }
  }
  return out;
}

fleet::decision::Need need_of(const fleet::placement::Request& request) {
  fleet::decision::Need out{.devices = request.devices, .mig = fleet::decision::MigUse::Never};
  out.cpu_milli = request.cpu_milli;
  out.node_memory_mib = request.memory_mib;
  for (unsigned model = 0; model < 64 && request.models != fleet::placement::kAnyModel; ++model)
    if ((request.models >> model & 1U) != 0) out.models.push_back(fmt::format("M{}", model));
  return out;
}

// Those of the trace's pods that ask for whole devices, on its nodes in the order of its list.
TEST(PlacementService, DecidesOnThePublishedTraceAsTheExperimentDoes) {
  const char* folder = std::getenv("TESSERA_OPENB");
  if (!folder) GTEST_SKIP() << "TESSERA_OPENB does not name a folder with the trace (see docs/placement.md)";
  const auto nodes = read_file(fmt::format("{}/openb_node_list_gpu_node.csv", folder));
  const auto pods = read_file(fmt::format("{}/openb_pod_list_gpuspec25.csv", folder));
  ASSERT_TRUE(nodes && pods);
  auto trace = read_trace(*nodes, *pods);
  ASSERT_TRUE(trace) << trace.error().what;
  std::erase_if(trace->pods, [](const Pod& pod) { return pod.request.devices == 0 || pod.request.shares(); });
  std::vector<fleet::placement::Room> rooms = trace->nodes;
  fleet::placement::number_shapes(rooms);
  std::vector<fleet::decision::Need> needs;
  for (const Pod& pod : trace->pods) needs.push_back(need_of(pod.request));
  for (const std::string_view name : {"packing", "bestfit", "fgd", "spread", "default"}) {
    const auto policy = *fleet::decision::make_policy(name, fleet::decision::mix_of(needs));
    fleet::placement::Engine engine(
        rooms, *fleet::placement::make_policy(policy->node_policy(), {mix_of(*trace), rooms, 0, true}));
    fleet::decision::Stock stock(supply_of(*trace));
    std::size_t placed = 0;
    for (const std::size_t pod : arrivals(*trace, 42, 1.1)) {
      const auto& request = trace->pods[pod].request;
      const auto place = engine.decide(request);
      if (!place) continue;
      const auto verdict = fleet::decision::decide(stock, needs[pod], *policy);
      const auto* decision = std::get_if<fleet::decision::Decision>(&verdict);
      ASSERT_TRUE(decision) << name << ", after " << placed;
      ASSERT_EQ(decision->grants.front().node, fmt::format("n-{:04}", place->node)) << name << ", after " << placed;
      ASSERT_EQ(decision->grants.size(), request.devices);
      ++placed;
      engine.take(request, *place);
      for (const auto& grant : decision->grants)
        stock.set(grant.candidate, fleet::decision::with(stock.supply().candidates[grant.candidate], grant, "ml/x"));
      const auto& left = engine.rooms()[place->node];
      const auto& whole = rooms[place->node];
      stock.set_beside("c", decision->grants.front().node,
                       fleet::decision::Beside{whole.cpu_milli, whole.memory_mib, left.cpu_milli, left.memory_mib});
    }
    EXPECT_GT(placed, 1'000U) << name;
    RecordProperty(std::string(name), static_cast<int>(placed));
  }
}

}  // namespace
}  // namespace tessera::bench
