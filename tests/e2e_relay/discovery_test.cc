// Targets that come and go by files and by new configurations.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using testing::IsEmpty;

using Discovery = TwoStores;

TEST_F(Discovery, FilesAddAndRemoveTargets) {
  const TempDir files;
  CountingTargets targets(4, 3);
  const auto list = [&](int count) {
    EXPECT_TRUE(write_file_atomically(files.path() / "targets.json", targets.groups(count)));
  };
  list(2);
  Relay relay(global() + "scrape_configs:\n- {job_name: filed, file_sd_configs: [{files: [\"" +
              (files.path() / "*.json").string() + "\"], refresh_interval: 1s}]}\n" + to_both());
  ASSERT_TRUE(arrived("work_total", 2 * 3));
  for (const auto& store : stores()) EXPECT_EQ(store->samples("work_total").size(), 2U * 3) << "and no more";
  list(4);
  ASSERT_TRUE(arrived("work_total", 4 * 3));
  list(1);
  for (const char* target : {"1", "2", "3"})
    EXPECT_TRUE(vanished(fmt::format("up{{target=\"{}\"}}", target))) << target;
  EXPECT_TRUE(vanished("work_total{target=\"1\"}"));
  ASSERT_TRUE(write_file_atomically(files.path() / "targets.json", "[{\"targets\": [\"half"));
  const auto before = targets.served(0).size();
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_discovery_source_ready") == 0; }));
  EXPECT_TRUE(eventually([&] { return targets.served(0).size() > before + 3; })) << "what the good file said goes on";
  targets.finish();
  for (const auto& store : stores()) EXPECT_THAT(lasting_differences(targets, *store, "filed"), IsEmpty());
}

TEST_F(Discovery, AnEndpointAddsAndRemovesTargets) {
  CountingTargets targets(3, 2);
  ScriptedTarget endpoint("no list\n");
  const auto list = [&](int count) {
    http::Response page = text_page(targets.groups(count));
    page.content_type = "application/json";
    endpoint.become([page](int) { return page; });
  };
  list(1);
  Relay relay(global() + "scrape_configs:\n- {job_name: listed, http_sd_configs: [{url: \"http://" +
              endpoint.address() + "/metrics\", refresh_interval: 200ms}]}\n" + to_both());
  ASSERT_TRUE(arrived("work_total", 1 * 2));
  list(3);
  ASSERT_TRUE(arrived("work_total", 3 * 2));
  endpoint.become("no list\n");
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_discovery_source_ready") == 0; }));
  EXPECT_TRUE(targets.asked(3)) << "what the good list said goes on";
  list(1);
  for (const char* target : {"1", "2"}) EXPECT_TRUE(vanished(fmt::format("up{{target=\"{}\"}}", target))) << target;
  EXPECT_EQ(relay.metric("tessera_relay_discovery_source_ready"), 1);
  targets.finish();
  for (const auto& store : stores()) EXPECT_THAT(lasting_differences(targets, *store, "listed"), IsEmpty());
}

TEST_F(Discovery, NewConfigurationsAreTakenUpAndBadOnesAreNot) {
  CountingTargets targets(3, 2);
  ScriptedTarget added("added 1\n");
  const auto config = [&](const std::string& jobs, const std::string& cluster) {
    return global("250ms", ", external_labels: {cluster: " + cluster + "}") + "scrape_configs:\n" + jobs + to_both();
  };
  Relay relay(config(targets.job("load"), "one"));
  ASSERT_TRUE(arrived("work_total", 3 * 2));
  const double began = relay.metric("tessera_relay_config_last_reload_success_timestamp_seconds");

  relay.configure("scrape_configs: [{job_name: x, scrape_intervall: 1s}]\n");
  ASSERT_TRUE(relay.process().says("configuration not changed"));
  EXPECT_TRUE(relay.process().says("relay.yaml:1")) << "it says where";
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_config_last_reload_successful") == 0; }));
  EXPECT_EQ(relay.metric("tessera_relay_config_last_reload_success_timestamp_seconds"), began);
  EXPECT_TRUE(targets.asked(2)) << "the old one goes on";

  relay.configure(config(targets.job("load") + static_job("more", {added.address()}), "one"));
  ASSERT_TRUE(relay.process().says("configuration changed"));
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_config_last_reload_successful") == 1; }));
  EXPECT_GE(relay.metric("tessera_relay_config_last_reload_success_timestamp_seconds"), began);
  ASSERT_TRUE(arrived("added"));

  relay.process().signal(SIGHUP);  // the same text, and all is begun anew
  const std::string twice = "configuration changed";
  EXPECT_TRUE(eventually([&] {
    const std::string said = relay.process().output();
    return said.rfind(twice) != said.find(twice);
  }));
  EXPECT_TRUE(targets.asked(3));
  targets.finish();
  for (const auto& store : stores()) EXPECT_THAT(lasting_differences(targets, *store, "load"), IsEmpty());

  relay.configure(config(static_job("more", {added.address()}), "two"));
  EXPECT_TRUE(arrived("added{cluster=\"two\"}"));
  EXPECT_TRUE(vanished("added{cluster=\"one\"}"));
  EXPECT_TRUE(vanished("up{job=\"load\",target=\"0\"}"));
  EXPECT_EQ(relay.stop(), 0);
}

/// How often it says so.
std::size_t count(const std::string& text, const std::string& what) {
  std::size_t times = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++times;
  return times;
}

TEST_F(Discovery, ReloadsCostNoPage) {
  constexpr std::size_t kReloads = 20;
  CountingTargets targets(4, 3);
  ScriptedTarget other("other 1\n");
  const auto config = [&](bool more) {
    return global() + "scrape_configs:\n" + targets.job("load") + (more ? static_job("more", {other.address()}) : "") +
           to_both();
  };
  Relay relay(config(false));
  ASSERT_TRUE(arrived("work_total", 4 * 3));
  for (std::size_t i = 1; i <= kReloads; ++i) {
    relay.configure(config(i % 2 == 1));
    ASSERT_TRUE(eventually([&] { return count(relay.process().output(), "configuration changed") == i; })) << i;
    EXPECT_EQ(relay.metric("tessera_relay_config_last_reload_successful"), 1);
  }
  EXPECT_TRUE(targets.asked(2));
  targets.finish();
  for (const auto& store : stores()) EXPECT_THAT(lasting_differences(targets, *store, "load"), IsEmpty());
}

TEST_F(Discovery, QueuesThatNobodySendsAreTold) {
  ScriptedTarget target("waiting 1\n");
  const auto config = [&](const std::string& destination) {
    return global() + "scrape_configs:\n" + static_job("j", {target.address()}) + destination;
  };
  const std::string dead = "remote_write:\n" + write_to("old", "http://127.0.0.1:1/write");
  const std::vector<std::string> old = {"folder=\"old\""};
  Relay relay(config(dead));
  ASSERT_TRUE(eventually([&] { return relay.sum("tessera_relay_queue_samples") > 0; }));
  EXPECT_EQ(relay.sum("tessera_relay_abandoned_queue_bytes"), 0);
  relay.configure(config(to_both()));
  ASSERT_TRUE(relay.process().says("queue abandoned"));
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_abandoned_queue_bytes", old) > 0; }));
  EXPECT_EQ(relay.stop(), 0);
  relay.start();
  EXPECT_TRUE(relay.process().says("queue abandoned")) << "also at the start";
  relay.configure(config(dead));
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_queue_samples") > 0; })) << "what waited is still there";
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_abandoned_queue_bytes", old) == 0; }));
}

}  // namespace
}  // namespace tessera::e2e
