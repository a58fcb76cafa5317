#include "agent/layout/course.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/layout/memory.h"
#include "agent/layout/sample_device.h"
#include "base/files.h"

namespace tessera::agent::layout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

class CourseTest : public testing::Test {
 protected:
  void open(CourseOptions options = {}) { course.emplace(std::move(options)); }
  void want(std::vector<Place> instances, std::uint64_t generation = 8, std::vector<Place> from = {one(0), one(1)}) {
    course->take({"default", "worker-01", generation, 3, 0, 0, {{"GPU-1", generation, std::move(from), {}, instances}}},
                 now + 10min);
  }
  Report look() {
    course->look(devices, now, wall);
    const auto found = course->reports().find("GPU-1");
    return found == course->reports().end() ? Report{.reason = "no report"} : found->second;
  }
  /// Takes the next step, which the driver answers so.
  void step(const Result<void>& outcome = {}) {
    const auto task = course->next();
    ASSERT_TRUE(task) << look().reason;
    if (outcome) apply(devices[0], task->step);
    course->took(*task, outcome, now);
  }
  std::vector<std::string> states() {
    std::vector<std::string> out;
    for (const Step& each : look().steps) out.push_back(fmt::format("{} {}", text_of(each), name_of(each.state)));
    return out;
  }

  std::optional<Course> course{std::in_place, CourseOptions{}};
  std::vector<DeviceState> devices{cut({one(0), one(1)})};
  SteadyTime now{};
  EpochMs wall = 0;
};

TEST_F(CourseTest, DoesNothingWithoutADocument) {
  EXPECT_EQ(look().reason, "no report");
  EXPECT_FALSE(course->next());
  course->take_nothing();
  look();
  EXPECT_FALSE(course->next());
}

TEST_F(CourseTest, TellsEachStepAsItComes) {
  want({two(0)});
  EXPECT_EQ(look().progress, Progress::Working);
  step();
  EXPECT_THAT(states(), ElementsAre("destroy 1g.10gb at 0:1 done", "destroy 1g.10gb at 1:1 planned",
                                    "create 2g.20gb at 0:2 planned"));
  step();
  look();
  step();
  EXPECT_EQ(look().progress, Progress::Done);
  EXPECT_EQ(look().generation, 8U);
  EXPECT_THAT(states(),
              ElementsAre("destroy 1g.10gb at 0:1 done", "destroy 1g.10gb at 1:1 done", "create 2g.20gb at 0:2 done"));
  EXPECT_EQ(course->counts(), (Counts{.documents = 1, .steps = 3}));
}

TEST_F(CourseTest, StopsWhereTheDocumentExpires) {
  want({two(0)});
  look();
  step();
  now += 10min;
  const auto report = look();
  EXPECT_EQ(report.progress, Progress::HandsOff);
  EXPECT_THAT(report.reason, HasSubstr("has expired"));
  EXPECT_FALSE(course->next());
  want({two(0)});
  EXPECT_EQ(look().progress, Progress::Working) << "a new one of the same generation";
}

TEST_F(CourseTest, StopsWhereNothingIsWantedAnyMore) {
  want({two(0)});
  look();
  course->take_nothing();
  EXPECT_EQ(look().reason, "no report");
  EXPECT_FALSE(course->next());
}

TEST_F(CourseTest, SaysWhyADocumentIsRefusedAndDropsTheOneBefore) {
  want({two(0)});
  look();
  const Document other{"default", "worker-02", 9, 3, 0, 0, {}};
  course->refuse("it is for another node", &other);
  EXPECT_EQ(look(), (Report{9, Progress::HandsOff, "it is for another node", {}}));
  EXPECT_FALSE(course->next());
  course->refuse("it cannot be read", nullptr);
  EXPECT_EQ(look().reason, "it cannot be read");
  want({two(0)}, 10);
  EXPECT_EQ(look().progress, Progress::Working);
}

TEST_F(CourseTest, WaitsWhereTheDriverSaysBusyAndTriesAgain) {
  open({.try_again = 10s});
  want({two(0)});
  look();
  step(fail(Code::Unavailable, "In use (19)"));
  EXPECT_EQ(look().progress, Progress::Waiting);
  EXPECT_EQ(look().reason, "In use (19)");
  EXPECT_FALSE(course->next());
  now += 10s;
  EXPECT_EQ(look().progress, Progress::Working);
  EXPECT_TRUE(course->next());
}

TEST_F(CourseTest, FailsForGoodWhereTheDriverRefuses) {
  want({two(0)});
  look();
  step();
  look();
  step(fail(Code::Denied, "Insufficient Permissions (4)"));
  const auto report = look();
  EXPECT_EQ(report.progress, Progress::Failed);
  EXPECT_EQ(report.reason, "Insufficient Permissions (4)");
  EXPECT_THAT(states(), ElementsAre("destroy 1g.10gb at 0:1 done", "destroy 1g.10gb at 1:1 failed"));
  now += 1min;
  want({two(0)});
  EXPECT_EQ(look().progress, Progress::Failed) << "the same generation is not tried again";
  want({two(0)}, 9);
  EXPECT_EQ(look().progress, Progress::Working) << "a new one is";
}

