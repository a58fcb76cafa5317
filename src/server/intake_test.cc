#include "server/intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/files.h"
#include "store/sessions.h"
#include "wire/compression.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

http::Request request_of(wire::Protocol protocol, std::string_view body) {
  http::Request request;
  request.method = "POST";
  request.headers = {
      {"Content-Encoding", "snappy"},
      {"Content-Type", protocol == wire::Protocol::V2 ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                                                      : "application/x-protobuf"}};
  request.body = body;
  return request;
}

std::string packed(std::string_view message) {
  return std::string(wire::Compressor(wire::Compression::Snappy).compress(message));
}

/// One device, told by one series.
std::string device(wire::Protocol protocol, int number, EpochMs time) {
  wire::WriteRequest request;
  request.series.push_back({{{"Hostname", "node"},
                             {"UUID", "GPU-" + std::to_string(number)},
                             {"__name__", "DCGM_FI_DEV_GPU_UTIL"},
                             {"gpu", std::to_string(number)},
                             {"modelName", "Tesla T4"}},
                            {{50, time}},
                            {},
                            {}});
  return packed(wire::encode(protocol, request));
}

struct IntakeTest : testing::Test {
  std::unique_ptr<store::Database> open_database() const {
    auto opened = store::Database::open("sqlite:" + (folder.path() / "tessera.db").string());
    if (!opened) throw std::runtime_error(opened.error().what);
    return *std::move(opened);
  }
  std::unique_ptr<Keeper> keep(const KeeperOptions& options = {}) {
    return std::make_unique<Keeper>(options, fleet, *database, *journal);
  }
  void restart() {
    keeper.reset();
    journal.reset();
    journal = open();
    fleet.publish(Published{});
    KeeperOptions options;
    options.resumed = *store::resume(*database);
    keeper = keep(options);
    intake = std::make_unique<Intake>(IntakeLimits{}, *journal, *keeper);
  }
  std::unique_ptr<journal::Journal> open() const {
    auto opened = journal::Journal::open({.dir = folder.path() / "intake"});
    if (!opened) throw std::runtime_error(opened.error().what);
    return *std::move(opened);
  }
  /// What the keeper made of all that was taken: it ends with what is queued applied.
  std::uint64_t devices_after_the_end() {
    keeper.reset();
    return fleet.get()->overviews.all.devices;
  }

  TempDir folder;
  Latest<Published> fleet;
  std::unique_ptr<journal::Journal> journal = open();
  std::unique_ptr<store::Database> database = open_database();
  std::unique_ptr<Keeper> keeper = keep();
  std::unique_ptr<Intake> intake = std::make_unique<Intake>(IntakeLimits{}, *journal, *keeper);
};

TEST_F(IntakeTest, TakesBothVersions) {
  const EpochMs now = now_epoch_ms();
  EXPECT_EQ(intake->write(request_of(wire::Protocol::V1, device(wire::Protocol::V1, 0, now))).status, 204);
  const auto second = intake->write(request_of(wire::Protocol::V2, device(wire::Protocol::V2, 1, now)));
  EXPECT_EQ(second.status, 204);
  EXPECT_THAT(second.headers, testing::Contains(testing::Pair("X-Prometheus-Remote-Write-Samples-Written", "1")));
  EXPECT_THAT(second.headers, testing::Contains(testing::Key("X-Request-Id")));
  EXPECT_EQ(intake->stats().samples, 2U);
  EXPECT_GT(journal->stats().syncs, 0U) << "an answer is a promise";
  EXPECT_EQ(devices_after_the_end(), 2U);
}

