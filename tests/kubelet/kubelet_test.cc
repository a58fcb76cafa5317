// The kubelet client against a real gRPC server, and against servers that are none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "kube/pod_resources.h"
#include "kubelet_double.h"
#include "raw_server.h"

namespace tessera::kube {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;
using kubelet::Behaviour;
using kubelet::KubeletDouble;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kLimit = 16U << 20U;
const std::string kGpu = "GPU-3f0a9c1e-7b24-4d86-95aa-0e1d2c3b4f58";
const std::string kMig = "MIG-8c5b2d90-1e6f-4a37-b0c4-d9e8f7a6b5c4";

Behaviour one_gpu(const std::string& pod = "train-0") {
  return {.pods = {{"team-a", pod, {{"main", {{"nvidia.com/gpu", {kGpu}, {}}}, {}}}}}};
}
HeldDevice held_gpu(const std::string& pod = "train-0") { return {"team-a", pod, "main", "nvidia.com/gpu", kGpu}; }

class KubeletTest : public testing::Test {
 protected:
  std::filesystem::path socket() const { return dir_.path() / "kubelet.sock"; }
  std::vector<HeldDevice> held() {
    auto list = resources_.list(20s);
    EXPECT_TRUE(list) << list.error().what;
    return list ? *std::move(list) : std::vector<HeldDevice>{};
  }
  Error error(Milliseconds deadline = 20s) {
    const auto list = resources_.list(deadline);
    EXPECT_FALSE(list);
    return list ? Error{Code::Internal, "no error"} : list.error();
  }

