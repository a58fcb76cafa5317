// Sessions and counters: whose a process is, and that nothing between two scrapes is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

/// The agent's JSON: to look without scraping.
nlohmann::json snapshot(Agent& agent) {
  const auto json = nlohmann::json::parse(agent.get("/api/v1/snapshot").body, nullptr, false);
  EXPECT_TRUE(json.is_object());
  return json;
}

/// Sets the scenario's clock to zero and waits until the agent no longer shows a session of this PID.
void restart_without(const Node& node, Agent& agent, int pid) {
  node.sim({"restart"});
  ASSERT_TRUE(eventually([&] {
    const auto seen = snapshot(agent);
    for (const auto& session : seen["sessions"])
      if (session["pid"] == pid) return false;
    return !seen["sessions"].empty();
  }));
}

/// How many sessions of this PID and pod have ended; an agent that was slow to start saw one before the restart.
std::ptrdiff_t ended(Agent& agent, int pid, const std::string& pod) {
  const auto seen = snapshot(agent);
  return std::ranges::count_if(seen["endedSessions"], [&](const auto& session) {
    return session["pid"] == pid && session.value("pod", "") == pod;
  });
}

double started_on(const std::string& page, const std::string& gpu) {
  const auto counters = series(page, "gpu_sessions_started_total", {"{gpu=\"" + gpu + "\""});
  return counters.empty() ? 0 : value_of(counters[0]);
}

TEST(Sessions, BetweenTwoScrapesShowInTheCounters) {
  const Node node(test_scenario("sessions"));
  Agent agent(node, {"--interval", "100ms"});
  restart_without(node, agent, 7100);
  const std::string before = agent.metrics();
  ASSERT_FALSE(pids(before).contains("7100"));
  const double started = started_on(before, "1");
  const auto ended_before = ended(agent, 7100, "burst");

  ASSERT_TRUE(eventually([&] { return ended(agent, 7100, "burst") > ended_before; }));
  const std::string after = agent.metrics();
  EXPECT_EQ(only_value(after, "tessera_agent_scrapes_total") - only_value(before, "tessera_agent_scrapes_total"), 1)
      << "nothing was scraped in between";
  EXPECT_FALSE(pids(after).contains("7100"));
  EXPECT_EQ(started_on(after, "1"), started + 1);
  const auto end = series(after, "gpu_session_end_time_seconds", {"pid=\"7100\""});
  ASSERT_EQ(end.size(), 1U);
  EXPECT_EQ(label_of(end[0], "pod"), "burst");
  EXPECT_EQ(label_of(end[0], "command"), "burst");
  EXPECT_GT(value_of(end[0]), only_value(before, "tessera_agent_last_collection_timestamp_seconds"));
  EXPECT_LT(value_of(end[0]), only_value(after, "tessera_agent_last_collection_timestamp_seconds"));
  expect_valid_text(after);
}

TEST(Sessions, OfOnePidInTwoPodsAreTwo) {
  const Node node(test_scenario("sessions"));
  Agent agent(node, {"--interval", "100ms"});
  restart_without(node, agent, 7200);
  const std::string before = agent.metrics();
  const auto ended_before = ended(agent, 7200, "second");
  const std::string page = page_where(
      agent, [](const std::string& p) { return !series(p, "gpu_process_info", {"pid=\"7200\"", "second"}).empty(); });
  EXPECT_EQ(pids(page, {"{gpu=\"2\""}), (std::set<std::string>{"7200"}));
  const auto rows = series(page, "gpu_process_info", {"pid=\"7200\""});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(label_of(rows[0], "pod"), "second");
  EXPECT_EQ(started_on(page, "2"), started_on(before, "2") + 2);
  EXPECT_EQ(series(page, "gpu_session_end_time_seconds", {"pid=\"7200\"", "pod=\"first\""}).size(), 1U);
  EXPECT_EQ(ended(agent, 7200, "second"), ended_before);
  EXPECT_GT(only_value(page, "gpu_process_start_time_seconds", {"pid=\"7200\""}),
            only_value(before, "process_start_time_seconds"));
}

