#include "server/alerts/host_jobs.h"

#include "server/alerts/alerts_test.h"
#include "server/settings.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(HostJobs, AreNamedByTheirWholeCommand) {
  const auto jobs = must(HostJobs::of({"python.*", "pmemd\\.cuda|gmx"}));
  static constexpr struct {
    std::string_view command;
    bool is_job;
  } kCases[] = {{"python3.11", true},       {"python", true},         {"gmx", true},      {"pmemd.cuda", true},
                {"pmemd_cuda", false},      {"gmx_mpi", false},       {"ipython", false}, {"", false},
                {"nvidia-cuda-mps", false}, {"nv-hostengine", false}, {"Xorg", false},    {"python\n3", true}};
  for (const auto& one : kCases) EXPECT_EQ(jobs.contain(one.command), one.is_job) << one.command;
  EXPECT_FALSE(must(HostJobs::of({".*"})).contain("")) << "what nobody knows is named by nothing";
  EXPECT_FALSE(must(HostJobs::of({})).contain("python"));
}

TEST(HostJobs, AreRefusedWithWordsWhereTheyAreNoRegularExpressions) {
  const auto read = [](const std::string& commands) {
    return parse_settings("gpu.management.alerts.host-processes.commands: " + commands + "\n", "server.yaml",
                          [](std::string_view) { return std::nullopt; });
  };
  EXPECT_THAT(must(read("[python.*, 'train(er)?']")).alerts.host_commands, ElementsAre("python.*", "train(er)?"));
  EXPECT_THAT(must(read("[]")).alerts.host_commands, IsEmpty());
  const auto bad = read("['python.*', 'train(']");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().what,
            "server.yaml: gpu.management.alerts.host-processes.commands: 'train(': no regular expression (RE2's "
            "syntax): missing ): train(");
  EXPECT_THAT(read("['']").error().what, HasSubstr("host-processes.commands: '': a regular expression"));
  EXPECT_THAT(read("['(?!nv).*']").error().what, HasSubstr("RE2"));
}

/// A process that holds memory and does nothing.
std::string idle_process(unsigned pid, const std::string& command, const std::string& pod = R"(pod="unknown")",
                         const std::string& attribution = "host") {
  return fmt::format(
      "gpu_process_info{{{0},attribution=\"{2}\",status=\"active\"}} 1\n"
      "gpu_process_start_time_seconds{{{0}}} {1}\ngpu_process_memory_used_bytes{{{0}}} 1000\n"
      "gpu_process_utilization{{{0}}} 0\n",
      fmt::format(R"(gpu="0",UUID="GPU-1",pid="{}",command="{}",{})", pid, command, pod), kStart / 1000, attribution);
}

/// A node without Kubernetes, whose platform has processes of its own.
struct HostJobsTest : AlertsTest {
  HostJobsTest() {
    settings.host_commands = {"python.*"};
    std::erase_if(settings.rules, [](const auto& one) { return one.kind != fleet::alerts::Kind::Session; });
    beside = platform + idle_process(11, "python3");
    open();
  }
  const std::string platform = idle_process(12, "nvidia-cuda-mps") + idle_process(13, "nv-hostengine");
};

TEST_F(HostJobsTest, GoOnForAsLongAsBeforeBehindARestartAndAreOverWithTheProcess) {
  for (int round = 0; round < 120; ++round) at(round, 40);
  open();
  for (int round = 120; round < 240; ++round) at(round, 40);
  EXPECT_THAT(history(), IsEmpty());
  at(240, 40);
  EXPECT_THAT(history(), ElementsAre("StuckGPUProcess firing"));
  const auto stuck = alerts->told(must(alerts->history(0, kStart * 2, "", 1))[0]);
  EXPECT_EQ(fleet::alerts::label_of(stuck.labels, "pid"), "11");
  EXPECT_EQ(fleet::alerts::label_of(stuck.labels, "command"), "python3");
  EXPECT_EQ(fleet::alerts::label_of(stuck.labels, "node"), "w");
  EXPECT_THAT(stuck.summary, HasSubstr("Process 11 of no pod (python3)"));
  beside = platform;
  for (int round = 241; round < 245; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("StuckGPUProcess resolved", "StuckGPUProcess firing"));
}

TEST_F(HostJobsTest, OfPodsThePlatformsOwnAreNone) {
  const auto of_pod = [](const std::string& space, unsigned pid) {
    return idle_process(pid, "nvidia-cuda-mps", fmt::format(R"(namespace="{}",pod="mps")", space), "pod");
  };
  beside = of_pod("gpu-operator", 21) + of_pod("gpu-mine", 22) + of_pod("ml", 23);
  platform_namespaces = {"gpu-*"};
  open();
  for (int round = 0; round <= 240; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("StuckGPUProcess firing"));
  const auto stuck = alerts->told(must(alerts->history(0, kStart * 2, "", 1))[0]);
  EXPECT_EQ(fleet::alerts::label_of(stuck.labels, "namespace"), "ml");
}

TEST_F(HostJobsTest, AreOverOnceTheSettingNamesThemNoLonger) {
  for (int round = 0; round <= 240; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("StuckGPUProcess firing"));
  settings.host_commands = {};
  open();
  for (int round = 241; round < 245; ++round) at(round, 40);
  EXPECT_THAT(history(), ElementsAre("StuckGPUProcess resolved", "StuckGPUProcess firing"));
}

}  // namespace
}  // namespace tessera::server
