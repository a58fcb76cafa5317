// The relay's replicas among themselves, over a played API server: who sees whom, through its bad days.
#include "relay/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/kube_stub/stub.h"

namespace tessera::kube_stub {
namespace {
using relay::Members;
using relay::Membership;
using relay::MembersSettings;
using namespace std::chrono_literals;
using testing::HasSubstr;

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (holds()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return holds();
}

/// A replica, and who it says is there.
class Replica {
 public:
  Replica(const std::string& url, unsigned shard, unsigned count = 3, const std::string& holder = "",
          Milliseconds duration = 3s) {
    MembersSettings settings;
    settings.server.url = url;
    settings.space = "gpu";
    settings.name = "relay";
    settings.holder = holder.empty() ? "relay-" + std::to_string(shard) : holder;
    settings.duration = duration;
    settings.share = {shard, count, {}};
    for (unsigned i = 0; i < count; ++i) living_.push_back(i);
    members_ = std::make_unique<Members>(std::move(settings), [this](const std::vector<unsigned>& living) {
      const std::lock_guard lock(mutex_);
      living_ = living;
      ++told_;
    });
  }
  ~Replica() { members_.reset(); }
  bool sees(const std::vector<unsigned>& wanted) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return living_ == wanted;
    });
  }
  bool holds(bool wanted = true) {
    return eventually([&] { return members_->status().held == wanted; });
  }
  /// What went wrong is published after the attempt, and a lease runs out by itself.
  bool complains(const std::string& about) {
    return eventually([&] { return members_->status().problem.find(about) != std::string::npos; });
  }
  int told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  Membership status() const { return members_->status(); }

 private:
  mutable std::mutex mutex_;
  std::vector<unsigned> living_;  // guarded by mutex_
  int told_ = 0;                  // guarded by mutex_
  std::unique_ptr<Members> members_;
};

class MembersTest : public testing::Test {
 protected:
  MembersTest() {
    auto stub = Stub::start();
    if (!stub) throw std::runtime_error(stub.error().what);
    stub_ = *std::move(stub);
  }
  Json lease(const std::string& name) const {
    const auto answer = stub_->store().get({"coordination.k8s.io", "v1", "leases", "Lease"}, "gpu", name);
    return answer.code == 200 ? *answer.body : Json();
  }
  std::string holder(const std::string& name) const {
    const Json found = lease(name);
    return found.is_null() ? "none" : found["spec"].value("holderIdentity", "");
  }
  /// Whether the lease is renewed again and again.
  bool renews(const std::string& name) const {
    for (int times = 0; times < 2; ++times) {
      const Json before = lease(name);
      if (!eventually([&] { return lease(name) != before; })) return false;
    }
    return true;
  }

  std::unique_ptr<Stub> stub_;
};

TEST_F(MembersTest, SeeWhoNeverCameWhoComesAndWhoLeaves) {
  Replica zero(stub_->url(), 0), one(stub_->url(), 1);
  ASSERT_TRUE(zero.sees({0, 1}));
  ASSERT_TRUE(one.sees({0, 1}));
  {
    Replica two(stub_->url(), 2);
    ASSERT_TRUE(zero.sees({0, 1, 2}));
    ASSERT_TRUE(one.sees({0, 1, 2}));
    EXPECT_TRUE(two.sees({0, 1, 2}));
  }
  EXPECT_EQ(holder("relay-2"), "") << "it gave its lease back";
  EXPECT_TRUE(zero.sees({0, 1}));
  const Json written = lease("relay-0");
  EXPECT_EQ(written["spec"]["leaseDurationSeconds"], 3);
  EXPECT_EQ(written["metadata"]["labels"]["app.kubernetes.io/instance"], "relay");
  EXPECT_TRUE(renews("relay-0"));
  const Membership seen = zero.status();
  EXPECT_TRUE(seen.held);
  EXPECT_EQ(seen.lease, "gpu/relay");
  EXPECT_EQ(seen.members.at(1).holder, "relay-1");
  EXPECT_TRUE(seen.members.at(1).heard);
  EXPECT_FALSE(seen.members.at(2).lives);
}

