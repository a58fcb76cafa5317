// Sessions that are not told of for a while: over a restart, a silence, a failed scrape.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kSecond = 1'000;
constexpr EpochMs kMinute = 60 * kSecond;
constexpr EpochMs kBegan = kStart - 1'000 * kSecond;  // the process
const std::string kAgent = R"(job="tessera-agent",node="a")";
const std::string kDevice = R"(
gpu_device_info{gpu="0",UUID="GPU-1",Hostname="x",model="NVIDIA L40S"} 1
)";
const std::string kWho =
    R"({gpu="0",pid="4101",command="python3",pod="trainer-0",namespace="ml",container="main",UUID="GPU-1",Hostname="x",pod_uid="u-1"})";

/// The device with a process on it.
std::string page(int memory, int percent, std::optional<EpochMs> began = kBegan) {
  return kDevice + "gpu_process_info" + kWho + " 1\n" +
         (began ? fmt::format("gpu_process_start_time_seconds{} {}\n", kWho, *began / kSecond) : "") +
         fmt::format("gpu_process_memory_used_bytes{} {}\ngpu_process_utilization{} {}\n", kWho, memory, kWho, percent);
}

std::string end_page(EpochMs time) {
  return kDevice + fmt::format("gpu_session_end_time_seconds{} {}\n", kWho, time / kSecond);
}

std::vector<Running> all_running(const Fleet& fleet) {
  return fleet.running([](const Session&) { return true; });
}

struct ResumedSessions : testing::Test {
  /// What a restart goes on with.
  void restart() {
    const std::vector<Running> sessions = all_running(told->fleet);
    Remembered device{"default", "a", device_of(*told->fleet.publish(0), 0)};
    told.emplace();
    device.device.sessions.clear();
    told->fleet.remember(device);
    for (const Running& one : sessions) ASSERT_TRUE(told->fleet.remember(one));
  }
  /// Told at a time that is now.
  void come(EpochMs time, const std::string& text) {
    told->fleet.arrived(time);
    told->scrape(time, kAgent, text);
  }
  /// Those that are shown.
  std::vector<Session> at(EpochMs now) {
    told->fleet.advance(now);
    return device_of(*told->fleet.publish(now), 0).sessions;
  }
  void begin() {
    come(kStart, page(400, 70));
    come(kStart + 30 * kSecond, page(100, 90));
  }
  std::optional<ToldPages> told{std::in_place};
};

TEST_F(ResumedSessions, TheirDeviceIsNotMissedBeforeThereWasTimeToHearOfIt) {
  begin();
  restart();
  const auto presence = [&](EpochMs now) {
    told->fleet.advance(now);
    return device_of(*told->fleet.publish(now), 0).presence;
  };
  const EpochMs now = kStart + 60 * kMinute;
  EXPECT_EQ(presence(now), Presence::Stale);
  EXPECT_EQ(presence(now + 5 * kMinute), Presence::Stale);
  EXPECT_EQ(presence(now + 6 * kMinute), Presence::Missing);
}

TEST_F(ResumedSessions, GoOnWithAllThatTheyHadComeTo) {
  begin();
  restart();
  const EpochMs now = kStart + 10 * kMinute;
  EXPECT_THAT(at(now), IsEmpty()) << "nobody has told of it yet";
  EXPECT_THAT(all_running(told->fleet), SizeIs(1)) << "and yet it has not ended";
  come(now, page(200, 20));
  const auto sessions = at(now);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].first_seen, kStart);
  EXPECT_EQ(sessions[0].last_seen, now);
  EXPECT_EQ(sessions[0].start, kBegan);
  EXPECT_EQ(sessions[0].memory_bytes, 200U);
  EXPECT_EQ(sessions[0].peak_memory_bytes, 400U);
  EXPECT_EQ(sessions[0].util_sum, 70 + 90 + 20);
  EXPECT_EQ(sessions[0].util_samples, 3U) << "a gap is no sample";
  EXPECT_EQ(sessions[0].facts->workload.pod, "trainer-0");
  for (EpochMs time = now; time < now + 10 * kMinute; time += 30 * kSecond) {
    come(time, page(200, 20));
    EXPECT_THAT(at(time), SizeIs(1));
  }
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty());
  EXPECT_THAT(all_running(told->fleet), SizeIs(1));
}

TEST_F(ResumedSessions, WhatIsReadAgainIsNotCountedAgain) {
  begin();
  come(kStart + 60 * kSecond, page(100, 50));
  restart();
  for (int i = 0; i <= 3; ++i) come(kStart + i * 30 * kSecond, page(100, i == 3 ? 40 : 99));
  const auto sessions = at(kStart + 90 * kSecond);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].util_sum, 70 + 90 + 50 + 40);
  EXPECT_EQ(sessions[0].util_samples, 4U);
  EXPECT_EQ(sessions[0].peak_memory_bytes, 400U);
  EXPECT_EQ(sessions[0].first_seen, kStart);
}