TEST_F(IntakeTest, OfATimeThatNothingKeepsNothingIsKnown) {
  const EpochMs now = now_epoch_ms();
  constexpr EpochMs kDay = 24 * 3'600'000;
  const auto told = [](int number, EpochMs time) {
    return wire::Series{{{"Hostname", "node"},
                         {"UUID", "GPU-" + std::to_string(number)},
                         {"__name__", "DCGM_FI_DEV_GPU_UTIL"},
                         {"gpu", std::to_string(number)}},
                        {{50, time}},
                        {},
                        {}};
  };
  wire::WriteRequest request;
  request.series = {told(0, 1'452'000'000'000), told(1, now), told(2, now + kDay), told(3, now - 40 * kDay)};
  const auto body = packed(wire::encode(wire::Protocol::V1, request));
  EXPECT_EQ(intake->write(request_of(wire::Protocol::V1, body)).status, 204);
  EXPECT_EQ(intake->stats().too_old, 1U);
  EXPECT_EQ(intake->stats().too_new, 1U);
  keeper.reset();
  std::vector<std::string> known;
  for (const fleet::Device& device : fleet.get()->view->nodes.at(0)->devices) known.push_back(device.facts->uuid);
  EXPECT_THAT(known, testing::ElementsAre("GPU-1", "GPU-3")) << "of 40 days ago there is history";
  EXPECT_EQ(fleet.get()->overviews.all.by_presence[static_cast<std::size_t>(fleet::Presence::Missing)], 0U);
  restart();
  keeper->caught_up();
  EXPECT_EQ(devices_after_the_end(), 1U) << "nobody waits for a device of the past";
  EXPECT_EQ(fleet.get()->overviews.all.by_presence[static_cast<std::size_t>(fleet::Presence::Missing)], 0U);
}

