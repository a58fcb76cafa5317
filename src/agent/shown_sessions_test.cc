#include "agent/shown_sessions.h"

#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {

const Subject kWhole = subject_of(whole_device(0));

Session share(unsigned pid, std::optional<double> sm_percent, std::optional<double> memory_ratio) {
  Session one = session(kWhole, pid, kTrain);
  one.sm_percent = sm_percent;
  one.memory_ratio = memory_ratio;
  return one;
}

ExposeOptions without_pid() {
  ExposeOptions options;
  options.session_pid = options.session_command = false;
  return options;
}

TEST(ShownSessions, AreAsTheyAreWithPid) {
  const std::vector<Session> two{share(1, 70, 0.7), share(2, 70, 0.7)};
  const auto shown = shown_sessions(two, {});
  EXPECT_EQ(shown.rows.size(), 2U);
  EXPECT_TRUE(shown.clamped.empty());
}

TEST(ShownSessions, SumsAreAtMostTheWholeAndCounted) {
  const struct {
    double sm, memory;
    double want_sm, want_memory;
    std::uint64_t clamped;
  } kCases[] = {{40, 0.25, 80, 0.5, 0}, {50, 0.5, 100, 1, 0}, {70, 0.25, 100, 0.5, 1}, {70, 0.75, 100, 1, 2}};
  for (const auto& c : kCases) {
    const auto shown = shown_sessions({share(1, c.sm, c.memory), share(2, c.sm, c.memory)}, without_pid());
    ASSERT_EQ(shown.rows.size(), 1U);
    EXPECT_EQ(shown.rows[0].sm_percent, c.want_sm);
    EXPECT_EQ(shown.rows[0].memory_ratio, c.want_memory);
    const auto counted = shown.clamped.find(kWhole.uuid);
    EXPECT_EQ(counted == shown.clamped.end() ? 0 : counted->second, c.clamped);
  }
}

TEST(ShownSessions, ASumWithAnUnknownPartIsUnknown) {
  Session untold = share(2, std::nullopt, std::nullopt);
  untold.memory_bytes.reset();
  const std::vector<Session> orders[] = {{share(1, 30, 0.25), untold, share(3, 30, 0.25)},
                                         {untold, share(1, 30, 0.25), share(3, 30, 0.25)}};
  for (const auto& sessions : orders) {
    const auto shown = shown_sessions(sessions, without_pid());
    ASSERT_EQ(shown.rows.size(), 1U);
    EXPECT_EQ(shown.rows[0].memory_bytes, std::nullopt);
    EXPECT_EQ(shown.rows[0].memory_ratio, std::nullopt);
    EXPECT_EQ(shown.rows[0].sm_percent, std::nullopt);
  }
}

}  // namespace
}  // namespace tessera::agent