TEST_F(ResumedSessions, OneThatEndedInTheGapHasEndedWhenItWasLastSeen) {
  begin();
  restart();
  const EpochMs now = kStart + 10 * kMinute;
  for (EpochMs time = now; time <= now + 75 * kSecond; time += 15 * kSecond) {
    come(time, kDevice);
    EXPECT_THAT(at(time), IsEmpty());
    EXPECT_THAT(told->fleet.take_ended(), IsEmpty()) << "it may still be told of";
  }
  EXPECT_THAT(at(now + 76 * kSecond), IsEmpty());
  const auto ended = told->fleet.take_ended();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].end, kStart + 30 * kSecond);
  EXPECT_EQ(ended[0].session.first_seen, kStart);
  EXPECT_EQ(ended[0].session.peak_memory_bytes, 400U);
  EXPECT_EQ(ended[0].device_id, "a-GPU-00");
  EXPECT_THAT(all_running(told->fleet), IsEmpty());
  for (int minute = 2; minute < 20; ++minute) at(now + minute * kMinute);
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty()) << "once";
}

TEST_F(ResumedSessions, AnEndThatIsToldAfterTheGapIsTheEnd) {
  begin();
  restart();
  const EpochMs now = kStart + 4 * kMinute, end = kStart + 2 * kMinute;
  come(now, end_page(end));
  auto ended = told->fleet.take_ended();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].end, end);
  at(now + 10 * kMinute);
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty());
}

TEST_F(ResumedSessions, TheEndOfAnEarlierProcessIsNotTheirs) {
  begin();
  restart();
  come(kStart + 4 * kMinute, end_page(kStart - kMinute));
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty());
  EXPECT_THAT(all_running(told->fleet), SizeIs(1));
}

TEST_F(ResumedSessions, AnotherProcessOfTheSamePidIsAnotherSession) {
  begin();
  restart();
  const EpochMs now = kStart + 10 * kMinute, began = kStart + 5 * kMinute;
  come(now, page(200, 20, began));
  const auto sessions = at(now);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].start, began);
  EXPECT_EQ(sessions[0].first_seen, now);
  EXPECT_EQ(sessions[0].peak_memory_bytes, 200U);
  EXPECT_EQ(sessions[0].util_samples, 1U);
  const auto ended = told->fleet.take_ended();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].session.start, kBegan);
  EXPECT_EQ(ended[0].end, kStart + 30 * kSecond);
  EXPECT_EQ(ended[0].session.util_samples, 2U);
}

TEST_F(ResumedSessions, WhatIsReadAgainOfAnEarlierProcessLeavesThemAlone) {
  come(kStart, page(900, 99, kBegan));
  come(kStart + 30 * kSecond, page(100, 50, kStart + 20 * kSecond));
  come(kStart + 60 * kSecond, page(700, 70, kStart + 20 * kSecond));
  restart();
  come(kStart, page(900, 99, kBegan));
  come(kStart + 30 * kSecond, page(100, 50, kStart + 20 * kSecond));
  const auto sessions = at(kStart + 31 * kSecond);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].first_seen, kStart + 30 * kSecond);
  EXPECT_EQ(sessions[0].peak_memory_bytes, 700U);
  EXPECT_EQ(sessions[0].util_samples, 2U);
}

TEST_F(ResumedSessions, ABacklogTellsOfOneSession) {
  begin();
  restart();
  // What a relay kept while the server was away comes in a few seconds.
  EpochMs clock = kStart + 30 * kMinute;
  for (EpochMs time = kStart + 60 * kSecond; time < clock; time += 30 * kSecond, clock += kSecond / 2) {
    told->fleet.arrived(clock);
    told->scrape(time, kAgent, page(200, 20));
    at(clock);
  }
  come(clock, page(200, 20));
  const auto sessions = at(clock);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].first_seen, kStart);
  EXPECT_EQ(sessions[0].peak_memory_bytes, 400U);
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty()) << "it has never ended";
}

TEST_F(ResumedSessions, WithoutAStartAPidIsTheSameForAShortGapOnly) {
  for (const EpochMs gap : {2 * kMinute, 10 * kMinute}) {
    told.emplace();
    come(kStart, page(400, 70, std::nullopt));
    restart();
    const EpochMs now = kStart + gap;
    at(now);
    come(now, page(200, 20, std::nullopt));
    const auto sessions = at(now);
    ASSERT_THAT(sessions, SizeIs(1));
    EXPECT_EQ(sessions[0].first_seen, gap < 5 * kMinute ? kStart : now);
    come(now + 60 * kSecond, page(200, 20, std::nullopt));
    at(now + 76 * kSecond);
    EXPECT_THAT(told->fleet.take_ended(), SizeIs(gap < 5 * kMinute ? 0 : 1));
  }
}

