// The experiments on a trace that is made here: the published ones are no part of this project.
#include "bench/placement/experiment.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "bench/placement/departures.h"
#include "bench/placement/mig_experiment.h"

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

}  // namespace
}  // namespace tessera::bench
