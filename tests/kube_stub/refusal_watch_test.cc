// The server's watch of pods that quotas refuse, against the played API: who stands as refused, for how long, and what
// silence changes.
#include "server/advice/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/every.h"
#include "tests/kube_stub/stub.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using kube_stub::Json;

constexpr EpochMs kAt = 1'728'000'000'000;  // 2024-10-04T00:00:00Z

struct RefusalWatchTest : testing::Test {
  RefusalWatchTest() {
    auto made = kube_stub::Stub::start("127.0.0.1:0", Milliseconds(200));
    if (!made) throw std::runtime_error(made.error().what);
    stub = *std::move(made);
    watch = std::make_unique<RefusalWatch>(kube::ApiServer{.url = stub->url()});
  }
  void tell(const std::string& name, const std::string& maker, const std::string& time, const std::string& requested,
            const std::string& reason = "FailedCreate") {
    const Json event = {
        {"apiVersion", "v1"},
        {"kind", "Event"},
        {"metadata", {{"name", name}, {"namespace", "ml"}}},
        {"involvedObject", {{"kind", "ReplicaSet"}, {"namespace", "ml"}, {"name", maker}}},
        {"reason", reason},
        {"message", "Error creating: pods \"x\" is forbidden: exceeded quota: gpus, requested: " + requested +
                        ", used: requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=4"},
        {"lastTimestamp", time}};
    ASSERT_LT(stub->store().put(event).code, 300);
  }
  /// "maker requested" of each, in the end.
  bool becomes(const std::vector<std::string>& wanted, EpochMs now = kAt) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
      if (const auto standing = watch->standing(now)) {
        std::vector<std::string> are;
        for (const QuotaRefusal& one : *standing) are.push_back(one.maker + ' ' + std::to_string(one.requested));
        if (are == wanted) return true;
      }
      if (std::chrono::steady_clock::now() > deadline) return false;
      wait_until(std::chrono::steady_clock::now() + 10ms, {});
    }
  }
  std::unique_ptr<kube_stub::Stub> stub;
  std::unique_ptr<RefusalWatch> watch;
};

TEST_F(RefusalWatchTest, KeepsWhatEachWasRefusedLast) {
  tell("a", "chat", "2024-10-04T00:00:00Z", "requests.nvidia.com/gpu=2");
  tell("b", "chat", "2024-10-03T23:50:00Z", "requests.nvidia.com/gpu=1");
  tell("c", "train", "2024-10-04T00:00:00Z", "requests.nvidia.com/gpu=4");
  tell("d", "web", "2024-10-04T00:00:00Z", "requests.cpu=4");
  tell("e", "db", "2024-10-04T00:00:00Z", "requests.nvidia.com/gpu=4", "FailedMount");
  EXPECT_TRUE(becomes({"ReplicaSet/chat 2", "ReplicaSet/train 4"}));
  tell("f", "chat", "2024-10-04T00:10:00Z", "requests.nvidia.com/gpu=3");
  EXPECT_TRUE(becomes({"ReplicaSet/chat 3", "ReplicaSet/train 4"}));
  EXPECT_TRUE(becomes({"ReplicaSet/chat 3"}, kAt + kRefusalStands.count() + 1)) << "train was not refused again";
}

TEST_F(RefusalWatchTest, SaysNothingWhileTheApiIsSilent) {
  EXPECT_TRUE(becomes({}));
  stub->go_away();
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (watch->standing(kAt) && std::chrono::steady_clock::now() < deadline)
    wait_until(std::chrono::steady_clock::now() + 10ms, {});
  EXPECT_FALSE(watch->standing(kAt));
}

}  // namespace
}  // namespace tessera::server