TEST_F(IntakeTest, AClockThatIsSetBackDoesNotFillTheJournal) {
  std::atomic<EpochMs> back = 0;
  KeeperOptions options;
  options.fleet.interval = Milliseconds(100);
  options.read_clock = [&back] {
    const auto now = FleetClock::read_machine();
    return FleetClock::Reading{now.wall - back, now.steady};
  };
  keeper = keep(options);
  intake = std::make_unique<Intake>(IntakeLimits{}, *journal, *keeper);
  const auto write = [&] {
    const auto body = device(wire::Protocol::V1, 0, now_epoch_ms() - back);
    return intake->write(request_of(wire::Protocol::V1, body)).status;
  };
  EXPECT_EQ(write(), 204);
  while (keeper->stats().samples < 1) std::this_thread::yield();
  constexpr EpochMs kHour = 3'600'000;
  back = kHour;
  keeper->clock().now();
  EXPECT_LT(keeper->clock().disbelieved().count(), -kHour + 1'000);
  while (keeper->clock().disbelieved().count() != 0) EXPECT_EQ(write(), 204);
  EXPECT_EQ(write(), 204);
  while (journal->stats().pending.records > 0) std::this_thread::yield();
  intake.reset();
  keeper.reset();  // it reads the clock here
}

TEST_F(IntakeTest, KnowsSoManySeriesAndNoMore) {
  KeeperOptions options;
  options.max_series = 2;
  options.publish_every = Milliseconds(1);
  keeper = keep(options);
  intake = std::make_unique<Intake>(IntakeLimits{}, *journal, *keeper);
  const EpochMs now = now_epoch_ms();
  for (int number = 0; number < 4; ++number)
    EXPECT_EQ(intake->write(request_of(wire::Protocol::V1, device(wire::Protocol::V1, number, now))).status, 204);
  while (keeper->stats().samples + keeper->stats().ignored < 4) std::this_thread::yield();
  EXPECT_EQ(keeper->stats().refused_keys, 2U);
  EXPECT_EQ(keeper->stats().ignored, 2U);
  EXPECT_EQ(devices_after_the_end(), 2U);
}

TEST_F(IntakeTest, SaysWhyItRefuses) {
  struct Case {
    http::Request request;
    int status;
    const char* why;
    Refusal counted;
  };
  auto gzip = request_of(wire::Protocol::V1, "x");
  gzip.headers[0].second = "gzip";
  auto json = request_of(wire::Protocol::V1, "x");
  json.headers[1].second = "application/json";
  auto other = request_of(wire::Protocol::V1, "x");
  other.headers[1].second = "application/x-protobuf;proto=io.prometheus.write.v3.Request";
  wire::WriteRequest nameless;
  nameless.series.push_back({{{"a", "b"}}, {{1, 1}}, {}, {}});
  const Case kCases[] = {
      {gzip, 415, "snappy or zstd expected", Refusal::BadEncoding},
      {json, 415, "application/x-protobuf expected", Refusal::BadEncoding},
      {other, 415, "io.prometheus.write.v2.Request (2.0) are taken", Refusal::BadEncoding},
      {request_of(wire::Protocol::V1, "no snappy"), 400, "snappy", Refusal::BadMessage},
      {request_of(wire::Protocol::V1, packed("\x0a\x7f")), 400, "byte", Refusal::BadMessage},
      {request_of(wire::Protocol::V1, packed(wire::encode(wire::Protocol::V1, nameless))), 400, "without __name__",
       Refusal::BadLabels},
      {request_of(wire::Protocol::V1, std::string(IntakeLimits{}.body_bytes + 1, 'x')), 413, "at most",
       Refusal::TooLarge},
  };
  for (const Case& c : kCases) {
    const auto before = intake->stats().refused[static_cast<std::size_t>(c.counted)];
    const auto reply = intake->write(c.request);
    EXPECT_EQ(reply.status, c.status) << c.why;
    EXPECT_EQ(reply.content_type, "application/problem+json");
    EXPECT_THAT(reply.body, HasSubstr(c.why));
    EXPECT_EQ(intake->stats().refused[static_cast<std::size_t>(c.counted)], before + 1) << c.why;
  }
  EXPECT_EQ(journal->last(), 0U) << "nothing of it was kept";
}

http::Request pushed(std::string query, std::string page,
                     std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::Request request;
  request.method = "POST";
  request.path = "/import/prometheus";
  request.query = std::move(query);
  request.headers = std::move(headers);
  request.body = std::move(page);
  return request;
}

constexpr const char* kPage = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-9\",modelName=\"Tesla T4\"} 50\n";

TEST_F(IntakeTest, TakesAPageAndReadsItAgain) {
  ASSERT_TRUE(database->run("ALTER TABLE progress RENAME TO hidden"));  // so that it stays in the journal
  EXPECT_EQ(intake->import_page(pushed("node=w&cluster=c&extra_label=rack=r1", kPage)).status, 204);
  EXPECT_EQ(intake->import_page(pushed("node=v", http::gzip(kPage), {{"Content-Encoding", "gzip"}})).status, 204);
  EXPECT_EQ(intake->stats().samples, 2U);
  EXPECT_GT(journal->stats().syncs, 0U) << "an answer is a promise";
  EXPECT_EQ(devices_after_the_end(), 2U);
  ASSERT_TRUE(database->run("ALTER TABLE hidden RENAME TO progress"));
  intake.reset();
  restart();
  EXPECT_EQ(intake->replay(0)->records, 2U);
  EXPECT_EQ(devices_after_the_end(), 2U);
  const auto& nodes = fleet.get()->view->nodes;
  EXPECT_EQ(nodes[0]->cluster, "c");
  EXPECT_EQ(nodes[0]->name, "w");
}

TEST_F(IntakeTest, SaysWhyItRefusesAPage) {
  struct Case {
    http::Request request;
    int status;
    const char* why;
  };
  const Case kCases[] = {
      {pushed("node=w", "a{ 1\n"), 400, "line 1, column"},
      {pushed("node=w", kPage, {{"Content-Type", "application/json"}}), 415, "application/openmetrics-text expected"},
      {pushed("node=w", kPage, {{"Content-Encoding", "br"}}), 415, "gzip, zstd and identity"},
      {pushed("node=w", "no gzip", {{"Content-Encoding", "gzip"}}), 400, "gzip"},
      {pushed("node=w", http::gzip(std::string(IntakeLimits{}.page_bytes + 1, '\n')), {{"Content-Encoding", "gzip"}}),
       413, "unpacks to more than"},
      {pushed("nod=w", kPage), 400, "the nearest is node"},
      {pushed("extra_label=rack", kPage), 400, "name=value is expected"},
      {pushed("extra_label=1a=b", kPage), 400, "can be no label's name"},
      {pushed("node=w&extra_label=node=v", kPage), 400, "given twice"},
      {pushed("timestamp=yesterday", kPage), 400, "a number from"},
  };
  for (const Case& c : kCases) {
    const auto reply = intake->import_page(c.request);
    EXPECT_EQ(reply.status, c.status) << c.why;
    EXPECT_THAT(reply.body, HasSubstr(c.why));
  }
  EXPECT_EQ(journal->last(), 0U) << "nothing of it was kept";
}

TEST_F(IntakeTest, WhatIsCountedIsReadAgainAndNotCounted) {
  const EpochMs now = now_epoch_ms();
  const auto tell = [&](int device_number, EpochMs time) {
    const auto body = device(wire::Protocol::V2, device_number, time);
    ASSERT_EQ(intake->write(request_of(wire::Protocol::V2, body)).status, 204);
  };
  const auto observed = [&] {
    std::int64_t out = 0;
    EXPECT_TRUE(database->each("SELECT COALESCE(SUM(observed_ms), 0) FROM usage_raw", {},
                               [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  };
  for (int i = 0; i < 3; ++i) tell(i, now - 60'000);
  tell(0, now - 50'000);
  intake.reset();
  EXPECT_EQ(devices_after_the_end(), 3U);
  EXPECT_EQ(observed(), 10'000);
  EXPECT_EQ(store::resume(*database)->progress.counted, 4U);
  restart();
  EXPECT_EQ(intake->replay(0)->records, 4U) << "the states that have not ended";
  for (int i = 0; i < 3; ++i) tell(i, now - 40'000);
  intake.reset();
  EXPECT_EQ(devices_after_the_end(), 3U);
  EXPECT_EQ(observed(), 3 * 20'000) << "as if there had been no restart";
  restart();
  EXPECT_EQ(intake->replay(7)->records, 0U);
  keeper.reset();
  EXPECT_EQ(observed(), 3 * 20'000);
}

TEST_F(IntakeTest, WhatCouldNotBeSavedComesAgain) {
  const EpochMs now = now_epoch_ms();
  ASSERT_TRUE(database->run("ALTER TABLE progress RENAME TO hidden"));
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(intake->write(request_of(wire::Protocol::V2, device(wire::Protocol::V2, i, now))).status, 204);
  EXPECT_EQ(devices_after_the_end(), 3U);
  ASSERT_TRUE(database->run("ALTER TABLE hidden RENAME TO progress"));
  intake.reset();
  restart();
  EXPECT_EQ(intake->replay(1)->records, 2U) << "the first was saved before, says the database";
  EXPECT_EQ(devices_after_the_end(), 2U);
  EXPECT_EQ(store::resume(*database)->progress.counted, 3U);
}

TEST_F(IntakeTest, SessionsThatRunGoOnAfterARestartAndAfterAKill) {
  const EpochMs now = now_epoch_ms();
  const auto tell = [&](EpochMs time, int memory, int percent) {
    const std::string who = R"({gpu="0",pid="7",command="python3",UUID="GPU-1"})";
    std::string page = "gpu_device_info{gpu=\"0\",UUID=\"GPU-1\"} 1\n";
    for (const auto& [name, value] : {std::pair<const char*, std::int64_t>{"gpu_process_info", 1},
                                      {"gpu_process_start_time_seconds", 1'700'000'000},
                                      {"gpu_process_memory_used_bytes", memory},
                                      {"gpu_process_utilization", percent}})
      page += name + who + ' ' + std::to_string(value) + '\n';
    ASSERT_EQ(intake->import_page(pushed("node=w&timestamp=" + std::to_string(time), page)).status, 204);
  };
  const auto noted = [&] {
    const auto all = store::running_sessions(*database);
    EXPECT_TRUE(all && all->size() == 1);
    return all && !all->empty() ? all->at(0).running.session : fleet::Session();
  };
  const auto begin_again = [&] {
    intake.reset();
    restart();
    ASSERT_TRUE(intake->replay(0));
  };
  tell(now - 60'000, 900, 80);
  keeper.reset();
  EXPECT_EQ(noted().peak_memory_bytes, 900U);
  begin_again();
  tell(now - 40'000, 100, 60);
  ASSERT_TRUE(database->run("ALTER TABLE progress RENAME TO hidden"));
  keeper.reset();
  EXPECT_EQ(noted().util_samples, 1U) << "as if it had been killed";
  ASSERT_TRUE(database->run("ALTER TABLE hidden RENAME TO progress"));
  begin_again();
  tell(now - 20'000, 200, 10);
  keeper.reset();
  const auto& sessions = fleet.get()->view->nodes.at(0)->devices.at(0).sessions;
  ASSERT_EQ(sessions.size(), 1U);
  for (const fleet::Session& one : {sessions[0], noted()}) {
    EXPECT_EQ(one.first_seen, now - 60'000);
    EXPECT_EQ(one.last_seen, now - 20'000);
    EXPECT_EQ(one.peak_memory_bytes, 900U);
    EXPECT_EQ(one.util_samples, 3U) << "what was read again is not counted again";
    EXPECT_EQ(one.util_sum, 80 + 60 + 10);
  }
}

TEST_F(IntakeTest, ASessionOfADeviceThatIsForgottenHasEnded) {
  store::RunningSession old{3, {"default", "w", "GPU-1", "w-GPU-00", {}}};
  old.running.session.facts = std::make_shared<const fleet::SessionFacts>();
  const EpochMs last_seen = now_epoch_ms() - 40LL * 24 * 3'600'000;
  old.running.session.last_seen = last_seen;
  ASSERT_TRUE(store::write_running(*database, {{old}, {}}));
  restart();
  keeper.reset();
  EXPECT_TRUE(store::running_sessions(*database)->empty());
  const auto past = store::past_sessions(*database, {}, 10);
  ASSERT_TRUE(past && past->size() == 1);
  EXPECT_EQ(past->at(0).end, last_seen);
}

TEST_F(IntakeTest, ManySendersShareTheDisk) {
  const EpochMs now = now_epoch_ms();
  constexpr int kSenders = 8, kEach = 25;
  {
    std::vector<std::jthread> senders;
    for (int sender = 0; sender < kSenders; ++sender)
      senders.emplace_back([&, sender] {
        for (int i = 0; i < kEach; ++i)
          EXPECT_EQ(
              intake->write(request_of(wire::Protocol::V1, device(wire::Protocol::V1, sender * kEach + i, now))).status,
              204);
      });
  }
  EXPECT_EQ(journal->last(), std::uint64_t{kSenders * kEach});
  EXPECT_EQ(devices_after_the_end(), std::uint64_t{kSenders * kEach});
}

TEST_F(IntakeTest, NothingAcceptedIsDroppedForRoom) {
  IntakeLimits limits;
  limits.backlog_bytes = 0;
  intake = std::make_unique<Intake>(limits, *journal, *keeper);
  ASSERT_TRUE(database->run("ALTER TABLE progress RENAME TO hidden"));
  const auto request = request_of(wire::Protocol::V1, device(wire::Protocol::V1, 0, now_epoch_ms()));
  EXPECT_EQ(intake->write(request).status, 204);
  const auto reply = intake->write(request);
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("wait to be saved"));
  EXPECT_EQ(journal->stats().pending.records, 1U);
}

TEST_F(IntakeTest, AServerThatIsBehindSaysSo) {
  KeeperOptions without_room;
  without_room.max_queued_bytes = 0;
  keeper = keep(without_room);
  intake = std::make_unique<Intake>(IntakeLimits{}, *journal, *keeper);
  const auto reply = intake->write(request_of(wire::Protocol::V1, device(wire::Protocol::V1, 0, now_epoch_ms())));
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.headers, testing::Contains(testing::Pair("Retry-After", "1")));
}

}  // namespace
}  // namespace tessera::server
