#include "kube/pod_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ostream>

#include "base/files.h"

namespace tessera::kube {

void PrintTo(const HeldDevice& held, std::ostream* out) {
  *out << held.space << "/" << held.pod << "/" << held.container << " " << held.resource << " " << held.device_id;
}

namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kGpu = "GPU-3f0a9c1e-7b24-4d86-95aa-0e1d2c3b4f58";
const std::string kMig = "MIG-8c5b2d90-1e6f-4a37-b0c4-d9e8f7a6b5c4";

std::string varint(std::size_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  return out + static_cast<char>(value);
}

/// A length-delimited protobuf field: all that these messages are made of. Written by hand, so that the field numbers
/// stand here a second time.
std::string field(unsigned number, const std::string& value) {
  return varint(number << 3U | 2U) + varint(value.size()) + value;
}

std::string pod(const std::string& space, const std::string& name, const std::string& containers) {
  return field(1, field(1, name) + field(2, space) + containers);
}
std::string container(const std::string& name, const std::string& devices) {
  return field(3, field(1, name) + devices);
}
std::string devices(const std::string& resource, const std::vector<std::string>& ids) {
  std::string out = field(1, resource);
  for (const auto& id : ids) out += field(2, id);
  return field(2, out);
}
std::string claimed(const std::string& driver, const std::string& device) {
  return field(
      5, field(2, "claim") + field(3, "ns") +
             field(4, field(1, field(1, "vendor/class=x")) + field(2, driver) + field(3, "pool") + field(4, device)));
}

std::vector<HeldDevice> parsed(const std::string& message) {
  const auto held = parse_pod_resources(message);
  EXPECT_TRUE(held) << held.error().what;
  return held ? *held : std::vector<HeldDevice>{};
}

TEST(PodResourcesReply, HoldersAreRead) {
  const auto message = pod("team-a", "train-0",
                           container("main", devices("nvidia.com/gpu", {kGpu, kGpu + "::1"}) +
                                                 devices("nvidia.com/mig-1g.10gb", {kMig})) +
                               container("side", "")) +
                       pod("team-b", "web", container("web", devices("vendor.example/fpga", {"f0"}))) +
                       pod("team-c", "dra",
                           container("c", claimed("gpu.nvidia.com", "gpu-0-mig-1g5gb-19-4") +
                                              claimed("compute-domain.nvidia.com", "channel-0")));
  EXPECT_THAT(parsed(message), ElementsAre(HeldDevice{"team-a", "train-0", "main", "nvidia.com/gpu", kGpu},
                                           HeldDevice{"team-a", "train-0", "main", "nvidia.com/gpu", kGpu + "::1"},
                                           HeldDevice{"team-a", "train-0", "main", "nvidia.com/mig-1g.10gb", kMig},
                                           HeldDevice{"team-c", "dra", "c", "gpu.nvidia.com", "gpu-0-mig-1g5gb-19-4"}));
  EXPECT_THAT(parsed(""), IsEmpty());
}

TEST(PodResourcesReply, AnIdOfSeveralNumaNodesIsOne) {
  const auto numa = [](const std::string& id, char node) {
    return field(2, field(1, "nvidia.com/gpu") + field(2, id) + field(3, field(1, "\x08"s + node)));
  };
  const auto message =
      pod("a", "p", container("c", numa(kGpu, 0) + numa(kGpu, 1) + numa(kMig, 1)) + container("d", numa(kGpu, 0)));
  EXPECT_THAT(parsed(message), ElementsAre(HeldDevice{"a", "p", "c", "nvidia.com/gpu", kGpu},
                                           HeldDevice{"a", "p", "c", "nvidia.com/gpu", kMig},
                                           HeldDevice{"a", "p", "d", "nvidia.com/gpu", kGpu}));
}

TEST(PodResourcesReply, UnknownFieldsAndNamelessThingsArePassedOver) {
  const auto later = "\x48\x07"s + "\x51" + std::string(8, 'x') + field(12, "new") + "\x5D" + std::string(4, 'y');
  const auto message = later +
                       field(1, field(1, "p") + field(2, "a") + later +
                                    field(3, field(1, "c") + later + devices("nvidia.com/gpu", {"", kGpu}))) +
                       pod("a", "", container("c", devices("nvidia.com/gpu", {kGpu}))) + later;
  EXPECT_THAT(parsed(message), ElementsAre(HeldDevice{"a", "p", "c", "nvidia.com/gpu", kGpu}));
}

TEST(PodResourcesReply, SaysWhatIsMalformed) {
  const auto good = pod("a", "p", container("c", devices("nvidia.com/gpu", {kGpu})));
  const struct {
    std::string message, what;
  } cases[] = {
      {good + good.substr(0, good.size() - 1), "pod 2 at byte {at} of {all} is cut off"},
      {good + "\x0A", "pod 2 at byte {at} of {all} is cut off"},
      {good + "\x0A\xFF\xFF\xFF\xFF\x0F", "pod 2 at byte {at} of {all} is cut off"},
      {good + field(1, "\x0A\x05x"), "pod 2 at byte {at} of {all} is malformed"},
      {good + "\x07", "a malformed field at byte {at} of {all}"},
      {good + "\x12\x05x", "a malformed field at byte {at} of {all}"},
      {good + "\x0B", "a malformed field at byte {at} of {all}"},
      {good + "\0\0"s, "a malformed field at byte {at} of {all}"},
  };
  for (const auto& c : cases) {
    const auto held = parse_pod_resources(c.message);
    ASSERT_FALSE(held) << c.what;
    EXPECT_EQ(held.error().code, Code::Invalid);
    EXPECT_EQ(held.error().what, "pod-resources: " + fmt::format(fmt::runtime(c.what), fmt::arg("at", good.size()),
                                                                 fmt::arg("all", c.message.size())));
  }
  EXPECT_FALSE(parse_pod_resources("HTTP/1.1 400 Bad Request"));
}

TEST(PodResourcesReply, MemoryIsBounded) {
  const auto huge = field(1, field(1, "p") + field(7, std::string(1U << 20U, 'x')));
  EXPECT_THAT(parse_pod_resources(huge).error().what, HasSubstr("pod 1 has 1048583 bytes, more than the 1048576"));
  std::string many;
  for (int i = 0; i < 101; ++i) {
    std::vector<std::string> ids;
    for (int k = 0; k < 1000; ++k) ids.push_back(fmt::format("{}-{}", i, k));
    many += pod("a", fmt::format("p{}", i), container("c", devices("nvidia.com/gpu", ids)));
  }
  EXPECT_THAT(parse_pod_resources(many).error().what, HasSubstr("more than 100000 devices held"));
  EXPECT_THAT(parse_pod_resources(std::string((16U << 20U) + 1, 0)).error().what, HasSubstr("16777217 bytes"));
}

TEST(PodResources, WantedResources) {
  for (const auto* wanted : {"nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb", "nvidia.com/mine",
                             "gpu.nvidia.com", "volcano.sh/vgpu-number"})
    EXPECT_TRUE(wanted_resource(wanted)) << wanted;
  for (const auto* other : {"", "nvidia.com", "nvidia.com/", "xnvidia.com/gpu", "amd.com/gpu", "cpu",
                            "compute-domain.nvidia.com", "volcano.sh/vgpu-memory"})
    EXPECT_FALSE(wanted_resource(other)) << other;
}

TEST(PodResources, EndedHoldersGiveWayToLiveOnes) {
  const auto held = [](const std::string& name, const std::string& id) {
    return HeldDevice{"a", name, "c", "nvidia.com/gpu", id};
  };
  const std::vector<HeldDevice> all = {held("ended", kGpu),           held("running", kGpu),
                                       held("ended", kMig),           held("idle", kGpu + "::0"),
                                       held("running", kGpu + "::0"), held("idle", "other")};
  const auto is = [](const std::string& name) {
    return [name](const HeldDevice& device) { return device.pod == name; };
  };
  EXPECT_THAT(prefer_live(all, is("running")), ElementsAre(all[1], all[2], all[3], all[4], all[5]));
  EXPECT_EQ(prefer_live(all, is("nobody")), all) << "no word against anybody";
}

/// A unix socket that is bound and never answers.
class DeafSocket {
 public:
  explicit DeafSocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 4), 0);
  }
  ~DeafSocket() { ::close(fd_); }
  DeafSocket(const DeafSocket&) = delete;
  DeafSocket& operator=(const DeafSocket&) = delete;

 private:
  int fd_;
};

TEST(PodResources, AnAbsentSocketIsUnavailable) {
  const TempDir dir;
  const auto held = PodResources(dir.path() / "kubelet.sock").list(1s);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::Unavailable);
  EXPECT_THAT(held.error().what, HasSubstr((dir.path() / "kubelet.sock").string()));
}

TEST(PodResources, ADeafSocketIsGivenUpAtTheDeadline) {
  const TempDir dir;
  const DeafSocket socket((dir.path() / "kubelet.sock").string());
  const auto held = PodResources(dir.path() / "kubelet.sock").list(50ms);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::Unavailable);
  EXPECT_THAT(held.error().what, HasSubstr("no full reply within"));
}

TEST(PodResources, ASocketWithoutAccessIsDenied) {
  const TempDir dir;
  const auto path = dir.path() / "kubelet.sock";
  const DeafSocket socket(path.string());
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const pid_t child = ::fork();  // another user: root is denied nothing
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    const auto held = PodResources(path).list(1s);
    ::_exit(!held && held.error().code == Code::Denied ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "root here may not become another user, and is denied nothing";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace tessera::kube
