// Receivers that are away, refuse or are slow, and a relay that ends: nothing is lost, and nothing comes twice.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <random>

#include "base/files.h"
#include "tests/e2e_relay/gate.h"
#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/two_stores.h"
#include "wire/compression.h"

namespace tessera::e2e {
namespace {
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

using Outage = TwoStores;

/// The short form runs with the tests, the long one in tests/soak.
int chosen(const char* variable, int otherwise) {
  const char* const text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

std::string load(const CountingTargets& targets, const std::string& destinations,
                 const std::string& interval = "200ms") {
  return global(interval) + "scrape_configs:\n" + targets.job("load") + destinations;
}

TEST_F(Outage, WhatIsScrapedWhileReceiversAreAwayArrivesLater) {
  const int seconds = chosen("TESSERA_OUTAGE_SECONDS", 6);
  const int interval = chosen("TESSERA_OUTAGE_INTERVAL_MS", 200);
  CountingTargets targets(chosen("TESSERA_OUTAGE_TARGETS", 20), 5);
  Gate gate(victoria_metrics().write_url());
  Relay relay(load(targets,
                   "remote_write:\n" + write_to("prometheus", prometheus().write_url()) +
                       write_to("victoria-metrics", gate.write_url()),
                   fmt::format("{}ms", interval)));
  ASSERT_TRUE(arrived("work_total", static_cast<std::size_t>(targets.count()) * 5));
  prometheus().stop();                                                        // connections are refused
  gate.answer([](const http::Request&, int) { return reply(503, "busy"); });  // and here all is
  EXPECT_TRUE(targets.asked(static_cast<std::size_t>(seconds * 1000 / interval), kPatience + seconds * 2s));
  EXPECT_GT(relay.metric("tessera_relay_queue_samples", {"destination=\"prometheus\""}), 0);
  EXPECT_GT(relay.metric("tessera_relay_queue_samples", {"destination=\"victoria-metrics\""}), 0);
  prometheus().start();
  gate.answer(nullptr);
  EXPECT_TRUE(targets.asked(2));
  targets.finish();
  EXPECT_TRUE(relay.has_sent_all());
  for (const auto& store : stores()) EXPECT_THAT(lasting_differences(targets, *store, "load"), IsEmpty());
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0);
  EXPECT_GT(gate.count(503), 0);
}

TEST_F(Outage, OneReceiverThatRefusesDoesNotHoldUpTheOther) {
  CountingTargets targets(5, 2);
  Gate gate(victoria_metrics().write_url());
  gate.answer([](const http::Request&, int) { return reply(503); });
  Relay relay(load(targets, "remote_write:\n" + write_to("prometheus", prometheus().write_url()) +
                                write_to("victoria-metrics", gate.write_url())));
  EXPECT_TRUE(targets.asked(5));
  targets.finish();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty());
  EXPECT_THAT(victoria_metrics().samples("work_total"), IsEmpty());
}

TEST_F(Outage, RetryAfterIsWaitedFor) {
  CountingTargets targets(4, 2);
  Gate gate(prometheus().write_url());
  Relay relay(
      load(targets, "remote_write:\n- {name: gated, url: \"" + gate.write_url() +
                        "\", queue: {shards: 1}, queue_config: {batch_send_deadline: 100ms, max_shards: 1}}\n"));
  EXPECT_TRUE(eventually([&] { return gate.count(204) > 0; }));
  gate.answer([&](const http::Request&, int) -> std::optional<http::Response> {
    return reply(429, "too many", {{"Retry-After", "2"}});
  });
  EXPECT_TRUE(eventually([&] { return gate.count(429) >= 2; }));
  gate.answer(nullptr);
  EXPECT_TRUE(targets.asked(2));
  targets.finish();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty());
  const auto seen = gate.seen();
  for (std::size_t i = 0; i + 1 < seen.size(); ++i)
    EXPECT_TRUE(seen[i].status != 429 || seen[i + 1].time - seen[i].time >= 1900ms)
        << "with one shard one waits for all";
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0);
}

