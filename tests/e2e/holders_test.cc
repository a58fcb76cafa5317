// Holders whose processes cannot be told by name: they are named where nobody is guessed, and nobody who works is
// called idle.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

std::string the_pod(const std::string& name) { return "pod=\"" + name + "\""; }

std::vector<std::string> used(const std::string& page, const std::string& pod) {
  return series(page, "gpu_allocation_used", {the_pod(pod)});
}

/// Nobody is called idle but the pod that is, and nobody is accused.
void expect_only_idle_0(const std::string& page) {
  for (const auto& line : series(page, "gpu_allocation_used"))
    EXPECT_EQ(value_of(line), label_of(line, "pod") == "idle-0" ? 0 : 1) << line;
  EXPECT_TRUE(series(page, "gpu_unallocated_processes").empty());
}

TEST(Holders, AreNamedByTheKubeletWherePodLogsAreMissing) {
  const Node node(test_scenario("holders"));
  const TempDir no_logs;
  Agent agent(node, {"--pod-logs", no_logs.path().string()});
  // Named as soon as the kubelet was asked after the processes had begun.
  const std::string page = page_where(agent, [](const std::string& p) {
    expect_only_idle_0(p);
    return series(p, "gpu_process_info", {"attribution=\"holder\""}).size() == 2 && used(p, "trainer-0").size() == 1 &&
           used(p, "idle-0").size() == 1 && series(p, "gpu_process_info", {"attribution=\"unnamed\""}).size() == 2;
  });
  expect_valid_text(page);
  for (const char* pid : {"4101", "4102"}) {
    const auto row = series(page, "gpu_process_info", {std::string("pid=\"") + pid + "\""}).at(0);
    EXPECT_EQ(label_of(row, "pod"), "trainer-0");
    EXPECT_EQ(label_of(row, "namespace"), "ml");
    EXPECT_EQ(label_of(row, "container"), "main");
    EXPECT_NE(label_of(row, "pod_uid"), "");
    EXPECT_EQ(label_of(row, "pod_uid"),
              label_of(series(page, "gpu_allocation_info", {the_pod("trainer-0")}).at(0), "pod_uid"));
  }
  EXPECT_EQ(value_of(used(page, "trainer-0").at(0)), 1);
  for (const char* pid : {"4201", "4301"}) {
    const auto row = series(page, "gpu_process_info", {std::string("pid=\"") + pid + "\""}).at(0);
    EXPECT_EQ(label_of(row, "attribution"), "unnamed") << "a shared device says nothing";
    EXPECT_EQ(label_of(row, "pod"), "");
    EXPECT_NE(label_of(row, "pod_uid"), "");
  }
  EXPECT_TRUE(used(page, "api-0").empty() && used(page, "api-1").empty());
  EXPECT_EQ(only_value(page, "tessera_agent_blind", {"reason=\"no_pod_names\""}), 1);
  EXPECT_EQ(only_value(page, "tessera_agent_processes", {"outcome=\"holder\""}), 2);
  EXPECT_EQ(only_value(page, "tessera_agent_processes", {"outcome=\"unnamed\""}), 2);
}

TEST(Holders, AreNamedByPodLogsWhereThereAreSome) {
  const Node node(test_scenario("holders"));
  Agent agent(node);
  page_where(agent, [](const std::string& p) {
    expect_only_idle_0(p);
    return series(p, "gpu_process_info", {"attribution=\"pod\""}).size() == 4 &&
           series(p, "gpu_allocation_used").size() == 4;
  });
}

TEST(Holders, ArePassedByOnTheirDeviceByPodsThatDoNotHoldIt) {
  const Node node(test_scenario("unallocated"));
  Agent agent(node);
  const std::string page = page_where(agent, [](const std::string& p) {
    return series(p, "gpu_unallocated_processes").size() == 2 && series(p, "gpu_allocation_used").size() == 3;
  });
  expect_valid_text(page);
  const auto whole = series(page, "gpu_unallocated_processes", {the_pod("stray-0")});
  ASSERT_EQ(whole.size(), 1U) << page;
  EXPECT_EQ(value_of(whole[0]), 2);
  EXPECT_EQ(label_of(whole[0], "gpu"), "0");
  EXPECT_EQ(label_of(whole[0], "namespace"), "research");
  EXPECT_EQ(label_of(whole[0], "GPU_I_ID"), "");
  const auto slice = series(page, "gpu_unallocated_processes", {the_pod("notebook-0")});
  ASSERT_EQ(slice.size(), 1U) << page;
  EXPECT_EQ(value_of(slice[0]), 1);
  EXPECT_EQ(label_of(slice[0], "GPU_I_PROFILE"), "3g.40gb") << "its own is the other one";

  // Who works on another's slice leaves its own idle; the holders work.
  EXPECT_EQ(value_of(used(page, "trainer-0").at(0)), 1);
  EXPECT_EQ(value_of(used(page, "llm-0").at(0)), 1);
  EXPECT_EQ(value_of(used(page, "notebook-0").at(0)), 0);
  EXPECT_TRUE(used(page, "stray-0").empty()) << "it holds nothing";
}

struct Unreadable {
  const char* name;
  const char* attribution;
  void (*make)(const fs::path& process);
};
const Unreadable kUnreadable[] = {
    {"Gone", "gone", [](const fs::path& process) { fs::remove_all(process); }},
    {"NoAccess", "no_access",
     [](const fs::path& process) { ASSERT_TRUE(write_file_atomically(process / "stat", "no stat")); }},
    {"Conflict", "conflict", [](const fs::path& process) {
       ASSERT_TRUE(write_file_atomically(process / "cgroup",
                                         "1:cpu:/kubepods/pod11111111-0000-4000-8000-000000000001\n"
                                         "2:memory:/kubepods/pod22222222-0000-4000-8000-000000000002\n"));
     }}};

class UnreadableProcess : public testing::TestWithParam<Unreadable> {};

TEST_P(UnreadableProcess, MakesNobodyIdle) {
  const Node node(test_scenario("holders"));
  for (const char* pid : {"4101", "4102", "4201"}) GetParam().make(node.root() / "proc" / pid);
  Agent agent(node);
  const std::string page = page_where(agent, [](const std::string& p) {
    return series(p, "gpu_process_info", {std::string("attribution=\"") + GetParam().attribution + "\""}).size() == 3 &&
           used(p, "api-1").size() == 1 && used(p, "idle-0").size() == 1;
  });
  expect_valid_text(page);
  expect_only_idle_0(page);
  EXPECT_TRUE(used(page, "trainer-0").empty()) << "whether it is idle cannot be known";
  EXPECT_TRUE(used(page, "api-0").empty());

  auto once = node.agent_flags();
  once.insert(once.begin(), program("tessera-agent"));
  once.emplace_back("--once");
  Finished shown;
  EXPECT_TRUE(eventually([&] {
    shown = run(once, node.environment());
    return shown.output.find("research/idle-0/main (idle)") != std::string::npos;
  })) << shown.output;
  EXPECT_EQ(shown.output.find("(idle)"), shown.output.rfind("(idle)")) << shown.output;
}

INSTANTIATE_TEST_SUITE_P(Process, UnreadableProcess, testing::ValuesIn(kUnreadable),
                         [](const auto& how) { return std::string(how.param.name); });

}  // namespace
}  // namespace tessera::e2e
