// The API server goes and comes back, replicas die, others write the same fields.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <map>
#include <span>
#include <thread>

#include "tests/e2e_operator/operated.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;

class OperatorBadDays : public testing::Test {
 protected:
  bool is_there(const std::string& kind, const std::string& name) {
    return operated.find(kind, "tessera", name).is_object();
  }
  Operated operated;
};

TEST_F(OperatorBadDays, AnApiServerThatWasAwayIsCaughtUpWith) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.stub().go_away();
  operated.remove("ConfigMap", "tessera", "tessera-relay");
  operated.stub().compact();  // and of what was before it knows nothing any more
  ASSERT_TRUE(replica->says("not leading any more")) << "whoever cannot renew his lease must not write";
  ASSERT_TRUE(operated.stub().come_back());
  EXPECT_TRUE(eventually([&] { return is_there("ConfigMap", "tessera-relay"); }, 60s)) << replica->output();
}

TEST_F(OperatorBadDays, HistoryThatIsForgottenAndCutWatchesCostNothing) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const auto writes = operated.writes().size();
  const auto lists = operated.stub().stats().lists;
  for (const auto* what : {"gone", "cut", "garbage", "close", "error"})
    ASSERT_TRUE(operated.stub().faults().add({{"stream", {{"do", what}, {"times", 4}}}}));
  operated.stub().compact();
  operated.stub().wake();
  EXPECT_TRUE(
      eventually([&] { return operated.stub().faults().left() == 0 && operated.stub().stats().lists > lists; }));
  operated.remove("Service", "tessera", "tessera-server");
  EXPECT_TRUE(eventually([&] { return is_there("Service", "tessera-server"); }, 60s)) << replica->output();
  EXPECT_LE(operated.writes().size(), writes + 2) << "the repair and its event";
}

TEST_F(OperatorBadDays, RefusalsOfAllKindsAreOutlived) {
  for (const int status : {409, 429, 500, 503, 504})
    ASSERT_TRUE(operated.stub().faults().add(
        {{"request", {{"at", "write"}, {"path", "/daemonsets/"}, {"status", status}, {"retry_after", 1}}}}));
  auto replica = operated.start();
  operated.ask(kEverything);
  EXPECT_TRUE(eventually(
      [&] {
        operated.play_controllers();
        return operated.has_condition("Ready", "True");
      },
      90s))
      << replica->output();
}

TEST_F(OperatorBadDays, ATokenThatIsRenewedIsTaken) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.cluster().rotate_token("second");
  operated.remove("Service", "tessera", "tessera-server");
  EXPECT_TRUE(eventually([&] { return is_there("Service", "tessera-server"); })) << replica->output();
}

TEST_F(OperatorBadDays, AnotherReplicaLeadsWhenTheLeaderIsKilled) {
  auto first = operated.start();
  ASSERT_TRUE(first->says("leading: this replica applies"));
  auto second = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << first->output();
  EXPECT_EQ(second->output().find("leading: this replica applies"), std::string::npos);
  first->signal(SIGKILL);
  first->wait();
  operated.remove("Service", "tessera", "tessera-server");
  EXPECT_TRUE(eventually([&] { return is_there("Service", "tessera-server"); })) << second->output();
  EXPECT_THAT(second->output(), testing::HasSubstr("leading: this replica applies"));
  // A third one stands by, and takes over at once where the leader ends well: its lease is given back.
  auto third = operated.start();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(second->stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s) << "as is promised";
  EXPECT_TRUE(third->says("leading: this replica applies"));
}

TEST_F(OperatorBadDays, WhoeverFightsForAFieldIsMetEverMoreSeldom) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const auto repairs = [&] {
    std::size_t count = 0;
    for (const auto& one : operated.writes())
      count += one.method == "PATCH" && one.path.ends_with("/deployments/tessera-server");
    return count;
  };
  const auto before = repairs();
  // Until the operator has said so, the other one wins back each repair.
  EXPECT_TRUE(eventually([&] {
    operated.change("Deployment", "tessera", "tessera-server", {{"spec", {{"replicas", 5}}}}, "autoscaler");
    return operated.has_event("FoughtOver", "autoscaler");
  })) << replica->output();
  EXPECT_TRUE(eventually([&] {
    return operated.page(*replica, "/metrics").find("tessera_operator_objects_fought_over 1") != std::string::npos;
  }));
  EXPECT_LE(repairs() - before, 5U);
  // Nothing else waits for that.
  operated.remove("Service", "tessera", "tessera-server");
  EXPECT_TRUE(eventually([&] { return is_there("Service", "tessera-server"); })) << replica->output();
}

