// What an uninstall begins with: the resource goes while the operator is still there, who takes away what is its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e_operator/operated.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;

class OperatorRemoval : public testing::Test {
 protected:
  std::unique_ptr<Child> removal() {
    std::vector<std::string> command{TESSERA_BUILD_DIR "/bin/tessera-operator", "--remove", "gpus"};
    for (const std::string& flag : operated.cluster().flags()) command.push_back(flag);
    return std::make_unique<Child>(command, operated.cluster().environment());
  }
  /// The right that the chart gives it for as long as it runs.
  void may_delete() {
    operated.put({{"apiVersion", "rbac.authorization.k8s.io/v1"},
                  {"kind", "ClusterRole"},
                  {"metadata", {{"name", "removal"}}},
                  {"rules",
                   {{{"apiGroups", {"tessera.dev"}},
                     {"resources", {"gpumonitors"}},
                     {"resourceNames", {"gpus"}},
                     {"verbs", {"delete"}}}}}});
    operated.put(
        {{"apiVersion", "rbac.authorization.k8s.io/v1"},
         {"kind", "ClusterRoleBinding"},
         {"metadata", {{"name", "removal"}}},
         {"roleRef", {{"kind", "ClusterRole"}, {"name", "removal"}}},
         {"subjects", {{{"kind", "ServiceAccount"}, {"namespace", "monitoring"}, {"name", "tessera-operator"}}}}});
  }
  Operated operated;
};

TEST_F(OperatorRemoval, WaitsForTheOperator) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  may_delete();
  replica->signal(SIGSTOP);
  auto removal = this->removal();
  EXPECT_TRUE(removal->says("waits for=\"the finalizer tessera.dev/")) << removal->output();
  replica->signal(SIGCONT);
  EXPECT_EQ(removal->wait(), 0) << removal->output();
  EXPECT_TRUE(operated.find("GpuMonitor", "", "gpus").is_null());
  EXPECT_TRUE(operated.all("DaemonSet").empty()) << "and all that it stood for before it";
}

TEST_F(OperatorRemoval, OfNothingIsDoneAtOnce) {
  may_delete();
  EXPECT_EQ(removal()->wait(), 0);
}

TEST_F(OperatorRemoval, SaysWhatItWaitedForAndWhichRightIsMissing) {
  {
    auto replica = operated.start();
    operated.ask(kEverything);
    ASSERT_TRUE(operated.becomes_ready()) << replica->output();
    replica->stop();
  }
  auto refused = removal();
  EXPECT_EQ(refused->wait(), 1);
  EXPECT_THAT(refused->rest(), HasSubstr("a role bound to this account must allow"));
  may_delete();
  auto removal = this->removal();
  ASSERT_TRUE(removal->says("waits for")) << removal->output();
  EXPECT_EQ(removal->stop(), 1);
  EXPECT_THAT(removal->rest(), HasSubstr("kubectl patch gpumonitor gpus"));
}

}  // namespace
}  // namespace tessera::e2e
