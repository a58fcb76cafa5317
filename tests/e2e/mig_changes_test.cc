// GPU instances that are created and destroyed under a running agent.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {

std::set<std::string> instances(const std::string& page) {
  std::set<std::string> out;
  for (const auto& line : series(page, "gpu_instance_info")) out.insert(label_of(line, "gpu"));
  return out;
}

Finished change_layout(const Node& node, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {program("tessera-sim"), "mig"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run(words, node.environment());
}

TEST(MigChange, ShowsInTheNextCollectionAndVanishesInTheNext) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  const auto before = instances(page_where(agent, [](const std::string& p) { return instances(p).size() == 2; }));

  node.sim({"mig", "create", "--gpu", "2", "--profile", "2g.20gb", "--start", "2"});
  const std::string with = next_page(agent, {"2"});
  expect_valid_text(with);
  const auto now = instances(with);
  ASSERT_EQ(now.size(), 3U);
  std::string added;
  for (const auto& gpu : now)
    if (!before.contains(gpu)) added = gpu;
  const std::string label = "gpu=\"" + added + "\"";
  const auto info = series(with, "gpu_instance_info", {label});
  ASSERT_EQ(info.size(), 1U);
  EXPECT_EQ(label_of(info[0], "GPU_I_PROFILE"), "2g.20gb");
  EXPECT_EQ(label_of(info[0], "start"), "2");
  EXPECT_EQ(only_value(with, "gpu_session_count", {label}), 0);
  EXPECT_EQ(only_value(with, "gpu_instance_compute_slices", {label}), 2);
  const std::string id = "GPU_I_ID=\"" + label_of(info[0], "GPU_I_ID") + "\"";
  EXPECT_EQ(series(with, "DCGM_FI_DEV_FB_USED", {id}).size(), 1U);
  EXPECT_EQ(only_value(with, "gpu_process_info", {label, "status=\"idle\""}), 1);

  node.sim({"mig", "destroy", "--gpu", "2", "--gi", label_of(info[0], "GPU_I_ID")});
  const std::string without = next_page(agent, {"2"});
  expect_valid_text(without);
  EXPECT_EQ(instances(without), before);
  for (const char* name : {"gpu_process_info", "gpu_session_count", "gpu_instance_compute_slices"})
    EXPECT_TRUE(series(without, name, {label}).empty()) << name << " of an instance that is gone";
  EXPECT_TRUE(series(without, "DCGM_FI_DEV_FB_USED", {id}).empty());
}

TEST(MigChange, ADestroyedInstanceInUseIsRefused) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  const std::string page = page_where(agent, [](const std::string& p) { return !pids(p, {"gpu=\"2_"}).empty(); });
  const std::string gi = label_of(series(page, "gpu_process_info", {"pid=\"5301\""}).at(0), "GPU_I_ID");
  const auto refused = change_layout(node, {"destroy", "--gpu", "2", "--gi", gi});
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.output.find("In use"), std::string::npos) << refused.output;
  EXPECT_EQ(pids(next_page(agent, {"2"}), {"gpu=\"2_"}), (std::set<std::string>{"5301"}));
}

TEST(MigChange, FiftyChangesGiveNoBadPage) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node, {"--interval", "100ms"});
  const auto before = instances(page_where(agent, [](const std::string& p) { return instances(p).size() == 2; }));
  std::atomic<bool> done = false;
  std::jthread changes([&] {
    for (int round = 0; round < 50; ++round) {
      const auto made = change_layout(node, {"create", "--gpu", "2", "--profile", "1g.10gb", "--start", "2"});
      EXPECT_EQ(made.code, 0) << made.output;
      const auto line = made.output.find(" 2:1  CI");  // "  GI 9   1g.10gb        2:1  CI 0 …"
      const auto id = made.output.rfind("GI ", line);
      ASSERT_NE(line, std::string::npos) << made.output;
      const auto gone =
          change_layout(node, {"destroy", "--gpu", "2", "--gi", std::to_string(std::stoi(made.output.substr(id + 3)))});
      EXPECT_EQ(gone.code, 0) << gone.output;
    }
    done = true;
  });
  std::set<std::size_t> layouts;
  while (!done && !testing::Test::HasFailure()) {
    const std::string page = agent.metrics();
    expect_valid_text(page);
    const auto open = agent.get("/metrics", {{"Accept", "application/openmetrics-text; version=1.0.0"}});
    EXPECT_EQ(open.status, 200);
    expect_valid_openmetrics(open.body);
    // On a busy machine the device may miss the deadline of a collection; then all of it is absent, and says so.
    if (!up(page, "2")) continue;
    layouts.insert(instances(page).size());
    // The neighbour is never disturbed, and nobody else's numbers land on it.
    const auto memory = series(page, "gpu_process_memory_used_bytes", {"pid=\"5301\""});
    ASSERT_EQ(memory.size(), 1U) << page;
    EXPECT_EQ(value_of(memory[0]), 8.0 * (1U << 30U));
    EXPECT_EQ(label_of(memory[0], "GPU_I_PROFILE"), "3g.40gb");
    EXPECT_LE(instances(page).size(), 3U);
  }
  changes.join();
  EXPECT_EQ(layouts, (std::set<std::size_t>{2, 3})) << "both layouts were seen while they changed";
  const std::string after = page_where(agent, [&](const std::string& p) { return instances(p) == before; });
  EXPECT_EQ(only_value(after, "gpu_sessions_started_total", {"gpu=\"2_"}), 1) << "its session never ended";
  EXPECT_TRUE(series(after, "gpu_session_end_time_seconds").empty());
}

}  // namespace
}  // namespace tessera::e2e