TEST_F(CourseTest, WaitsForItsWindow) {
  open({.windows = {{22 * 60, 4 * 60}}});
  want({two(0)});
  wall = 4 * 3'600'000;
  EXPECT_EQ(look().progress, Progress::Waiting);
  EXPECT_THAT(look().reason, HasSubstr("22:00-04:00 UTC"));
  EXPECT_FALSE(course->next());
  wall -= 1;
  EXPECT_EQ(look().progress, Progress::Working);
}

TEST_F(CourseTest, OnlyTellsInADryRun) {
  open({.dry_run = true});
  want({two(0)});
  EXPECT_EQ(look().progress, Progress::DryRun);
  EXPECT_EQ(states().size(), 3U);
  EXPECT_FALSE(course->next());
  course->take_nothing();
  EXPECT_EQ(look().progress, Progress::DryRun) << "the server has its answer, and the report stays";
}

TEST_F(CourseTest, AsksForTheDocumentAgainWhereWhatWasDoneIsLost) {
  want({one(0), one(1)});
  EXPECT_EQ(look().progress, Progress::Done);
  course->take_nothing();
  EXPECT_EQ(look().progress, Progress::Done);
  devices[0] = cut({});
  EXPECT_EQ(look().progress, Progress::HandsOff);
  EXPECT_THAT(look().reason, HasSubstr("does not stand any more"));
  EXPECT_FALSE(course->next()) << "without a document nothing is done";
  want({one(0), one(1)});
  look();
  EXPECT_TRUE(course->next());
}

TEST_F(CourseTest, LeavesToWhoMadeItWhatStandsAnewWhereSomethingHasGone) {
  want({two(2)});
  for (int steps = 0; look().progress == Progress::Working && steps < 3; ++steps) step();
  ASSERT_EQ(look().progress, Progress::Done);
  devices[0] = cut({one(0), two(2)});
  EXPECT_EQ(look().progress, Progress::HandsOff);
  EXPECT_THAT(look().reason, HasSubstr("changed by somebody else: 1g.10gb at 0:1"));
  EXPECT_FALSE(course->next());
  want({two(2)});
  EXPECT_EQ(look().progress, Progress::HandsOff) << "told the same again";
  want({two(2)}, 9, {one(0), two(2)});
  EXPECT_EQ(look().progress, Progress::Working) << "a new one that was planned from it takes it away";
}

/// A server whose database was restored does not know what it has numbered since.
TEST_F(CourseTest, TakesAnotherWishOfTheSameGenerationForAnother) {
  want({two(0)});
  for (int i = 0; i < 3; ++i) {
    look();
    step();
  }
  ASSERT_EQ(look().progress, Progress::Done);
  want({one(0), one(1)}, 8, {two(0)});
  EXPECT_EQ(look().progress, Progress::Working) << "what stands is what it was planned from: " << look().reason;
  EXPECT_THAT(states(), ElementsAre("destroy 2g.20gb at 0:2 planned", "create 1g.10gb at 0:1 planned",
                                    "create 1g.10gb at 1:1 planned"));
}

TEST_F(CourseTest, GoesOnAfterARestartInTheMiddle) {
  want({two(2)});
  look();
  step();
  open();
  want({two(2)});
  EXPECT_EQ(look().progress, Progress::Working) << look().reason;
  for (int steps = 0; look().progress == Progress::Working && steps < 3; ++steps) step();
  EXPECT_EQ(look().progress, Progress::Done);
}

TEST_F(CourseTest, TouchesNoDeviceThatIsNotNamed) {
  devices.push_back(cut({one(3)}));
  devices[1].uuid = "GPU-2";
  want({two(0)});
  look();
  EXPECT_EQ(course->reports().size(), 1U);
}

TEST(MemoryOfDocuments, LastsOverARestart) {
  const TempDir folder;
  const Ourselves us{"default", "worker-01"};
  {
    auto memory = Memory::open(folder.path() / "made", us);
    ASSERT_TRUE(memory) << memory.error().what;
    EXPECT_EQ(memory->newest(), Newest{});
    ASSERT_TRUE(memory->remember({3, 8}));
  }
  EXPECT_EQ(Memory::open(folder.path() / "made", us)->newest(), (Newest{3, 8}));
  EXPECT_THAT(Memory::open(folder.path() / "made", {"default", "worker-02"}).error().what, HasSubstr("of its own"));
}

TEST(MemoryOfDocuments, IsNotPassedOverWhereItCannotBeRead) {
  const TempDir folder;
  for (const char* bad : {"", "{}", R"({"cluster":"default","node":"worker-01","epoch":-1,"generation":2})"}) {
    ASSERT_TRUE(write_file_atomically(folder.path() / "layout.json", bad));
    const auto memory = Memory::open(folder.path(), {"default", "worker-01"});
    ASSERT_FALSE(memory) << bad;
    EXPECT_EQ(memory.error().code, Code::Invalid);
  }
}

}  // namespace
}  // namespace tessera::agent::layout
