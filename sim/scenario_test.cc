#include "sim/scenario.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "sim/fixture.h"
#include "sim/state.h"

namespace tessera::sim {
namespace {

TEST(Scenario, ShippedOnesParse) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_SIM_SOURCE "/scenarios")) {
    const auto scenario = load_scenario(entry.path().string());
    EXPECT_TRUE(scenario) << (scenario ? "" : scenario.error().what);
    ++count;
  }
  EXPECT_GE(count, 7U);
  const auto built_in = parse_scenario(default_scenario_text(), "built-in");
  ASSERT_TRUE(built_in);
  EXPECT_EQ(*built_in, *load_scenario(shipped_scenario("default")));
}

TEST(Scenario, TheBenchmarkHasItsNumbers) {
  const auto scenario = load_scenario(shipped_scenario("bench"));
  ASSERT_TRUE(scenario);
  const NodeSpec& node = scenario->nodes[0];
  std::size_t instances = 0, processes = 0;
  for (const GpuSpec& gpu : node.gpus) {
    instances += gpu.layout.size();
    processes += gpu.processes.size();
  }
  EXPECT_EQ(node.gpus.size(), 8U);
  EXPECT_EQ(instances, 56U);
  EXPECT_EQ(processes, 200U);
  EXPECT_EQ(node.pods.size(), 56U);
}

TEST(Scenario, ErrorsNameLineAndWhatWasExpected) {
  static constexpr struct {
    const char* text;
    const char* error;
  } kCases[] = {
      {"", "s.yaml:1: file: a map with seed, nodes expected, found nothing"},
      {"nodes: []", "s.yaml:1: nodes: at least one node expected, found a list"},
      {"nodes: [", "s.yaml:1: YAML expected: "},
      {"nods: []", "s.yaml:1: file: unknown key 'nods'; expected one of seed, nodes"},
      {"seed: -1\nnodes: []", "s.yaml:1: seed: a whole number from 0 to 18446744073709551615 expected, found '-1'"},
      {"nodes:\n  - gpus:\n      - model: h1000", "s.yaml:3: nodes[0].gpus[0].model: one of gtx_1080, "},
      {"nodes:\n  - gpus:\n      - load: 5", "s.yaml:3: nodes[0].gpus[0]: key 'model' expected, it is missing"},
      {"nodes:\n  - gpus:\n      - model: l4\n        load: 101",
       "s.yaml:4: nodes[0].gpus[0].load: a number from 0 to 100 expected, found '101'"},
      {"nodes: [{gpus: [{model: l4, mig: {}}]}]", "mig: no MIG (l4 is not capable of it) expected, found a map"},
      {"nodes:\n  - gpus:\n      - model: h100_sxm\n        mig:\n          layout:\n            - {profile: 3g.40gb, "
       "start: 2}",
       "s.yaml:6: nodes[0].gpus[0].mig.layout[0].start: a legal, free start for 3g.40gb (it may lie at 0, 4) expected, "
       "found '2'"},
      {"nodes: [{gpus: [{model: h100_sxm, mig: {layout: [{profile: 7g.80gb}, {profile: 1g.10gb}]}}]}]",
       "layout[1].profile: a profile that still has room on this GPU expected, found '1g.10gb'"},
      {"nodes: [{gpus: [{model: h100_sxm, mig: {layout: [{profile: 1g.5gb}]}}]}]",
       "profile: one of 1g.10gb, 1g.10gb+me, "},
      {"nodes: [{gpus: [{model: h100_sxm, mig: {layout: [{profile: 2g.20gb, compute: [2c, 1c]}]}}]}]",
       "compute[1]: compute instances within 2 slices expected, found '1c'"},
      {"nodes: [{gpus: [{model: l4, processes: [{command: x}]}]}]",
       "either pid: NUMBER or spawn: true in a process expected"},
      {"nodes: [{gpus: [{model: l4, processes: [{pid: 0}]}]}]",
       "pid: a whole number from 1 to 4194304 expected, found '0'"},
      {"nodes: [{gpus: [{model: l4, processes: [{pid: 1, instance: 0}]}]}]",
       "instance: no instance (this GPU has no MIG layout) expected"},
      {"nodes: [{gpus: [{model: l4, processes: [{pid: 1, start: 5s, end: 5s}]}]}]",
       "end: an end after the start expected, found '5s'"},
      {"nodes: [{gpus: [{model: l4, processes: [{pid: 1, memory: 3 apples}]}]}]",
       "memory: a size such as 12GiB or 512MiB expected"},
      {"nodes: [{gpus: [{model: l4, processes: [{pid: 1, pod: a/b}]}]}]",
       "a pod 'a/b' in pods, as process 'gpu0-process0' names it, expected"},
      {"nodes: [{gpus: [{model: l4, load: {wave: {mean: 90, amplitude: 20}}}]}]",
       "amplitude: a number from 0 to 10 expected, found '20'"},
      {"nodes: [{gpus: [{model: l4, load: {}}]}]", "load: one of constant, wave, walk, replay expected, found a map"},
      {"nodes: [{gpus: [{model: l4}], pods: [{name: a, containers: [{devices: [{gpu: 1}]}]}]}]",
       "gpu: a whole number from 0 to 0 expected, found '1'"},
      {"nodes: [{name: a}, {name: a}]", "nodes[1]: a node name other than 'a', which is taken, expected"},
      {"nodes: [{driver: {quirks: [flying]}}]",
       "quirks[0]: one of stride32, memory_temperature_double, pcie_wrap32, legacy_mig_uuid expected"},
  };
  for (const auto& c : kCases) {
    const auto scenario = parse_scenario(c.text, "s.yaml");
    ASSERT_FALSE(scenario) << c.text;
    EXPECT_NE(scenario.error().what.find(c.error), std::string::npos) << c.text << "\n  gave " << scenario.error().what;
  }
}