TEST(Sessions, OfAPidThatWentToAnotherPodUnseenAreTwo) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  const std::string before = page_where(agent, [](const std::string& p) { return pids(p).size() == 4; });
  // Between two collections the process ended, and its PID went to a process of another pod.
  const fs::path proc = node.root() / "proc";
  auto stat = read_file(proc / "4101/stat");
  const auto cgroup = read_file(proc / "4201/cgroup");
  ASSERT_TRUE(stat && cgroup);
  const auto fields = split(*stat, ' ');
  ASSERT_GT(fields.size(), 22U);
  const std::string start(fields[21]);
  stat->replace(static_cast<std::size_t>(fields[21].data() - stat->data()), start.size(),
                std::to_string(std::stoll(start) + 500));
  ASSERT_TRUE(write_file_atomically(proc / "4101/cgroup", *cgroup));
  ASSERT_TRUE(write_file_atomically(proc / "4101/stat", *stat));
  const std::string after = page_where(agent, [](const std::string& p) {
    return !series(p, "gpu_process_info", {"pid=\"4101\"", "pod=\"trainer-1\""}).empty();
  });
  EXPECT_TRUE(series(after, "gpu_process_info", {"pid=\"4101\"", "pod=\"trainer-0\""}).empty());
  EXPECT_EQ(series(after, "gpu_session_end_time_seconds", {"pid=\"4101\"", "pod=\"trainer-0\""}).size(), 1U);
  EXPECT_EQ(only_value(after, "gpu_sessions_started_total", {"{gpu=\"0\""}), 2);
  EXPECT_NEAR(only_value(after, "gpu_process_start_time_seconds", {"pid=\"4101\""}),
              only_value(before, "gpu_process_start_time_seconds", {"pid=\"4101\""}) + 5, 0.011);
}

TEST(Sessions, OfAProcessThatEndedBetweenTwoCallsSayGone) {
  const Node node(test_scenario("bad_days"));
  fs::remove_all(node.root() / "proc/4201");  // the driver lists it still
  Agent agent(node);
  const std::string page = page_where(agent, [](const std::string& p) { return pids(p).size() == 4; });
  expect_valid_text(page);
  const auto rows = series(page, "gpu_process_info", {"pid=\"4201\""});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(label_of(rows[0], "attribution"), "gone");
  EXPECT_EQ(label_of(rows[0], "pod_uid"), "");
  EXPECT_TRUE(series(page, "gpu_process_start_time_seconds", {"pid=\"4201\""}).empty()) << "unknown is absent";
  EXPECT_EQ(only_value(page, "tessera_agent_processes", {"outcome=\"gone\""}), 1);
  EXPECT_EQ(only_value(page, "tessera_agent_processes", {"outcome=\"pod\""}), 3);
}

TEST(Sessions, WithoutTheHostsPidsAreNotGuessed) {
  const Node node(test_scenario("bad_days"));
  const fs::path link = node.root() / "proc/self/ns/pid";
  fs::remove(link);
  fs::create_symlink("pid:[4026532999]", link);
  Agent agent(node);
  const std::string page = next_page(agent, {"0", "1", "2"});
  expect_valid_text(page);
  EXPECT_EQ(only_value(page, "tessera_agent_blind", {"reason=\"no_host_pid\""}), 1);
  for (const char* name : {"gpu_process_info", "gpu_session_count", "gpu_total_sessions", "gpu_allocation_used"})
    EXPECT_TRUE(series(page, name).empty()) << name << " cannot be known";
  EXPECT_EQ(series(page, "DCGM_FI_DEV_GPU_TEMP").size(), 4U) << "the devices are seen all the same";
  const auto seen = snapshot(agent);
  EXPECT_FALSE(seen.contains("sessions"));
  for (const auto& allocation : seen["allocations"]) EXPECT_FALSE(allocation.contains("used"));

  const TempDir folder;
  auto arguments = node.agent_flags();
  arguments.insert(arguments.begin(), program("tessera-agent"));
  for (const auto& more : {std::string("--once"), std::string("--textfile"), (folder.path() / "a.prom").string()})
    arguments.push_back(more);
  const auto once = run(arguments, node.environment());
  EXPECT_EQ(once.code, 1);
  EXPECT_NE(once.output.find("hostPID: true"), std::string::npos) << once.output;
  EXPECT_FALSE(fs::exists(folder.path() / "a.prom"));
}

TEST(Counters, XidsThatRepeatAreCounted) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  const std::string before = next_page(agent, {"0", "1"});
  EXPECT_TRUE(series(before, "gpu_xid_errors_total").empty());
  EXPECT_EQ(only_value(before, "DCGM_FI_DEV_XID_ERRORS", {"{gpu=\"1\""}), 0) << "0 before any event";
  for (const char* code : {"31", "31", "31", "43"}) node.sim({"fault", "xid", "--gpu", "1", "--code", code});
  const std::string after = page_where(agent, [](const std::string& p) {
    return !series(p, "gpu_xid_errors_total", {"xid=\"43\""}).empty() && up(p, "1");
  });
  EXPECT_EQ(only_value(after, "gpu_xid_errors_total", {"{gpu=\"1\"", "xid=\"31\""}), 3);
  EXPECT_EQ(only_value(after, "gpu_xid_errors_total", {"{gpu=\"1\"", "xid=\"43\""}), 1);
  EXPECT_EQ(only_value(after, "DCGM_FI_DEV_XID_ERRORS", {"{gpu=\"1\""}), 43) << "the last one";
  EXPECT_TRUE(series(after, "gpu_xid_errors_total", {"{gpu=\"0\""}).empty());
}

