#include "server/forecast/queue_log.h"

#include <gmock/gmock.h>

#include "base/files.h"
#include "server/forecast/past.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::IsEmpty;

constexpr EpochMs kHour = kForecastHour, kStart = 500'000 * kHour, kMinute = 60'000;

fleet::PodAllocation waiting(const std::string& pod, const std::string& team, const std::string& asks) {
  fleet::PodAllocation out;
  out.id = out.pod = pod;
  out.cluster = "c";
  out.space = "ml";
  out.team = team;
  out.request = R"({"namespace":"ml","podName":")" + pod + "\"" + asks + "}";
  out.asked_at = kStart;
  return out;
}

struct QueueLogTest : testing::Test {
  QueueLogTest() {
    for (const auto& one : {waiting("a", "vision", R"(,"devices":2,"models":["H100_80GB"])"),
                            waiting("b", "vision", R"(,"resource":"nvidia.com/mig-2g.20gb","models":["H100_80GB"])"),
                            waiting("d", "", "")})
      EXPECT_TRUE(book->put(one)) << one.pod;
  }
  void look(EpochMs now) {
    Published next;
    auto view = std::make_shared<fleet::View>();
    view->time = now;
    next.view = view;
    published.publish(std::move(next));
    log.look();
  }
  std::vector<store::QueueHour> hours() {
    const auto out = changes.read([](store::Database& db) { return store::queue_hours(db, 0, kStart + 99 * kHour); });
    EXPECT_TRUE(out) << out.error().what;
    return out ? *out : std::vector<store::QueueHour>();
  }

  TempDir folder;
  Changes changes{*store::Database::open("sqlite:" + (folder.path() / "t.db").string())};
  Latest<Published> published;
  std::shared_ptr<fleet::AllocationBook> book = std::make_shared<fleet::AllocationBook>();
  bool started = true;
  QueueLog log{[this] { return book; }, published, changes, [this] { return started; }, {0ms}};
};

TEST_F(QueueLogTest, EachMinuteAddsToItsHour) {
  for (EpochMs minute = 0; minute <= 90; ++minute) look(kStart + 30'000 + minute * kMinute);
  const auto all = hours();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].observed_ms, kHour - 30'000) << "from the first look on";
  EXPECT_EQ(all[1].observed_ms, 30 * kMinute + 30'000);
  ASSERT_EQ(all[0].waited.size(), 2U);
  const double seen = static_cast<double>(all[0].observed_ms);
  EXPECT_NEAR(static_cast<double>(all[0].waited[0].gpu_ms), seen, 100) << "one that says no more is a whole device";
  EXPECT_EQ(all[0].waited[1].model, "H100_80GB");
  EXPECT_NEAR(static_cast<double>(all[0].waited[1].gpu_ms), (2 + 2.0 / 7) * seen, 100);
}

TEST_F(QueueLogTest, WhereNobodyLookedNothingIsKnown) {
  look(kStart + kMinute);
  look(kStart + 50 * kMinute);  // a silence
  look(kStart + 51 * kMinute);
  started = false;
  look(kStart + 52 * kMinute);
  const auto all = hours();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].observed_ms, kMinute);
}

TEST_F(QueueLogTest, AnEmptyQueueIsKnownToBeEmpty) {
  *book = {};
  look(kStart);
  look(kStart + kMinute);
  ASSERT_EQ(hours().size(), 1U);
  EXPECT_THAT(hours()[0].waited, IsEmpty());
}

}  // namespace
}  // namespace tessera::server
