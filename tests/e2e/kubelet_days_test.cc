// A kubelet that is away, hangs, babbles, floods or refuses: the agent goes on without it, says so, and takes it back.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>

#include "tests/e2e/pages.h"
#include "tests/kubelet/kubelet_double.h"
#include "tests/kubelet/raw_server.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using kubelet::KubeletDouble;
using kubelet::RawServer;

constexpr int kResourceExhausted = 8;  // gRPC status

struct BadKubelet {
  const char* name;
  std::shared_ptr<void> (*start)(const fs::path& socket);
  const char* problem;
};
const BadKubelet kBadKubelets[] = {
    {"Absent", [](const fs::path&) { return std::shared_ptr<void>(); }, "kubelet.sock"},
    {"Hanging", [](const fs::path& s) -> std::shared_ptr<void> { return std::make_shared<RawServer>(s, std::nullopt); },
     "kubelet.sock"},
    {"Garbage",
     [](const fs::path& s) -> std::shared_ptr<void> {
       std::string noise;
       for (unsigned i = 0; i < 4096; ++i) noise += static_cast<char>(i * 2654435761U >> 24U);
       return std::make_shared<RawServer>(s, noise);
     },
     "kubelet.sock"},
    {"Flooding",
     [](const fs::path& s) -> std::shared_ptr<void> {
       kubelet::Behaviour behaviour;
       behaviour.reply_bytes = 17U << 20U;
       return std::make_shared<KubeletDouble>(s, behaviour);
     },
     "longer than 16777221 bytes"},
    {"Exhausted",
     [](const fs::path& s) -> std::shared_ptr<void> {
       kubelet::Behaviour behaviour;
       behaviour.status = kResourceExhausted;
       behaviour.status_text = "rejected by rate limit";
       return std::make_shared<KubeletDouble>(s, behaviour);
     },
     "resource exhausted"},
};

double blind(const std::string& page) {
  return only_value(page, "tessera_agent_blind", {"reason=\"no_pod_resources\""});
}
double failures(const std::string& page) { return only_value(page, "tessera_agent_pod_resources_failures_total"); }

class KubeletDay : public testing::TestWithParam<BadKubelet> {};

TEST_P(KubeletDay, IsSaidAndDelaysNothing) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  const fs::path socket = folder.path() / "kubelet.sock";
  const auto server = GetParam().start(socket);
  Agent agent(node, {"--pod-resources-kubelet-socket", socket.string()});
  // While the kubelet is asked for the first time, collections go on.
  std::string page = next_page(agent, {"0", "1", "2"});
  EXPECT_EQ(blind(page), 1);
  const double asked_at = collections(page);
  page = page_where(agent, [](const std::string& p) { return failures(p) >= 1; });
  if (GetParam().name == std::string("Hanging")) {
    EXPECT_GT(collections(page), asked_at + 3) << "collections wait for the kubelet";
  }
  page = next_page(agent, {"0", "1", "2"});
  expect_valid_text(page);
  EXPECT_EQ(blind(page), 1);
  EXPECT_TRUE(series(page, "gpu_allocation_info").empty());
  EXPECT_TRUE(series(page, "gpu_allocation_used").empty()) << "who holds what is unknown, so nothing is idle";
  EXPECT_EQ(label_of(series(page, "gpu_process_info", {"pid=\"4101\""}).at(0), "pod"), "trainer-0")
      << "whose a process is does not hang on the kubelet";
  EXPECT_EQ(label_of(series(page, "DCGM_FI_DEV_GPU_TEMP", {"{gpu=\"0\""}).at(0), "pod"), "");
  const std::string json = agent.get("/api/v1/snapshot").body;
  const auto problem = json.find("\"podResourcesProblem\"");
  ASSERT_NE(problem, std::string::npos);
  EXPECT_NE(json.find(GetParam().problem, problem), std::string::npos) << json.substr(problem);
  EXPECT_EQ(agent.get("/readyz").status, 200) << "there is much to serve without the kubelet";
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait(10s), 0) << agent.process().output();
}

INSTANTIATE_TEST_SUITE_P(Bad, KubeletDay, testing::ValuesIn(kBadKubelets),
                         [](const auto& bad) { return std::string(bad.param.name); });

// It is asked again after ten seconds, so this takes them.
TEST(KubeletDays, OneThatComesBackIsTakenBack) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  const fs::path socket = folder.path() / "kubelet.sock";
  kubelet::Behaviour exhausted;
  exhausted.status = kResourceExhausted;
  const KubeletDouble before(socket, exhausted);
  Agent agent(node, {"--pod-resources-kubelet-socket", socket.string()});
  const std::string away = page_where(agent, [](const std::string& p) { return failures(p) >= 1 && up(p, "0"); });
  EXPECT_EQ(blind(away), 1);
  const std::string uuid = label_of(series(away, "gpu_session_count", {"{gpu=\"0\""}).at(0), "UUID");
  const KubeletDouble after(folder.path() / "new.sock",
                            {.pods = {{"ml", "trainer-0", {{"main", {{"nvidia.com/gpu", {uuid}, {}}}, {}}}}}});
  fs::rename(folder.path() / "new.sock", socket);
  const std::string back = page_where(agent, [](const std::string& p) { return blind(p) == 0; });
  EXPECT_EQ(only_value(back, "gpu_allocation_info", {"pod=\"trainer-0\"", "{gpu=\"0\""}), 1);
  EXPECT_EQ(before.asked(), 1);
}

}  // namespace
}  // namespace tessera::e2e
