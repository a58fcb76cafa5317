// The wall clock of the relay's machine is set while it scrapes. The receivers' clocks, and the tests', stay right.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/set_clock.h"
#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using testing::IsEmpty;

using ClockJumps = TwoStores;

std::size_t points_in(Receiver& receiver, const std::string& selector) {
  std::size_t sum = 0;
  for (const auto& [labels, points] : receiver.samples(selector)) sum += points.size();
  return sum;
}

/// Between neighbours of a series.
EpochMs widest_gap(Receiver& receiver, const std::string& selector) {
  EpochMs widest = 0;
  for (const auto& [labels, points] : receiver.samples(selector))
    for (std::size_t i = 1; i < points.size(); ++i) widest = std::max(widest, points[i].time - points[i - 1].time);
  return widest;
}

TEST_F(ClockJumps, OfMinutesLoseNothingAndKeepTheOrder) {
  SetClock clock;
  CountingTargets targets(5, 2);
  Relay relay(global() + "scrape_configs:\n" + targets.job("load") + to_both(), {}, clock.environment());
  for (const auto offset : {0s, 120s, 0s, -300s, 60s, 0s}) {
    clock.move_by(offset);
    EXPECT_TRUE(targets.asked(4));
  }
  targets.finish();
  for (const auto& store : stores()) {
    EXPECT_THAT(lasting_differences(targets, *store, "load", {}, 120'000 + kUsuallyAhead), IsEmpty()) << store->name();
    EXPECT_GT(widest_gap(*store, "work_total"), 119'000) << "the clock has been moved";
  }
  EXPECT_TRUE(relay.has_sent_all());
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0);
  EXPECT_EQ(relay.stop(), 0);
}

TEST_F(ClockJumps, BackLeaveTheEndOfATargetBehindItsLastSample) {
  SetClock clock;
  const ScriptedTarget stays("stays 1\n"), goes("goes 1\n");
  const auto config = [&](const std::vector<std::string>& addresses) {
    return global() + "scrape_configs:\n" + static_job("ends", addresses) + to_both();
  };
  Relay relay(config({stays.address(), goes.address()}), {}, clock.environment());
  ASSERT_TRUE(arrived("goes"));
  clock.move_by(-120s);
  EXPECT_TRUE(goes.asked(2));
  relay.configure(config({stays.address()}));
  EXPECT_TRUE(vanished("goes"));
  EXPECT_TRUE(vanished("up{instance=\"" + goes.address() + "\"}"));
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0) << "no receiver finds an end to be too old";
  EXPECT_EQ(relay.stop(), 0);
}

TEST_F(ClockJumps, BackByMoreThanTenMinutesAreBelieved) {
  SetClock clock;
  CountingTargets targets(3, 2);
  Relay relay(global() + "scrape_configs:\n" + targets.job("load") + to_both(), {}, clock.environment());
  for (const auto offset : {0min, -30min, 0min}) {
    clock.move_by(offset);
    EXPECT_TRUE(targets.asked(4));
  }
  targets.finish();
  EXPECT_TRUE(relay.has_sent_all());
  const double refused = relay.sum("tessera_relay_dropped_samples_total", {"destination=\"prometheus\""});
  EXPECT_GE(refused, 4 * 3 * (4 + 5)) << "it takes nothing that is older than what it has";
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total", {"destination=\"victoria-metrics\""}), 0);
  EXPECT_EQ(relay.stop(), 0);
  EXPECT_EQ(static_cast<double>(points_in(victoria_metrics(), "{job=\"load\"}")),
            static_cast<double>(points_in(prometheus(), "{job=\"load\"}")) + refused)
      << "all of it is there or counted";
  for (const auto& [labels, points] : prometheus().samples("work_total")) {
    const auto pages = targets.served(std::stoi(labels.at("target")));
    EXPECT_EQ(points.back().value, static_cast<double>(pages.size())) << "what came after the jump is taken again";
  }
}

}  // namespace
}  // namespace tessera::e2e