  TempDir dir_;
  PodResources resources_{dir_.path() / "kubelet.sock"};
};

TEST_F(KubeletTest, SaysWhoHoldsWhat) {
  const KubeletDouble kubelet(
      socket(), {.pods = {{"team-a",
                           "train-0",
                           {{"main",
                             {{"nvidia.com/gpu", {kGpu}, {0}},
                              {"nvidia.com/gpu", {kGpu}, {1}},
                              {"nvidia.com/mig-1g.10gb", {kMig + "::0", kMig + "::1"}, {}},
                              {"vendor.example/fpga", {"f0"}, {}}},
                             {}},
                            {"side", {}, {}}}},
                          {"team-b", "web", {{"web", {}, {}}}},
                          {"team-c", "claims", {{"c", {}, {{"gpu.nvidia.com", "gpu-1"}, {"other.example", "x"}}}}}}});
  EXPECT_THAT(held(),
              ElementsAre(held_gpu(), HeldDevice{"team-a", "train-0", "main", "nvidia.com/mig-1g.10gb", kMig + "::0"},
                          HeldDevice{"team-a", "train-0", "main", "nvidia.com/mig-1g.10gb", kMig + "::1"},
                          HeldDevice{"team-c", "claims", "c", "gpu.nvidia.com", "gpu-1"}));
  EXPECT_EQ(held().size(), 4U) << "asked again";
  EXPECT_EQ(kubelet.asked(), 2);
}

TEST_F(KubeletTest, AnEmptyNodeHoldsNothing) {
  const KubeletDouble kubelet(socket(), {});
  EXPECT_THAT(held(), IsEmpty());
}

TEST_F(KubeletTest, ThousandsOfDevices) {
  Behaviour behaviour = one_gpu();
  auto& ids = behaviour.pods[0].containers[0].devices[0].ids;
  ids.clear();
  for (int i = 0; i < 5000; ++i) ids.push_back(fmt::format("{}::{}", kGpu, i));
  const KubeletDouble kubelet(socket(), behaviour);
  const auto list = held();
  ASSERT_EQ(list.size(), 5000U);
  EXPECT_EQ(list.back().device_id, kGpu + "::4999");
}

TEST_F(KubeletTest, AReplyAtTheLimitIsTaken) {
  auto behaviour = one_gpu();
  behaviour.reply_bytes = kLimit;
  const KubeletDouble kubelet(socket(), behaviour);
  EXPECT_THAT(held(), ElementsAre(held_gpu()));
}

TEST_F(KubeletTest, AReplyOverTheLimitIsRefused) {
  auto behaviour = one_gpu();
  behaviour.reply_bytes = kLimit + 1;
  const KubeletDouble kubelet(socket(), behaviour);
  EXPECT_THAT(error().what, HasSubstr(std::to_string(kLimit + 5)));
}

// Compression is not offered; a server that compresses all the same (this one does when told to) is told apart.
TEST_F(KubeletTest, ACompressedReplyIsRefused) {
  auto behaviour = one_gpu();
  behaviour.compresses = true;
  behaviour.reply_bytes = 1U << 20U;  // worth compressing
  const KubeletDouble kubelet(socket(), behaviour);
  const auto found = error();
  EXPECT_EQ(found.code, Code::Invalid);
  EXPECT_THAT(found.what, HasSubstr("the message is compressed"));
}

TEST_F(KubeletTest, StatusesAreErrors) {
  const struct {
    int status;
    Code code;
    std::string text, what;
  } cases[] = {
      {8, Code::Unavailable, "rate limit: 100% \xC3\xA9\n", "busy (resource exhausted: rate limit: 100% \xC3\xA9\n)"},
      {7, Code::Denied, "not you", "gRPC status 7: not you"},
      {13, Code::Unavailable, "", "gRPC status 13: "},
  };
  for (const auto& c : cases) {
    auto behaviour = one_gpu();
    behaviour.status = c.status;
    behaviour.status_text = c.text;
    const KubeletDouble kubelet(socket(), behaviour);
    const auto found = error();
    EXPECT_EQ(found.code, c.code) << c.status;
    EXPECT_THAT(found.what, HasSubstr(c.what));
    EXPECT_THAT(found.what, HasSubstr(socket().string()));
  }
}

TEST_F(KubeletTest, AnOlderKubeletIsAskedInItsVersion) {
  auto behaviour = one_gpu();
  behaviour.serves_v1 = false;
  behaviour.serves_v1alpha1 = true;
  const KubeletDouble kubelet(socket(), behaviour);
  EXPECT_THAT(held(), ElementsAre(held_gpu()));
  EXPECT_EQ(kubelet.asked(), 1);
}

TEST_F(KubeletTest, AServerOfNeitherVersionSaysSo) {
  auto behaviour = one_gpu();
  behaviour.serves_v1alpha1 = true;
  behaviour.status = 12;
  behaviour.status_text = "switched off";
  const KubeletDouble kubelet(socket(), behaviour);
  const auto found = error();
  EXPECT_EQ(kubelet.asked(), 2);
  EXPECT_EQ(found.code, Code::Unavailable);
  EXPECT_THAT(found.what, HasSubstr("v1alpha1.PodResourcesLister/List"));
  EXPECT_THAT(found.what, HasSubstr("gRPC status 12: switched off"));
}

TEST_F(KubeletTest, AHangingKubeletIsGivenUp) {
  auto behaviour = one_gpu();
  behaviour.hangs = true;
  const KubeletDouble kubelet(socket(), behaviour);
  EXPECT_EQ(error(200ms).code, Code::Unavailable);
}

TEST_F(KubeletTest, ARestartedKubeletIsFoundAgain) {
  {
    const KubeletDouble before(socket(), one_gpu("before"));
    EXPECT_THAT(held(), ElementsAre(held_gpu("before")));
  }
  EXPECT_EQ(error().code, Code::Unavailable);
  const KubeletDouble after(socket(), one_gpu("after"));
  EXPECT_THAT(held(), ElementsAre(held_gpu("after")));
}

TEST_F(KubeletTest, ANewSocketUnderTheOldNameIsFound) {
  const KubeletDouble before(socket(), one_gpu("before"));
  EXPECT_THAT(held(), ElementsAre(held_gpu("before")));
  const KubeletDouble after(dir_.path() / "new.sock", one_gpu("after"));
  std::filesystem::rename(dir_.path() / "new.sock", socket());
  EXPECT_THAT(held(), ElementsAre(held_gpu("after"))) << "the old server still runs, but is not the kubelet any more";
}

TEST_F(KubeletTest, GarbageIsAnError) {
  std::string noise;
  for (unsigned i = 0; i < 4096; ++i) noise += static_cast<char>(i * 2654435761U >> 24U);
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  for (const auto& words : {""s, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"s, noise, settings,
                            settings + noise, settings + "\0\0\1\1\5\0\0\0\1\x88"s /* :status 200 and no more */}) {
    std::filesystem::remove(socket());
    const kubelet::RawServer babbler(socket(), words);
    const auto found = error(5s);
    EXPECT_TRUE(found.code == Code::Unavailable || found.code == Code::Invalid) << found.what;
    EXPECT_THAT(found.what, HasSubstr(socket().string()));
  }
}

}  // namespace
}  // namespace tessera::kube