/// A lease that its holder left behind without a word.
TEST_F(MembersTest, TakeOverFromTheDeadAndTheirOwnLeaseAtOnce) {
  for (const char* name : {"relay-0", "relay-1"})
    stub_->store().put(
        {{"apiVersion", "coordination.k8s.io/v1"},
         {"kind", "Lease"},
         {"metadata", {{"name", name}, {"namespace", "gpu"}, {"labels", {{"app.kubernetes.io/instance", "relay"}}}}},
         {"spec",
          {{"holderIdentity", "killed"},
           {"leaseDurationSeconds", 3},
           {"renewTime", "2026-01-01T00:00:00.000000Z"},
           {"leaseTransitions", 4}}}});
  Replica zero(stub_->url(), 0, 2);
  ASSERT_TRUE(zero.holds());
  EXPECT_EQ(holder("relay-0"), "relay-0");
  EXPECT_EQ(lease("relay-0")["spec"]["leaseTransitions"], 5);
  EXPECT_TRUE(zero.sees({0}));
  EXPECT_EQ(zero.told(), 1);
}

TEST_F(MembersTest, MoveNothingWhileTheApiServerIsAway) {
  constexpr Milliseconds kLong = 6s;  // a busy machine must not look like a dead replica
  Replica zero(stub_->url(), 0, 2, "", kLong), one(stub_->url(), 1, 2, "", kLong);
  ASSERT_TRUE(zero.holds());
  ASSERT_TRUE(one.holds());
  ASSERT_TRUE(renews("relay-1"));
  stub_->go_away();
  ASSERT_TRUE(zero.holds(false)) << "longer than a lease lasts";
  ASSERT_TRUE(one.holds(false));
  EXPECT_TRUE(zero.complains("leases")) << zero.status().problem;
  ASSERT_TRUE(stub_->come_back());
  ASSERT_TRUE(zero.holds());
  ASSERT_TRUE(renews("relay-0"));
  ASSERT_TRUE(renews("relay-1"));
  EXPECT_TRUE(eventually([&] { return zero.status().problem.empty(); })) << zero.status().problem;
  EXPECT_EQ(zero.told() + one.told(), 0) << "nobody was taken for dead";
}

/// Who may read but not write moves nothing, and is taken for away by those who can.
TEST_F(MembersTest, GoOnWithoutARight) {
  Replica zero(stub_->url(), 0, 2);
  ASSERT_TRUE(zero.sees({0}));
  ASSERT_TRUE(stub_->faults().add({{"request", {{"status", 403}, {"reason", "Forbidden"}, {"times", 1'000'000}}}}));
  ASSERT_TRUE(zero.holds(false));
  EXPECT_TRUE(zero.complains("\"update\" on \"leases\" of group \"coordination.k8s.io\"")) << zero.status().problem;
  EXPECT_EQ(zero.told(), 1);
  stub_->faults().clear();
  EXPECT_TRUE(zero.holds());
}

TEST_F(MembersTest, WriteALeaseAnewThatWasDeleted) {
  Replica zero(stub_->url(), 0, 2);
  ASSERT_TRUE(zero.holds());
  stub_->store().remove({"coordination.k8s.io", "v1", "leases", "Lease"}, "gpu", "relay-0");
  EXPECT_TRUE(eventually([&] { return holder("relay-0") == "relay-0"; }));
}

/// Two with one shard take the lease from each other, and both count as there.
TEST_F(MembersTest, SayThatAnotherHasTheirShard) {
  testing::internal::CaptureStderr();
  {
    Replica other(stub_->url(), 1, 2);
    Replica first(stub_->url(), 0, 2, "first"), second(stub_->url(), 0, 2, "second");
    ASSERT_TRUE(eventually([&] { return holder("relay-0") == "first"; }));
    ASSERT_TRUE(eventually([&] { return holder("relay-0") == "second"; }));
    ASSERT_TRUE(eventually([&] { return holder("relay-0") == "first"; }));
    EXPECT_TRUE(first.holds());
    EXPECT_TRUE(second.holds());
    EXPECT_TRUE(other.sees({0, 1}));
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("another relay has the same shard"));
}

}  // namespace
}  // namespace tessera::kube_stub