TEST_F(Outage, OneSeriesThatIsRefusedCostsNoOther) {
  // Times that go back make Prometheus refuse, and undo, the request as a whole.
  const EpochMs begin = now_epoch_ms();
  ScriptedTarget bad([=](int number) {
    return text_page(fmt::format("goes_back 1 {}\ngood_beside {}\n", begin - number * 1000, number));
  });
  CountingTargets targets(4, 3);
  Relay relay(global("200ms") + "scrape_configs:\n" + targets.job("load") + static_job("bad", {bad.address()}) +
              "remote_write:\n" + write_to("prometheus", prometheus().write_url()));
  EXPECT_TRUE(bad.asked(8));
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_dropped_samples_total", {"status_400"}) > 0; }));
  targets.finish();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty());
  const auto beside = values(only(prometheus().samples("good_beside")));
  for (std::size_t i = 1; i < beside.size(); ++i) EXPECT_EQ(beside[i], beside[i - 1] + 1) << "of the same target";
  EXPECT_THAT(relay.process().output(), testing::HasSubstr("goes_back")) << "the log names it";
}

TEST_F(Outage, OneSeriesThatTheReceiverFailsAtCostsNoOther) {
  ScriptedTarget bad(
      [](int number) { return text_page(fmt::format("breaks_it {}\ngood_beside {}\n", number, number)); });
  CountingTargets targets(4, 3);
  Gate gate(prometheus().write_url());
  gate.answer([](const http::Request& request, int) -> std::optional<http::Response> {
    const auto body = wire::decompress(wire::Compression::Snappy, request.body, 64U << 20U);
    if (body && body->find("breaks_it") != std::string::npos) return reply(500, "a bug");
    return std::nullopt;
  });
  Relay relay(global("200ms") + "scrape_configs:\n" + targets.job("load") + static_job("bad", {bad.address()}) +
              "remote_write:\n- {name: gated, url: \"" + gate.write_url() +
              "\", protocolVersion: 1, queue: {shards: 1}, queue_config: {max_shards: 1, max_backoff: 100ms}}\n");
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_dropped_samples_total", {"poison_500"}) > 0; }));
  EXPECT_TRUE(bad.asked(5));
  targets.finish();
  bad.become([](int) { return reply(500); });
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_targets", {"state=\"down\""}) == 5; }));
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty());
  std::vector<double> beside;
  const auto dropped = [&] { return relay.sum("tessera_relay_dropped_samples_total"); };
  // The last pages of the bad target may be on their way still.
  EXPECT_TRUE(eventually([&] {
    beside = values(only(prometheus().samples("good_beside")));
    return dropped() == static_cast<double>(beside.size() + 1);
  })) << dropped()
      << " of " << beside.size() << " pages, and the end of all";
  for (std::size_t i = 1; i < beside.size(); ++i) EXPECT_EQ(beside[i], beside[i - 1] + 1);
  EXPECT_THAT(relay.process().output(), testing::HasSubstr("breaks_it")) << "the log names it";
}

TEST_F(Outage, TheLedgerSeesWhatIsLost) {
  CountingTargets targets(2, 2);
  Gate gate(prometheus().write_url());
  Relay relay(load(targets, "remote_write:\n- {name: gated, url: \"" + gate.write_url() + "\", protocolVersion: 1}\n"));
  ASSERT_TRUE(eventually([&] { return !prometheus().samples("work_total").empty(); }));
  const int before = gate.count(200);
  gate.answer([](const http::Request&, int) { return reply(200); });  // says that it took them
  EXPECT_TRUE(eventually([&] { return gate.count(200) > before; }));
  gate.answer(nullptr);
  EXPECT_TRUE(targets.asked(2));
  targets.finish();
  EXPECT_EQ(relay.stop(), 0);
  EXPECT_THAT(differences(targets, prometheus(), "load"), Not(IsEmpty()));
}

TEST_F(Outage, TheEndLeavesNothingUnsent) {
  CountingTargets targets(10, 5);
  Relay relay(load(targets, fmt::format("remote_write:\n- {{name: prometheus, url: \"{}\", queue_config: "
                                        "{{batch_send_deadline: 250ms}}}}\n",
                                        prometheus().write_url())));
  EXPECT_TRUE(targets.asked(5));
  targets.finish();
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_targets", {"state=\"down\""}) == 10; }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(relay.stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_THAT(differences(targets, prometheus(), "load"), IsEmpty());
}

TEST_F(Outage, TheEndComesInTimeWhereNobodyAnswers) {
  CountingTargets targets(3, 2);
  Gate gate(prometheus().write_url());
  gate.answer([](const http::Request&, int) { return reply(503); });
  Relay relay(load(targets, "remote_write:\n" + write_to("prometheus", gate.write_url())));
  EXPECT_TRUE(targets.asked(3));
  targets.finish();
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_targets", {"state=\"down\""}) == 3; }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(relay.stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  gate.answer(nullptr);
  relay.start();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty()) << "the disk kept it";
}

