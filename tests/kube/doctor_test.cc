// `tessera doctor --cluster` on a real control plane: each thing that is broken is named, with what to do.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/text.h"
#include "tests/e2e/node.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ClusterDoctor : public OnCluster {
 protected:
  std::string doctor(const std::string& kubeconfig = "") {
    return run({program("tessera"), "doctor", "--cluster", "--kubeconfig",
                kubeconfig.empty() ? cluster().kubeconfig() : kubeconfig})
        .output;
  }
  /// As one line: the report is broken at the terminal's width.
  bool says(const std::string& words) {
    return soon([&] {
      last_ = doctor();
      std::string flat;
      for (const auto line : split(last_, '\n')) flat += std::string(trim(line)) + ' ';
      return flat.find(words) != std::string::npos;
    });
  }
  std::string last_;
};

TEST_F(ClusterDoctor, FindsGpuNodesWithoutAgentsAndWithoutDevicePlugin) {
  EXPECT_TRUE(says("2 of 3 nodes with GPUs")) << last_;
  EXPECT_TRUE(says("there is no DaemonSet of agents")) << last_;
  EXPECT_TRUE(says("no device plugin has told the kubelet of GPUs: gpu-1, gpu-2")) << last_;
  cluster().done({"patch", "node", std::string(kGpuNode), "--subresource=status", "--type=merge", "--patch",
                  R"({"status":{"capacity":{"nvidia.com/gpu":"8"},"allocatable":{"nvidia.com/gpu":"8"}}})"});
  EXPECT_TRUE(says("no device plugin has told the kubelet of GPUs: gpu-2")) << last_;
}

TEST_F(ClusterDoctor, FindsWhatKeepsTheChartFromItsWork) {
  const Installed release(cluster(), "tessera", "ailing");
  // Nothing answers for a hollow pod; only kubelets of old ask.
  EXPECT_TRUE(says(cluster().minor_version() == 20
                       ? "no agent on gpu-1, gpu-2: the agent is not ready: its phase is Running, and it is not ready"
                       : "agents: ready on 2 GPU nodes"))
      << last_;
  EXPECT_THAT(last_, AllOf(HasSubstr("each program may list what it needs"), Not(HasSubstr("not tolerated"))));
  EXPECT_TRUE(says("unbound")) << "volumes are missing: " << last_;

  cluster().done({"taint", "node", std::string(kGpuNode), "team=ml:NoExecute"});
  EXPECT_TRUE(says("no agent on gpu-1: the taint team=ml:NoExecute is not tolerated by DaemonSet ailing/tessera-agent"))
      << last_;
  cluster().done({"taint", "node", std::string(kGpuNode), "team=ml:NoExecute-"});

  cluster().done({"delete", "clusterrolebinding", "tessera-relay"});
  EXPECT_TRUE(says("may not list pods")) << last_;
}

TEST_F(ClusterDoctor, SaysWhatItMayNotSee) {
  const std::string scheduler = cluster().kubeconfig("scheduler");
  const std::string said = doctor(scheduler);
  EXPECT_THAT(said, AllOf(HasSubstr("gpumonitors"), HasSubstr("was not looked at")))
      << "the scheduler's rights are few";
}

}  // namespace
}  // namespace tessera::e2e