TEST(Scenario, FillsInWhatIsLeftOut) {
  const auto scenario = parse_scenario(
      "nodes: [{gpus: [{model: h100_sxm, mig: {layout: [{profile: 3g.40gb}, {profile: 3g.40gb}]},"
      " processes: [{pid: 5, copies: 3, instance: 1, pod: job}]}],"
      " pods: [{name: job, containers: [{name: a, devices: [{gpu: 0, instance: 1}]}]}]}]",
      "s");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const NodeSpec& node = scenario->nodes[0];
  EXPECT_EQ(node.name, "node-00");
  EXPECT_EQ(node.gpus[0].layout[0].start, 4U);  // where the driver puts the first 3g
  EXPECT_EQ(node.gpus[0].layout[1].start, 0U);
  ASSERT_EQ(node.gpus[0].processes.size(), 3U);
  EXPECT_EQ(node.gpus[0].processes[2].pid, 7U);
  EXPECT_EQ(node.gpus[0].processes[2].pod, "default/job");
  EXPECT_EQ(node.gpus[0].processes[2].container, "a");
  EXPECT_EQ(node.pods[0].containers[0].devices[0].resource, "nvidia.com/mig-3g.40gb");
  EXPECT_EQ(node.pods[0].containers[0].id.size(), 64U);
}

TEST(State, ReadsBackWhatItWrote) {
  const auto scenario = load_scenario(shipped_scenario("mig_weighted"));
  ASSERT_TRUE(scenario);
  State state = initial_state(*scenario, scenario->nodes[0], 1'700'000'000'000'000);
  state.unprivileged = true;
  state.gpus[1].faults.temperature = 71.5;
  state.gpus[1].faults.hang_until = 5;
  state.gpus[1].load_base = 0.1;
  state.gpus[2].instances[0].origin.reset();
  state.add_event({.type = 8, .data = 79, .gpu = 1, .gi = 2});
  state.forced.push_back({"nvmlDeviceGetName", -1, 13});
  state.spawned.push_back({"web-a", 77, 123, 0});
  const auto again = read_state(write_state(state));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(*again, state);

  std::string cut = write_state(state);
  cut.resize(cut.size() - 5);
  EXPECT_FALSE(read_state(cut));
  EXPECT_FALSE(read_state(""));
  EXPECT_FALSE(read_state("tessera-sim-state 1\nfaults 1\nend\n"));
}

}  // namespace
}  // namespace tessera::sim
