// Leases of the client against the stub: who writes first wins, and calls end in time.
#include "kube/lease.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/listener.h"
#include "tests/kube_stub/stub.h"

namespace tessera::kube_stub {
namespace {
using kube::Lease;
using kube::Leases;
using namespace std::chrono_literals;
using testing::HasSubstr;

class LeasesTest : public testing::Test {
 protected:
  LeasesTest() {
    auto stub = Stub::start();
    if (!stub) throw std::runtime_error(stub.error().what);
    stub_ = *std::move(stub);
  }
  Leases client(Milliseconds deadline = 30s) const { return {{.url = stub_->url()}, "gpu", deadline}; }
  static Lease named(const std::string& name) {
    Lease lease;
    lease.name = name;
    lease.labels = {{"set", "relay"}};
    return lease;
  }

  const std::stop_token never_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(LeasesTest, AreCreatedRenewedAndListed) {
  Leases leases = client();
  auto read = leases.read("relay-0", never_);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_FALSE(*read);
  auto made = leases.write(held_by(named("relay-0"), "a", 15s, 1'000), never_);
  ASSERT_TRUE(made && *made) << made.error().what;
  auto renewed = leases.write(held_by(**made, "a", 15s, 2'000), never_);
  ASSERT_TRUE(renewed && *renewed);
  EXPECT_EQ((*renewed)->acquired, (*made)->acquired);
  EXPECT_NE((*renewed)->renewed, (*made)->renewed);
  EXPECT_NE((*renewed)->version, (*made)->version);
  read = leases.read("relay-0", never_);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->renewed, (*renewed)->renewed);
  Lease other = named("relay-1");
  other.labels = {{"set", "else"}};
  ASSERT_TRUE(leases.write(held_by(other, "b", 15s, 1'000), never_));
  const auto listed = leases.list("set=relay", never_);
  ASSERT_TRUE(listed) << listed.error().what;
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().name, "relay-0");
  EXPECT_EQ(leases.list("", never_)->size(), 2U);
}

TEST_F(LeasesTest, WhoWritesSecondIsTold) {
  Leases leases = client();
  const auto first = leases.write(held_by(named("x"), "a", 15s, 1'000), never_);
  ASSERT_TRUE(first && *first);
  const auto again = leases.write(held_by(named("x"), "b", 15s, 2'000), never_);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_FALSE(*again) << "it exists already";
  ASSERT_TRUE(leases.write(held_by(**first, "a", 15s, 3'000), never_));
  const auto stale = leases.write(held_by(**first, "b", 15s, 4'000), never_);
  ASSERT_TRUE(stale) << stale.error().what;
  EXPECT_FALSE(*stale) << "written meanwhile";
  const Resource resource{"coordination.k8s.io", "v1", "leases", "Lease"};
  stub_->store().remove(resource, "gpu", "x");
  const auto gone = leases.write(held_by(**first, "a", 15s, 5'000), never_);
  ASSERT_TRUE(gone) << gone.error().what;
  EXPECT_FALSE(*gone) << "deleted meanwhile";
}

/// Many take one lease by turns: nobody takes it from who wrote since it was read.
TEST_F(LeasesTest, OneOfManyTakesEachVersion) {
  constexpr int kRounds = 20;
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> crowd;
    for (int who = 0; who < 4; ++who)
      crowd.emplace_back([this, who, &taken] {
        Leases leases = client();
        for (int won = 0; won < kRounds;) {
          const auto read = leases.read("one", never_);
          ASSERT_TRUE(read) << read.error().what;
          const Lease lease = *read ? **read : named("one");
          const auto written = leases.write(held_by(lease, fmt::format("{}-{}", who, won), 15s, 1'000), never_);
          ASSERT_TRUE(written) << written.error().what;
          if (!*written) continue;
          ++won;
          ++taken;
        }
      });
  }
  const auto last = client().read("one", never_);
  ASSERT_TRUE(last && *last);
  EXPECT_EQ(taken, 4 * kRounds);
  EXPECT_EQ((*last)->transitions, 4 * kRounds - 1) << "each but the first took it from another";
}

TEST_F(LeasesTest, RefusalsSayWhichRightIsMissing) {
  ASSERT_TRUE(stub_->faults().add({{"request", {{"status", 403}, {"reason", "Forbidden"}, {"times", 2}}}}));
  Leases leases = client();
  const auto refused = leases.write(held_by(named("x"), "a", 15s, 1'000), never_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Denied);
  EXPECT_THAT(refused.error().what, HasSubstr("\"create\" on \"leases\" of group \"coordination.k8s.io\""));
  EXPECT_THAT(leases.list("", never_).error().what, HasSubstr("\"list\" on \"leases\""));
}

TEST(LeasesCall, EndsAtItsDeadlineAndAtAStop) {
  const auto silent = http::listen_on("127.0.0.1:0");  // takes connections and says nothing
  ASSERT_TRUE(silent) << silent.error().what;
  const std::string url = fmt::format("http://127.0.0.1:{}", silent->port);
  Leases hasty({.url = url}, "gpu", 100ms);
  const auto late = hasty.read("x", {});
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().what, HasSubstr("no reply within"));
  Leases patient({.url = url}, "gpu", 600s);
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  const auto stopped = patient.read("x", stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().what, HasSubstr("stop"));
}

}  // namespace
}  // namespace tessera::kube_stub