TEST_F(Outage, KillsUnderLoadCostOnlyTheirWindow) {
  constexpr Milliseconds kQueuedWithin = 250ms;  // whatever batch_send_deadline says
  constexpr Milliseconds kSlack = 1500ms;        // for a machine that lets the relay wait
  CountingTargets targets(chosen("TESSERA_KILL_TARGETS", 10), 5);
  Relay relay(load(targets, fmt::format("remote_write:\n- {{name: prometheus, url: \"{}\", queue_config: "
                                        "{{batch_send_deadline: 5s, max_shards: 2}}}}\n",
                                        prometheus().write_url())));
  std::minstd_rand random(static_cast<unsigned>(chosen("TESSERA_KILL_SEED", 7)));
  std::vector<Gap> gaps;
  const auto run_for = [&] {  // a random time, told by what is served
    const auto enough =
        targets.served_in_all() + static_cast<std::size_t>(targets.count()) * (3 + random() % 6) + random() % 7;
    EXPECT_TRUE(eventually([&] { return targets.served_in_all() >= enough; }));
  };
  for (int kill = chosen("TESSERA_KILLS", 4); kill > 0; --kill) {
    run_for();
    relay.kill();
    const EpochMs now = now_epoch_ms();
    gaps.push_back({now - (kQueuedWithin + kSlack).count(), now});
    relay.start();
  }
  run_for();
  targets.finish();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load", gaps), IsEmpty());
  EXPECT_EQ(relay.stop(), 0);
}

/// A small disk of its own, where the kernel lets us have one.
class SmallDisk {
 public:
  SmallDisk() {
    if (::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, "size=1m") != 0)
      why_not_ = std::string("no tmpfs can be mounted: ") + std::strerror(errno);
  }
  ~SmallDisk() {
    if (why_not_.empty()) ::umount2(dir_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  const std::string& why_not() const { return why_not_; }
  std::string path() const { return dir_.path().string(); }

 private:
  TempDir dir_;
  std::string why_not_;
};

TEST_F(Outage, AFullDiskIsCountedAndOverOnceThereIsRoom) {
  const SmallDisk disk;
  if (!disk.why_not().empty()) GTEST_SKIP() << disk.why_not();
  CountingTargets targets(5, 100);
  Gate gate(prometheus().write_url());
  gate.answer([](const http::Request&, int) { return reply(503); });
  Relay relay(load(targets, fmt::format("remote_write:\n- {{name: prometheus, url: \"{}\", queue: {{dir: {}}}, "
                                        "queue_config: {{batch_send_deadline: 100ms, max_backoff: 200ms}}}}\n",
                                        gate.write_url(), disk.path())));
  EXPECT_TRUE(targets.asked(1));
  // Others fill it.
  ASSERT_FALSE(write_file_atomically(std::filesystem::path(disk.path()) / "others", std::string(2U << 20U, 'x')));
  std::string filling(900U << 10U, 'x');
  while (!write_file_atomically(std::filesystem::path(disk.path()) / "others", filling) && filling.size() > 4096)
    filling.resize(filling.size() - 4096);
  EXPECT_TRUE(eventually([&] { return relay.sum("tessera_relay_dropped_samples_total", {"unqueued"}) > 0; }));
  EXPECT_TRUE(relay.process().says("queue takes no samples"));
  EXPECT_TRUE(targets.asked(2)) << "it goes on";
  std::filesystem::remove(std::filesystem::path(disk.path()) / "others");
  gate.answer(nullptr);
  EXPECT_TRUE(relay.process().says("queue takes samples again"));
  const auto before = targets.served_in_all();
  EXPECT_TRUE(targets.asked(3));
  targets.finish();
  EXPECT_TRUE(eventually([&] { return relay.metric("tessera_relay_targets", {"state=\"down\""}) == 5; }));
  EXPECT_TRUE(relay.has_sent_all());
  EXPECT_GT(targets.served_in_all(), before);
  const Gap full{0, targets.served(0)[targets.served(0).size() - 3]};
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load", {full}), IsEmpty());
}

}  // namespace
}  // namespace tessera::e2e