/// An object as an older operator applied it, with fields that this one does not have.
Json as_older(Json object) {
  object.erase("status");
  for (const auto* field : {"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"})
    object["metadata"].erase(field);
  object["metadata"]["annotations"]["tessera.dev/applied"] = "older";
  object["metadata"]["labels"]["older"] = "yes";
  Json& container = object["spec"]["template"]["spec"]["containers"][0];
  container["image"] = "older:0.0.9";
  container["env"].push_back({{"name", "OLDER"}, {"value", "yes"}});
  return object;
}

TEST_F(OperatorBadDays, AnUpgradedOperatorTakesOverWhatTheOneBeforeHasMade) {
  const auto first = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << first->output();
  EXPECT_EQ(first->stop(), 0);
  const Json keys = operated.find("Secret", "tessera", "tessera-keys"),
             volume = operated.find("PersistentVolumeClaim", "tessera", "tessera-server"),
             server = operated.find("Deployment", "tessera", "tessera-server");
  operated.apply_as_operator(as_older(server));
  ASSERT_NE(operated.find("Deployment", "tessera", "tessera-server")["spec"], server["spec"]);
  Json dropped = operated.find("ConfigMap", "tessera", "tessera-relay");
  dropped["metadata"]["name"] = "tessera-older";
  dropped["metadata"].erase("uid");
  operated.put(dropped);
  const auto before = operated.writes().size();

  const auto next = operated.start();
  EXPECT_TRUE(eventually([&] {
    operated.play_controllers();
    return operated.find("Deployment", "tessera", "tessera-server")["spec"] == server["spec"] &&
           !is_there("ConfigMap", "tessera-older");
  })) << next->output();
  ASSERT_TRUE(operated.becomes_ready()) << next->output();
  const Json now = operated.find("Deployment", "tessera", "tessera-server");
  EXPECT_FALSE(now["metadata"]["labels"].contains("older"));
  EXPECT_EQ(now["metadata"]["uid"], server["metadata"]["uid"]);
  EXPECT_EQ(operated.find("Secret", "tessera", "tessera-keys"), keys);
  EXPECT_EQ(operated.find("PersistentVolumeClaim", "tessera", "tessera-server"), volume);
  const auto writes = operated.writes();
  for (const auto& one : std::span(writes).subspan(before))
    EXPECT_TRUE(one.path.ends_with("/tessera-server") || one.path.ends_with("/tessera-older") ||
                one.path.ends_with("/events") || one.path.ends_with("/status"))
        << one.method << ' ' << one.path;
}

TEST_F(OperatorBadDays, AnOlderClusterHasItsOwnKinds) {
  operated.store().add_resource({"policy", "v1beta1", "poddisruptionbudgets", "PodDisruptionBudget", true, {}});
  operated.stub().set_minor(20);
  auto replica = operated.start();
  operated.ask(kEverything);
  EXPECT_TRUE(operated.becomes_ready()) << replica->output();
}

TEST_F(OperatorBadDays, AMinuteOfRestIsAMinuteWithoutAWrite) {
  auto replica = operated.start();
  operated.ask(kEverything);
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const auto before = operated.writes().size();
  const auto seen = operated.stub().log().size();
  std::this_thread::sleep_for(60s);  // what is looked at is this minute itself
  EXPECT_EQ(operated.writes().size(), before);
  std::map<std::string, int> reads;
  const auto log = operated.stub().log();
  for (std::size_t i = seen; i < log.size(); ++i)
    if (log[i].path.find("/leases") == std::string::npos) ++reads[log[i].path];
  for (const auto& [path, count] : reads) EXPECT_LE(count, 1) << path;
}

}  // namespace
}  // namespace tessera::e2e
