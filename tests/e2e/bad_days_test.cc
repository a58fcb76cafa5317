// Devices that hang, vanish or are forbidden, and drivers that are missing, old or broken, under a running agent.
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "base/files.h"
#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;

constexpr auto kDrain = 10s;  // from SIGTERM to the end, at most

bool all_up(const std::string& page) { return up(page, "0") && up(page, "1") && up(page, "2"); }

double energy(const std::string& page, const std::string& gpu) {
  return only_value(page, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", {"{gpu=\"" + gpu + "\""});
}

/// Nothing that was measured on the device is told, only that it is there and does not answer.
void expect_silent(const std::string& page, const std::string& gpu) {
  const std::string label = "{gpu=\"" + gpu + "\"";
  for (const char* name :
       {"DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_FB_USED", "gpu_process_info",
        "gpu_process_memory_used_bytes", "gpu_session_count", "gpu_weighted_utilization_ratio", "gpu_allocation_used"})
    EXPECT_TRUE(series(page, name, {label}).empty()) << name << " of a device that does not answer";
}

void expect_unharmed(Agent& agent, const std::string& gpu) {
  const std::string before = next_page(agent, {gpu});
  const std::string after = next_page(agent, {gpu});
  EXPECT_GT(energy(after, gpu), energy(before, gpu)) << "its values go on changing";
}

TEST(BadDay, AHungDeviceDelaysNobodyAndComesBack) {
  const Node node(test_scenario("bad_days"));
  // A collection that waited for the hung device would take the whole deadline.
  Agent agent(node, {"--interval", "500ms", "--deadline", "500ms"});
  page_where(agent, all_up);
  node.sim({"fault", "hang", "--gpu", "1", "--for", "60s"});
  page_where(agent, [](const std::string& page) { return !up(page, "1"); });
  for (int round = 0; round < 3; ++round) {
    const std::string page = next_page(agent);
    EXPECT_FALSE(up(page, "1"));
    expect_silent(page, "1");
  }
  // Not even the tenth of a second is waited for it that a late device gets.
  page_where(agent, [](const std::string& page) {
    return !up(page, "1") && only_value(page, "tessera_agent_collection_duration_seconds") < 0.1;
  });
  expect_unharmed(agent, "0");
  const std::string page = next_page(agent, {"0", "2"});
  expect_valid_text(page);
  EXPECT_EQ(pids(page), (std::set<std::string>{"4101", "5301"}));
  EXPECT_EQ(only_value(page, "gpu_allocation_info", {"{gpu=\"1\""}), 1) << "who holds it is the kubelet's word";
  EXPECT_TRUE(series(page, "gpu_session_end_time_seconds").empty()) << "its sessions are not known to have ended";
  EXPECT_EQ(agent.get("/readyz").status, 200);
  EXPECT_NE(agent.get("/api/v1/snapshot").body.find("has not answered for"), std::string::npos);

  node.sim({"fault", "clear", "--gpu", "1"});
  const std::string back = page_where(agent, all_up);
  EXPECT_EQ(pids(back), (std::set<std::string>{"4101", "4201", "4202", "5301"}));
  EXPECT_EQ(only_value(back, "gpu_sessions_started_total", {"{gpu=\"1\""}), 2) << "the same sessions as before";
}

TEST(BadDay, AHangThatEndsByItselfIsNoticed) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  page_where(agent, all_up);
  node.sim({"fault", "hang", "--gpu", "2", "--for", "2s"});
  const std::string page = page_where(agent, [](const std::string& p) { return !up(p, "2"); });
  EXPECT_TRUE(series(page, "gpu_session_count", {"gpu=\"2_"}).empty()) << "the instances of a hung device";
  page_where(agent, all_up);
}

TEST(BadDay, TheAgentEndsWhileADeviceHangs) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  page_where(agent, all_up);
  node.sim({"fault", "hang", "--gpu", "0", "--for", "1h"});
  page_where(agent, [](const std::string& page) { return !up(page, "0"); });
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait(kDrain), 0) << agent.process().output();
}

TEST(BadDay, TheAgentStartsWhileADeviceHangs) {
  const Node node(test_scenario("bad_days"));
  node.sim({"fault", "hang", "--gpu", "1", "--for", "1h"});
  Agent agent(node);
  const std::string page = page_where(agent, [](const std::string& p) { return up(p, "0") && up(p, "2"); });
  EXPECT_EQ(pids(page), (std::set<std::string>{"4101", "5301"}));
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait(kDrain), 0) << agent.process().output();
}

TEST(BadDay, ALostDeviceIsTakenOutAndTakenBack) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  page_where(agent, all_up);
  node.sim({"fault", "lost", "--gpu", "1"});
  const std::string lost = page_where(agent, [](const std::string& page) { return !up(page, "1"); });
  expect_silent(lost, "1");
  expect_valid_text(lost);
  EXPECT_NE(agent.get("/api/v1/snapshot").body.find("fallen off the bus"), std::string::npos);
  expect_unharmed(agent, "0");
  node.sim({"fault", "lost", "--gpu", "1", "--off"});
  page_where(agent, all_up);
}