TEST_F(ResumedSessions, OfADeviceThatIsNotKnownNobodyTakesThem) {
  begin();
  const auto sessions = all_running(told->fleet);
  ASSERT_THAT(sessions, SizeIs(1));
  told.emplace();
  EXPECT_FALSE(told->fleet.remember(sessions[0]));
  EXPECT_THAT(all_running(told->fleet), IsEmpty());
}

TEST_F(ResumedSessions, ASilenceEndsOneAndItGoesOnWhereItIsTheSameProcess) {
  begin();
  const EpochMs silent = kStart + 110 * kSecond, now = kStart + 3 * kMinute;
  EXPECT_THAT(at(silent), IsEmpty());
  ASSERT_THAT(told->fleet.take_ended(), SizeIs(1)) << "at once";
  EXPECT_THAT(all_running(told->fleet), IsEmpty());
  come(now, page(200, 20));
  const auto sessions = at(now);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].first_seen, kStart);
  EXPECT_EQ(sessions[0].util_samples, 3U);
  come(now + 30 * kSecond, kDevice);
  const auto ended = told->fleet.take_ended();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].end, now);
  EXPECT_EQ(ended[0].session.peak_memory_bytes, 400U);
}

TEST_F(ResumedSessions, AFailedScrapeEndsNoneForGood) {
  begin();
  come(kStart + 60 * kSecond, "");
  EXPECT_THAT(told->fleet.take_ended(), SizeIs(1));
  come(kStart + 90 * kSecond, page(200, 20));
  const auto sessions = at(kStart + 90 * kSecond);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].first_seen, kStart);
}

TEST_F(ResumedSessions, OneWhoseFactsAreToldOtherwiseGoesOn) {
  begin();
  std::string other = page(200, 20);
  other.replace(other.find("gpu_process_info{"), 17, "gpu_process_info{type=\"C+G\",");
  come(kStart + 60 * kSecond, other);
  const auto sessions = at(kStart + 60 * kSecond);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].facts->type, "C+G");
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty());
}

TEST_F(ResumedSessions, ARowIsNobodyElsesWhileItsSessionMayGoOn) {
  begin();
  at(kStart + 110 * kSecond);
  told->forget();
  std::string other = page(200, 20);
  for (auto place = other.find("4101"); place != std::string::npos; place = other.find("4101"))
    other.replace(place, 4, "4102");
  const EpochMs now = kStart + 3 * kMinute;
  come(now, other);
  const auto sessions = at(now);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].first_seen, now);
  EXPECT_EQ(sessions[0].facts->pid, 4102U);
}

TEST_F(ResumedSessions, AfterALongTimeAwayWhatIsReadAgainIsWaitedForToo) {
  come(kStart, page(100, 50, std::nullopt));
  restart();
  come(kStart, page(100, 50, std::nullopt));  // the journal is read again
  const EpochMs back = kStart + 3 * kMinute;
  EXPECT_THAT(at(back), IsEmpty()) << "it is silent";
  EXPECT_THAT(told->fleet.take_ended(), IsEmpty()) << "nobody has been there to hear of it";
  come(back + 30 * kSecond, page(80, 40, std::nullopt));
  const auto shown = at(back + 30 * kSecond);
  ASSERT_THAT(shown, SizeIs(1));
  EXPECT_EQ(shown[0].first_seen, kStart);
  EXPECT_EQ(shown[0].peak_memory_bytes, 100U);
}

TEST_F(ResumedSessions, OfTwoOfOneRowTheEarlierIsNotTakenUp) {
  come(kStart, page(100, 50));
  const std::vector<Running> sessions = all_running(told->fleet);
  ASSERT_THAT(sessions, SizeIs(1));
  restart();
  EXPECT_EQ(told->fleet.remember(sessions[0]), std::nullopt);
}

TEST_F(ResumedSessions, WhatIsNoNumberIsInNoMean) {
  come(kStart, page(100, 50));
  std::string without = page(100, 50);
  without.replace(without.rfind(" 50"), 3, " NaN");
  come(kStart + 30 * kSecond, without);
  const auto shown = at(kStart + 30 * kSecond);
  ASSERT_THAT(shown, SizeIs(1));
  EXPECT_EQ(shown[0].util_percent, std::nullopt);
  EXPECT_EQ(shown[0].util_sum, 50);
  EXPECT_EQ(shown[0].util_samples, 1U);
}

}  // namespace
}  // namespace tessera::fleet
