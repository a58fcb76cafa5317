#include "kube/cgroup.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera::kube {
namespace {

// Ids of these tests. A UID as systemd writes it has `_` for `-`.
const std::string kUid = "0c7e6a51-93d2-4b8f-a1e4-5f20d8c3b697";
const std::string kUid_ = "0c7e6a51_93d2_4b8f_a1e4_5f20d8c3b697";
const std::string kInner = "f1d2c3b4-0a1b-4c2d-8e3f-112233445566";
const std::string kStatic = "9a8b7c6d5e4f30211203f4e5d6c7b8a9";
const std::string kId = "5be1f0a2c47d8936e1b0a5d4c3f2e1908172635445362718fedcba9876543210";
const std::string kOther = "00ff11ee22dd33cc44bb55aa66997788112233445566778899aabbccddeeff00";

std::string shown(const Result<CgroupOwner>& owner) {
  if (!owner) return "error: " + owner.error().what;
  const auto or_dash = [](const std::string& value) { return value.empty() ? std::string("-") : value; };
  return or_dash(owner->pod_uid) + " " + or_dash(owner->container_id) + " " + or_dash(owner->runtime);
}

struct Case {
  const char* name;
  std::string path;
  std::string pod, id, runtime;
};

void check(const std::vector<Case>& cases) {
  for (const auto& c : cases) {
    const auto want = shown(CgroupOwner{c.pod, c.id, c.runtime});
    EXPECT_EQ(shown(parse_cgroup("0::" + c.path + "\n")), want) << c.name;
    EXPECT_EQ(shown(parse_cgroup("12:cpu,cpuacct:" + c.path)), want) << c.name << ", v1 without line end";
    EXPECT_EQ(shown(parse_cgroup("0::/../.." + c.path + "\n")), want) << c.name << ", seen from a cgroup namespace";
    EXPECT_EQ(shown(parse_cgroup("0::" + c.path + " (deleted)\n")), want) << c.name << ", deleted";
  }
}

const std::string kSlice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUid_ + ".slice/";

TEST(Cgroup, KubeletWithCgroupfs) {
  check({
      {"guaranteed", "/kubepods/pod" + kUid + "/" + kId, kUid, kId, ""},
      {"burstable", "/kubepods/burstable/pod" + kUid + "/" + kId, kUid, kId, ""},
      {"best effort", "/kubepods/besteffort/pod" + kUid + "/" + kId, kUid, kId, ""},
      {"cri-o", "/kubepods/burstable/pod" + kUid + "/crio-" + kId, kUid, kId, "cri-o"},
      {"doubled root", "/kubepods/kubepods/burstable/pod" + kUid + "/" + kId, kUid, kId, ""},
      {"static pod", "/kubepods/burstable/pod" + kStatic + "/" + kId, kStatic, kId, ""},
      {"pod alone", "/kubepods/burstable/pod" + kUid, kUid, "", ""},
      {"capital letters", "/kubepods/pod0C7E6A51-93D2-4B8F-A1E4-5F20D8C3B697/" + kId, kUid, kId, ""},
      {"container of some other length", "/kubepods/pod" + kUid + "/" + kId + "0", kUid, "", ""},
  });
}

TEST(Cgroup, KubeletWithSystemd) {
  check({
      {"containerd", kSlice + "cri-containerd-" + kId + ".scope", kUid, kId, "containerd"},
      {"cri-o", kSlice + "crio-" + kId + ".scope", kUid, kId, "cri-o"},
      {"docker", kSlice + "docker-" + kId + ".scope", kUid, kId, "docker"},
      {"podman", kSlice + "libpod-" + kId + ".scope", kUid, kId, "podman"},
      {"nerdctl", kSlice + "nerdctl-" + kId + ".scope", kUid, kId, "nerdctl"},
      {"guaranteed", "/kubepods.slice/kubepods-pod" + kUid_ + ".slice/docker-" + kId + ".scope", kUid, kId, "docker"},
      {"static pod", "/kubepods.slice/kubepods-pod" + kStatic + ".slice/crio-" + kId + ".scope", kStatic, kId, "cri-o"},
      {"pod slice alone", kSlice, kUid, "", ""},
      {"dashes kept", "/kubepods.slice/kubepods-besteffort-pod" + kUid + ".slice/" + kId, kUid, kId, ""},
      {"mixed dashes", "/kubepods.slice/kubepods-pod0c7e6a51_93d2-4b8f_a1e4-5f20d8c3b697.slice/" + kId, kUid, kId, ""},
      {"no suffixes", "/kubepods/kubepods-burstable-pod" + kUid_ + "/cri-containerd-" + kId, kUid, kId, "containerd"},
      {"escaped dashes",
       "/kube\\x2dpods-pod0c7e6a51\\x2d93d2\\x2d4b8f\\x2da1e4\\x2d5f20d8c3b697.slice/cri\\x2dcontainerd-" + kId +
           ".scope",
       kUid, kId, "containerd"},
      {"escaped name before", "/my\\x2droot-my\\x2droot\\x2dkubepods-pod" + kUid_ + ".slice/" + kId, kUid, kId, ""},
  });
}

// A runtime left on cgroupfs under a kubelet on systemd: one component of three parts, and paths with colons.
TEST(Cgroup, ColonForm) {
  const std::string last = "kubepods-burstable-pod" + kUid_ + ".slice:cri-containerd:" + kId;
  check({
      {"below the service", "/system.slice/containerd.service/" + last, kUid, kId, "containerd"},
      {"below another slice", "/podruntime.slice/runtime.service/" + last, kUid, kId, "containerd"},
      {"at the root", "/" + last, kUid, kId, "containerd"},
      {"child cgroup", "/" + last + "/init.scope", kUid, kId, "containerd"},
      {"cri-o", "/kubepods-pod" + kUid_ + ".slice:crio:" + kId, kUid, kId, "cri-o"},
      {"docker without pod", "/system.slice:docker:" + kId, "", kId, "docker"},
      {"unknown word", "/kubepods-pod" + kUid_ + ".slice:thing:" + kId, kUid, kId, ""},
      {"static pod", "/kubepods-pod" + kStatic + ".slice:cri-containerd:" + kId, kStatic, kId, "containerd"},
      {"monitor", "/kubepods-pod" + kUid_ + ".slice:crio-conmon:" + kId, kUid, "", ""},
  });
}

TEST(Cgroup, NestedNodes) {
  check({
      {"kind", "/docker/" + kOther + "/kubelet/kubepods/besteffort/pod" + kUid + "/" + kId, kUid, kId, ""},
      {"kind, process in the pod's cgroup", "/docker/" + kOther + "/kubelet/kubepods/pod" + kUid, kUid, "", ""},
      {"kubelet.slice",
       "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + kUid_ +
           ".slice/cri-containerd-" + kId + ".scope",
       kUid, kId, "containerd"},
      {"minikube", "/system.slice/docker-" + kOther + ".scope" + kSlice + "docker-" + kId + ".scope", kUid, kId,
       "docker"},
      {"a node in a pod", kSlice + "cri-containerd-" + kOther + ".scope/kubepods/burstable/pod" + kInner + "/" + kId,
       kInner, kId, ""},
      {"a node in a pod, no container", kSlice + "cri-containerd-" + kOther + ".scope/kubepods/pod" + kInner, kInner,
       "", ""},
  });
}

TEST(Cgroup, ChildCgroupsOfAContainer) {
  const std::string container = kSlice + "cri-containerd-" + kId + ".scope";
  check({
      {"init", container + "/init", kUid, kId, "containerd"},
      {"crio container", kSlice + "crio-" + kId + ".scope/container", kUid, kId, "cri-o"},
      {"systemd inside", container + "/system.slice/nginx.service", kUid, kId, "containerd"},
      {"a user's slice inside", container + "/user.slice/user-1000.slice/session-1.scope", kUid, kId, "containerd"},
      {"a mount unit inside", container + "/var-lib-" + kOther + ".mount", kUid, kId, "containerd"},
      {"docker inside: the innermost container", container + "/docker/" + kOther, kUid, kOther, "docker"},
  });
}

TEST(Cgroup, ContainersWithoutPod) {
  check({
      {"docker on cgroupfs", "/docker/" + kId, "", kId, "docker"},
      {"docker on systemd", "/system.slice/docker-" + kId + ".scope", "", kId, "docker"},
      {"docker, own parent", "/batch/jobs/" + kId, "", kId, ""},
      {"podman as root", "/machine.slice/libpod-" + kId + ".scope/container", "", kId, "podman"},
      {"podman on cgroupfs", "/libpod_parent/libpod-" + kId, "", kId, "podman"},
      {"podman, bare id", "/libpod_parent/" + kId, "", kId, "podman"},
      {"podman rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope/container",
       "", kId, "podman"},
      {"podman payload", "/user.slice/libpod-payload-" + kId, "", kId, "podman"},
      {"containerd", "/k8s.io/" + kId, "", kId, ""},
      {"nerdctl's namespace", "/default/" + kId, "", kId, ""},
      {"pod cut off by the cgroup namespace", "/cri-containerd-" + kId + ".scope", "", kId, "containerd"},
      {"ECS", "/ecs/0f1e2d3c4b5a/" + kId, "", kId, ""},
  });
}

TEST(Cgroup, NeitherPodNorContainer) {
  for (const auto& path : std::vector<std::string>{
           "/",
           "",
           "/init.scope",
           "/system.slice/nvidia-persistenced.service",
           "/user.slice/user-1000.slice/session-3.scope",
           "/slurm/uid_1000/job_42/step_0/task_0",
           "/ecs/0f1e2d3c4b5a69788796a5b4c3d2e1f0/0f1e2d3c4b5a69788796a5b4c3d2e1f0-1234567890",
           "/lxc.payload.web",
           "/kubepods/burstable",
           "/kubepods.slice/kubepods-burstable.slice",
           "/machine.slice/libpod-conmon-" + kId + ".scope",
           "/system.slice/crio-conmon-" + kId + ".scope",
           "/system.slice/run-docker-" + kId + "-shm.mount",
           "/system.slice/" + kId + ".mount",
           "/system.slice/strange-" + kId + ".scope",
           "/libpod" + kUid,      // "pod" within a word
           "/tripod" + kStatic,   //
           "/x/podcast-" + kUid,  // nor any word that begins with it
           "/kubepods/pod" + kUid + "0",
           "/kubepods/pod" + kStatic + "00",
           "/kubepods/pod0c7e6a51-93d2-4b8f-a1e4-5f20d8c3b69g",
           "/kubepods/pod0c7e6a5-193d2-4b8f-a1e4-5f20d8c3b697",
       })
    EXPECT_EQ(shown(parse_cgroup("0::" + path + "\n")), "- - -") << path;
}

TEST(Cgroup, AMonitorIsInItsPodButInNoContainer) {
  EXPECT_EQ(shown(parse_cgroup("0::" + kSlice + "crio-conmon-" + kId + ".scope\n")), kUid + " - -");
}

TEST(Cgroup, ALineWithAPodIsPreferredWhereverItStands) {
  const std::string pod = "4:memory:/kubepods/pod" + kUid + "/" + kId + "\n";
  const std::string service = "0::/system.slice/containerd.service\n";
  const std::string scope = "0::/system.slice/docker-" + kOther + ".scope\n";
  const std::string pod_only = "3:pids:/kubepods/pod" + kUid + "\n";
  const std::string want = kUid + " " + kId + " -";
  for (const auto& file : {pod + service, service + pod, scope + pod, pod + scope, pod_only + pod, pod + pod_only,
                           "13:rdma:/\n12:misc:/\n" + pod + pod + "1:name=systemd:/\n" + service})
    EXPECT_EQ(shown(parse_cgroup(file)), want) << file;
  EXPECT_EQ(shown(parse_cgroup(pod + "1:name=systemd:/kubepods/pod" + kUid + "/" + kId + "/docker/" + kOther)), want)
      << "of two containers, the first line's";
  EXPECT_EQ(shown(parse_cgroup(service + scope)), "- " + kOther + " docker");
  EXPECT_EQ(shown(parse_cgroup(scope + pod_only)), kUid + " - -") << "the container of a line without pod is not its";
}

TEST(Cgroup, TwoPodsAreRefused) {
  const auto parsed = parse_cgroup("2:cpu:/kubepods/pod" + kUid + "/" + kId + "\n1:name=systemd:/kubepods/pod" +
                                   kInner + "/" + kId + "\n");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::Invalid);
  EXPECT_EQ(parsed.error().what,
            "cgroup: the lines name two pods, " + kUid + " and " + kInner + "; the process is given to neither");
  EXPECT_TRUE(parse_cgroup("2:cpu:/kubepods/pod" + kUid + "\n1:name=systemd:/kubepods/pod" + kUid_ + "\n"))
      << "one pod in two spellings";
}

TEST(Cgroup, LinesThatAreNoneSayNothing) {
  for (const auto& file : std::vector<std::string>{"", "\n\n", "garbage", "0:", "0:x", "/kubepods/pod" + kUid,
                                                   ":::", std::string("0::/\0\xFF\n", 7)})
    EXPECT_EQ(shown(parse_cgroup(file)), "- - -") << file;
  const std::string odd = "1:name=a b\xFF:/kubepods/pod" + kUid + "/" + kId + "/\xFE\x01 x\n";
  EXPECT_EQ(shown(parse_cgroup(odd)), kUid + " " + kId + " -");
}

}  // namespace
}  // namespace tessera::kube