TEST(Counters, AnXidOfOneInstanceIsNotToldOnItsNeighbours) {
  const Node node(scenario("default"));  // its GPU 1 is cut
  Agent agent(node);
  const auto rows = [](const std::string& page) {
    return series(page, "DCGM_FI_DEV_XID_ERRORS", {"{gpu=\"1\"", "GPU_I_ID="});
  };
  const std::string before = page_where(agent, [&](const std::string& p) { return rows(p).size() == 4 && up(p, "1"); });
  for (const auto& line : rows(before)) EXPECT_EQ(value_of(line), 0) << line;
  node.sim({"fault", "xid", "--gpu", "1", "--code", "31", "--gi", "2"});
  const std::string after = page_where(agent, [](const std::string& p) {
    return !series(p, "gpu_xid_errors_total", {"{gpu=\"1\"", "xid=\"31\""}).empty() && up(p, "1");
  });
  ASSERT_EQ(rows(after).size(), 4U);
  for (const auto& line : rows(after)) EXPECT_EQ(value_of(line), label_of(line, "GPU_I_ID") == "2" ? 31 : 0) << line;
  node.sim({"fault", "xid", "--gpu", "1", "--code", "79"});
  const std::string all = page_where(agent, [](const std::string& p) {
    return !series(p, "gpu_xid_errors_total", {"{gpu=\"1\"", "xid=\"79\""}).empty() && up(p, "1");
  });
  ASSERT_EQ(rows(all).size(), 4U);
  for (const auto& line : rows(all)) EXPECT_EQ(value_of(line), 79) << line << ": an XID without an instance is of all";
}

TEST(Counters, AllocatedSecondsOnlyGrow) {
  const Node node(test_scenario("bad_days"));
  Agent agent(node);
  const auto held = [](const std::string& page) {
    return only_value(page, "gpu_allocated_seconds_total", {"pod=\"trainer-0\""});
  };
  const auto time = [](const std::string& page) {
    return only_value(page, "tessera_agent_last_collection_timestamp_seconds");
  };
  const std::string first = page_where(
      agent, [](const std::string& page) { return series(page, "gpu_allocated_seconds_total").size() == 3; });
  std::string before = first;
  for (int round = 0; round < 4; ++round) {
    const std::string page = next_page(agent);
    EXPECT_GT(held(page), held(before));
    before = page;
  }
  // It is the time between the collections, to the millisecond; collections end a little after they take their time.
  EXPECT_NEAR(held(before) - held(first), time(before) - time(first), 0.05 * (time(before) - time(first)));
}

// --- PIDs are exactly NVML's, in every scenario.

std::vector<std::string> all_scenarios() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(scenario("default").parent_path()))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
  std::ranges::sort(out);
  return out;
}

/// The PIDs that a scenario gives to its first node, which is the one that plays, read by their key alone.
std::set<std::string> given_pids(std::string text) {
  constexpr std::string_view kNode = "\n  - name: ";
  if (const auto first = text.find(kNode); first != std::string::npos)
    text = text.substr(0, text.find(kNode, first + 1));
  std::set<std::string> out;
  static const std::regex kPid(R"(pid: (\d+)(, copies: (\d+))?)");
  for (auto found = std::sregex_iterator(text.begin(), text.end(), kPid); found != std::sregex_iterator(); ++found) {
    const int first = std::stoi((*found)[1]);
    const int copies = (*found)[3].matched ? std::stoi((*found)[3]) : 1;
    for (int i = 0; i < copies; ++i) out.insert(std::to_string(first + i));
  }
  return out;
}

class Pids : public testing::TestWithParam<std::string> {};

TEST_P(Pids, AreThoseThatTheScenarioGaveTheDriver) {
  const auto text = read_file(scenario(GetParam()));
  ASSERT_TRUE(text);
  const auto given = given_pids(*text);
  ASSERT_FALSE(given.empty());
  const Node node(scenario(GetParam()));
  Agent agent(node);
  const bool spawns = text->find("spawn: true") != std::string::npos;
  const std::string page = page_where(agent, [&](const std::string& p) {
    const auto shown = pids(p);
    if (!spawns) return shown == given;
    // Besides the given ones, those of the player's children, which the simulator's own tool lists.
    const std::string driver = node.sim({"show"});
    return std::ranges::includes(shown, given) && std::ranges::all_of(shown, [&](const std::string& pid) {
             return driver.find("pid " + pid + " ") != std::string::npos;
           });
  });
  expect_valid_text(page);
  if (GetParam() != "thousand") return;
  EXPECT_EQ(given.size(), 1000U);
  EXPECT_EQ(series(page, "gpu_process_info", {"status=\"active\"", "pod=\"bees\""}).size(), 1000U);
  EXPECT_EQ(series(page, "gpu_process_memory_used_bytes").size(), 1000U);
  EXPECT_EQ(only_value(page, "gpu_session_count"), 1000);
  EXPECT_EQ(only_value(page, "gpu_sessions_started_total"), 1000);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Pids, testing::ValuesIn(all_scenarios()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace tessera::e2e
