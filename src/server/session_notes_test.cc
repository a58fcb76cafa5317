#include "server/session_notes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"
#include "store/database.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kSecond = 1'000;
const std::string kTarget = R"(job="tessera-agent",node="a")";

/// A device with these processes.
std::string page(std::initializer_list<unsigned> pids, int percent, const std::string& type = "C") {
  std::string out = "gpu_device_info{gpu=\"0\",UUID=\"GPU-1\",model=\"NVIDIA L40S\"} 1\n";
  for (const unsigned pid : pids) {
    const std::string who = fmt::format(R"(gpu="0",pid="{}",command="python3",UUID="GPU-1")", pid);
    out += fmt::format("gpu_process_info{{{},type=\"{}\"}} 1\n", who, type) +
           fmt::format("gpu_process_start_time_seconds{{{}}} 1799999000\n", who) +
           fmt::format("gpu_process_utilization{{{}}} {}\n", who, percent);
  }
  return out;
}

struct SessionNotesTest : testing::Test {
  void come(EpochMs time, const std::string& text) { told->scrape(time, kTarget, text); }

  /// How many were noted, and those that were noted as gone.
  std::pair<std::size_t, std::vector<std::int64_t>> note(SteadyTime now, bool all = false) {
    const store::RunningChanges changes = notes.changes(told->fleet, now, all);
    EXPECT_TRUE(store::write_running(*database, changes));
    notes.saved();
    return {changes.now.size(), changes.gone};
  }
  std::vector<store::RunningSession> noted() {
    auto read = store::running_sessions(*database);
    if (!read) throw std::runtime_error(read.error().what);
    return *std::move(read);
  }
  std::unique_ptr<store::Database> open() {
    auto opened = store::Database::open("sqlite::memory:");
    if (!opened) throw std::runtime_error(opened.error().what);
    return *std::move(opened);
  }

  std::unique_ptr<store::Database> database = open();
  std::optional<fleet::ToldPages> told{std::in_place};
  SessionNotes notes{60s};
  SteadyTime begin = std::chrono::steady_clock::now();
};

TEST_F(SessionNotesTest, WhatBeginsAndEndsIsNotedAtOnceAndNumbersOnceInARhythm) {
  come(kStart, page({1, 2}, 50));
  EXPECT_EQ(note(begin).first, 2U);
  EXPECT_EQ(note(begin + 5s).first, 0U) << "nothing has changed";
  come(kStart + 30 * kSecond, page({1, 2}, 60));
  EXPECT_EQ(note(begin + 30s).first, 0U) << "their numbers may wait";
  EXPECT_EQ(noted().at(0).running.session.util_samples, 1U);
  EXPECT_EQ(note(begin + 60s).first, 2U);
  EXPECT_EQ(noted().at(0).running.session.util_samples, 2U);
  EXPECT_EQ(note(begin + 120s).first, 0U) << "they are as they were noted";
  come(kStart + 60 * kSecond, page({2, 3}, 60));
  const auto [now, gone] = note(begin + 121s);
  EXPECT_EQ(now, 2U) << "one has begun, another one is a rhythm old";
  EXPECT_THAT(gone, ElementsAre(1));
  EXPECT_THAT(noted(), SizeIs(2));
}

TEST_F(SessionNotesTest, AllAreNotedAtTheEnd) {
  come(kStart, page({1, 2}, 50));
  note(begin);
  come(kStart + 30 * kSecond, page({1, 2}, 60));
  EXPECT_EQ(note(begin + 1s, true).first, 2U);
  EXPECT_EQ(noted().at(1).running.session.util_samples, 2U);
}

TEST_F(SessionNotesTest, WhatIsToldOtherwiseIsNotedAtOnce) {
  come(kStart, page({1}, 50));
  note(begin);
  come(kStart + 30 * kSecond, page({1}, 60, "C+G"));
  EXPECT_EQ(note(begin + 30s).first, 1U);
  EXPECT_EQ(noted().at(0).running.session.facts->type, "C+G");
}

TEST_F(SessionNotesTest, WhatCouldNotBeSavedIsToldAgain) {
  come(kStart, page({1, 2}, 50));
  EXPECT_THAT(notes.changes(told->fleet, begin, false).now, SizeIs(2));
  EXPECT_THAT(notes.changes(told->fleet, begin + 5s, false).now, SizeIs(2));
  note(begin + 10s);
  come(kStart + 30 * kSecond, page({1}, 50));
  EXPECT_THAT(notes.changes(told->fleet, begin + 30s, false).gone, SizeIs(1));
  EXPECT_THAT(note(begin + 35s).second, SizeIs(1));
  EXPECT_THAT(noted(), SizeIs(1));
}

TEST_F(SessionNotesTest, ARestartGoesOnUnderTheSameNumbers) {
  come(kStart, page({1, 2}, 50));
  note(begin);
  const auto before = noted();
  told.emplace();
  fleet::Remembered device{"default", "a", {}};
  fleet::DeviceFacts facts;
  facts.uuid = "GPU-1";
  device.device.facts = std::make_shared<const fleet::DeviceFacts>(std::move(facts));
  told->fleet.remember(device);
  SessionNotes after(60s);
  for (const auto& one : before) {
    const auto row = told->fleet.remember(one.running);
    ASSERT_TRUE(row);
    after.resumed(*row, one, begin);
  }
  after.left_over(7);
  const auto& first = after.changes(told->fleet, begin, false);
  EXPECT_THAT(first.now, IsEmpty());
  EXPECT_THAT(first.gone, ElementsAre(7));
  after.saved();
  come(kStart + 600 * kSecond, page({1, 3}, 50));
  const auto& changes = after.changes(told->fleet, begin + 1s, true);
  ASSERT_THAT(changes.now, SizeIs(2)) << "the second may still go on, as it was";
  EXPECT_THAT(changes.gone, IsEmpty());
  const auto known = std::ranges::find(before, 1U, [](const auto& one) { return one.running.session.facts->pid; });
  ASSERT_NE(known, before.end());
  for (const auto& [id, one] : changes.now) {
    EXPECT_EQ(id, one.session.facts->pid == 1 ? known->id : 8);
    EXPECT_EQ(one.session.first_seen, one.session.facts->pid == 1 ? kStart : kStart + 600 * kSecond);
  }
}

TEST_F(SessionNotesTest, ANumberIsGivenOnceEvenIfNobodyKnowsWhetherItWasSaved) {
  come(kStart, page({1, 2}, 50));
  // It is committed, and the answer is lost.
  EXPECT_TRUE(store::write_running(*database, notes.changes(told->fleet, begin, false)));
  come(kStart + 30 * kSecond, page({2}, 50));
  told->fleet.advance(kStart + 30 * kSecond);
  note(begin);
  const auto kept = noted();
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_EQ(kept[0].running.session.facts->pid, 2U);
}

}  // namespace
}  // namespace tessera::server