TEST(BadDay, ADeviceThatIsGoneEndsItsSessionsAndComesBack) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  const std::string before = page_where(agent, all_up);
  const auto uuid_of = [&](const std::string& gpu) {
    const auto rows = series(before, "DCGM_FI_DEV_GPU_TEMP", {"{gpu=\"" + gpu + "\""});
    return rows.empty() ? "no row" : label_of(rows[0], "UUID");
  };
  const std::string kept = uuid_of("0"), gone = uuid_of("1"), cut = uuid_of("2");
  const auto devices = [](const std::string& page) {
    std::map<std::string, std::string> uuids;
    for (const auto& row : series(page, "DCGM_FI_DEV_GPU_TEMP")) uuids[label_of(row, "gpu")] = label_of(row, "UUID");
    return uuids;
  };

  node.sim({"fault", "absent", "--gpu", "1"});
  using Devices = std::map<std::string, std::string>;
  const std::string without =
      page_where(agent, [&](const std::string& p) { return devices(p) == Devices{{"0", kept}, {"1", cut}}; });
  expect_valid_text(without);
  EXPECT_EQ(pids(without), (std::set<std::string>{"4101", "5301"}));
  for (const auto& row : series(without, "gpu_session_count")) EXPECT_EQ(row.find(gone), std::string::npos) << row;
  std::set<std::string> ended;
  for (const auto& row : series(without, "gpu_session_end_time_seconds")) ended.insert(label_of(row, "pid"));
  EXPECT_EQ(ended, (std::set<std::string>{"4201", "4202"})) << "theirs, and not those of a device that moved up";
  EXPECT_EQ(only_value(without, "gpu_sessions_started_total", {"{gpu=\"0\""}), 1);
  for (const auto* counted : {"gpu_sessions_started_total", "gpu_allocated_seconds_total"}) {
    const auto rows = series(without, counted, {cut});
    ASSERT_EQ(rows.size(), 1U) << counted;
    EXPECT_EQ(label_of(rows[0], "gpu").substr(0, 2), "1_") << "by its present index: " << rows[0];
  }
  EXPECT_EQ(agent.get("/readyz").status, 200);
  expect_unharmed(agent, "0");

  node.sim({"fault", "absent", "--gpu", "1", "--off"});
  const std::string back = page_where(
      agent, [&](const std::string& p) { return devices(p) == Devices{{"0", kept}, {"1", gone}, {"2", cut}}; });
  expect_valid_text(back);
  EXPECT_EQ(pids(back), (std::set<std::string>{"4101", "4201", "4202", "5301"}));
  EXPECT_EQ(only_value(back, "gpu_sessions_started_total", {"{gpu=\"1\""}), 4) << "two before, two now";
  expect_unharmed(agent, "1");
}

TEST(BadDay, ADeniedDeviceSaysWhatToDo) {
  const Node node(test_scenario("bad_days"));
  node.sim({"fault", "denied", "--gpu", "1"});
  Agent agent(node);
  const std::string denied = page_where(agent, [](const std::string& page) { return up(page, "0") && !up(page, "1"); });
  expect_silent(denied, "1");
  EXPECT_NE(agent.get("/api/v1/snapshot").body.find("run as root"), std::string::npos);
  node.sim({"fault", "denied", "--gpu", "1", "--off"});
  page_where(agent, all_up);
}

TEST(BadDay, WithoutRootThereIsStillAPage) {
  const Node node(test_scenario("bad_days"));
  node.sim({"fault", "denied"});  // calls that need root are refused
  Agent agent(node);
  const std::string page = page_where(agent, all_up);
  expect_valid_text(page);
  const auto instances = series(page, "gpu_instance_info");
  ASSERT_EQ(instances.size(), 2U);
  for (const auto& line : instances)
    EXPECT_EQ(label_of(line, "start"), "") << "absent where the driver refuses to tell: " << line;
}

// --- The driver itself.

struct BrokenDriver {
  const char* name;
  std::string (*library)(const std::filesystem::path& folder);
  const char* why;
  const char* what_to_do;
};
const BrokenDriver kBrokenDrivers[] = {
    {"Missing", [](const std::filesystem::path& folder) { return (folder / "libnvidia-ml.so.1").string(); },
     "not found", "Install the NVIDIA driver"},
    {"NoLibrary",
     [](const std::filesystem::path& folder) {
       const std::string file = folder / "libnvidia-ml.so.1";
       EXPECT_TRUE(write_file_atomically(file, std::string(4096, 'x')));
       return file;
     },
     "cannot be loaded", "is it the driver's libnvidia-ml.so.1?"},
    {"AnotherLibrary", [](const std::filesystem::path&) { return std::string("libz.so.1"); }, "no function nvmlInit",
     "not the driver's libnvidia-ml.so.1"},
};

class DriverDay : public testing::TestWithParam<BrokenDriver> {};

