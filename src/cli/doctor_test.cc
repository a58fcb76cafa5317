#include "cli/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <stdexcept>

#include "cli/fake_node.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;
using testing::Not;

Findings well(const Node&) { return {{Status::Ok, "a", "fine", "", {}}}; }
Findings so_so(const Node&) { return {{Status::Warning, "b", "odd", "look", {}}}; }
Findings ill(const Node&) { return {{Status::Problem, "c", "broken", "mend", {}}}; }
Findings throws(const Node&) { throw std::runtime_error("no luck"); }

/// Never destroyed: the check that hangs may still be on its way out of it when the program ends.
std::promise<void>& release = *new std::promise<void>;
const std::shared_future<void>& released = *new std::shared_future<void>(release.get_future());
Findings hangs(const Node&) {
  released.wait();
  return {};
}

TEST(RunChecks, KeepsTheTablesOrderAndGivesTheExitCode) {
  const Check kChecks[] = {{"one", "", well}, {"two", "", so_so}, {"three", "", ill}};
  const auto all = run_checks(kChecks, FakeNode().node, Milliseconds(60'000));
  ASSERT_EQ(all.report.size(), 3U);
  EXPECT_EQ(all.report[0].check, "one");
  EXPECT_EQ(statuses(all.report[2].findings), "problem");
  EXPECT_EQ(all.exit_code(), 1);
  EXPECT_FALSE(all.stuck);
  EXPECT_EQ(run_checks(std::span(kChecks).first(2), FakeNode().node, Milliseconds(60'000)).exit_code(), 0);
}

TEST(RunChecks, ACheckThatThrowsIsAFindingOfItsOwn) {
  const Check kChecks[] = {{"thrower", "the sky", throws}, {"one", "", well}};
  const auto out = run_checks(kChecks, FakeNode().node, Milliseconds(60'000));
  EXPECT_EQ(statuses(out.report[0].findings), "warning");
  EXPECT_THAT(words(out.report[0].findings), HasSubstr("no luck"));
  EXPECT_EQ(statuses(out.report[1].findings), "ok");
}

TEST(RunChecks, ACheckThatHangsDelaysNobody) {
  const Check kChecks[] = {{"hanger", "a dead disk", hangs}, {"one", "", well}};
  const auto out = run_checks(kChecks, FakeNode().node, Milliseconds(100));
  EXPECT_TRUE(out.stuck);
  EXPECT_EQ(statuses(out.report[0].findings), "problem");
  EXPECT_THAT(words(out.report[0].findings), HasSubstr("a dead disk: no end of this check after 100ms"));
  EXPECT_EQ(out.report[1].check, "one");
  release.set_value();
}

TEST(Checks, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const auto& check : checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_FALSE(check.looks_at.empty()) << check.name;
    EXPECT_EQ(check.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << check.name;
  }
}

/// Every check, on trees with nothing in them, with a driver that is not there and with one that knows no device.
TEST(Checks, StandAnEmptyNode) {
  for (const bool driver : {false, true}) {
    FakeNode fake;
    if (driver)
      fake.driver("550.54");
    else
      fake.node.driver.failure = fail(Code::NotFound, "no driver");
    const auto out = run_checks(checks(), std::move(fake.node), Milliseconds(60'000));
    EXPECT_FALSE(out.stuck);
    for (const auto& section : out.report)
      for (const auto& finding : section.findings) {
        EXPECT_FALSE(finding.looked_at.empty()) << section.check;
        EXPECT_FALSE(finding.seen.empty()) << section.check;
        EXPECT_EQ(finding.advice.empty(), finding.status == Status::Ok) << section.check << ": " << finding.seen;
        EXPECT_THAT(finding.seen, Not(HasSubstr("the check itself failed"))) << section.check;
      }
  }
}

}  // namespace
}  // namespace tessera::cli