TEST_P(DriverDay, IsServedAndExplained) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  const std::string library = GetParam().library(folder.path());
  Agent agent(node, {"--nvml", library});
  const std::string page = next_page(agent);
  expect_valid_text(page);
  EXPECT_EQ(only_value(page, "tessera_agent_driver_up"), 0);
  EXPECT_TRUE(series(page, "gpu_total_sessions").empty()) << "nothing is known, so nothing is told";
  const auto ready = agent.get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find(GetParam().why), std::string::npos) << ready.body;
  EXPECT_NE(ready.body.find(GetParam().what_to_do), std::string::npos) << ready.body;
  EXPECT_EQ(agent.get("/livez").status, 200) << "a restart would not help";

  const auto once = run({program("tessera-agent"), "--once", "--nvml", library});
  EXPECT_NE(once.code, 0);
  EXPECT_NE(once.output.find(GetParam().why), std::string::npos) << once.output;
  EXPECT_NE(once.output.find(GetParam().what_to_do), std::string::npos) << once.output;
}

INSTANTIATE_TEST_SUITE_P(Broken, DriverDay, testing::ValuesIn(kBrokenDrivers),
                         [](const auto& broken) { return std::string(broken.param.name); });

TEST(BadDay, AHalfUpgradedDriverSaysToReboot) {
  const Node node(test_scenario("bad_days"));
  node.sim({"fault", "return", "--symbol", "nvmlInit_v2", "--code", "18"});
  Agent agent(node);
  const auto ready = agent.get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("different versions"), std::string::npos) << ready.body;
  EXPECT_NE(ready.body.find("reboot or reload the module"), std::string::npos) << ready.body;
}

TEST(BadDay, ADriverThatIsExchangedUnderUsIsOpenedAnew) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  page_where(agent, all_up);
  node.sim({"fault", "return", "--symbol", "nvmlInit_v2", "--code", "18"});
  node.sim({"fault", "return", "--symbol", "nvmlDeviceGetCount_v2", "--code", "1"});
  const std::string gone =
      page_where(agent, [](const std::string& p) { return only_value(p, "tessera_agent_driver_up") == 0; });
  expect_valid_text(gone);
  EXPECT_TRUE(series(gone, "gpu_session_end_time_seconds").empty()) << "no session is known to have ended";
  // What starting it anew says, not what counting its devices said.
  next_page(agent);
  EXPECT_NE(agent.get("/readyz").body.find("different versions"), std::string::npos) << agent.get("/readyz").body;
  node.sim({"fault", "clear"});
  const std::string back = page_where(
      agent, [](const std::string& p) { return only_value(p, "tessera_agent_driver_up") == 1 && all_up(p); });
  EXPECT_EQ(pids(back), (std::set<std::string>{"4101", "4201", "4202", "5301"}));
  EXPECT_EQ(only_value(back, "gpu_sessions_started_total", {"{gpu=\"1\""}), 2) << "the same sessions as before";
}

class OldDriver : public testing::TestWithParam<const char*> {};

TEST_P(OldDriver, GivesFewerFieldsAndTheRightPids) {
  const Node node(test_scenario("old_drivers"));
  Agent agent(node, {"--nvml", simulated_driver(GetParam())});
  const std::string page = page_where(agent, [](const std::string& p) {
    return up(p, "0") && up(p, "1") && series(p, "gpu_process_info").size() == 6;
  });
  expect_valid_text(page);
  EXPECT_EQ(pids(page, {"gpu=\"0\""}), (std::set<std::string>{"1201", "1202", "1203"}));
  EXPECT_EQ(pids(page, {"gpu=\"1_"}), (std::set<std::string>{"1301", "1302"}));
  constexpr double kMiB = 1U << 20U;
  EXPECT_EQ(only_value(page, "gpu_process_memory_used_bytes", {"pid=\"1202\""}), 5 * 1024 * kMiB);
  EXPECT_EQ(only_value(page, "gpu_process_memory_used_bytes", {"pid=\"1203\""}), 300 * kMiB);
  EXPECT_GT(only_value(page, "DCGM_FI_DEV_GPU_TEMP", {"{gpu=\"0\""}), 0);
  EXPECT_TRUE(series(page, "DCGM_FI_PROF_GR_ENGINE_ACTIVE").empty()) << "no profiling before Hopper";
  EXPECT_EQ(series(page, "tessera_agent_profiling_unavailable").size(), 2U);
  EXPECT_TRUE(series(page, "DCGM_FI_DRIVER_VERSION").empty());
  EXPECT_EQ(only_value(page, "tessera_agent_blind", {"reason=\"abi_mismatch\""}), GetParam() == std::string("r535"))
      << "early 535 drivers write entries of another width; right numbers or not, it is said";
}

INSTANTIATE_TEST_SUITE_P(Generations, OldDriver, testing::Values("r470", "r510", "r535", "r550", "r580"),
                         [](const auto& generation) { return std::string(generation.param); });

}  // namespace
}  // namespace tessera::e2e
