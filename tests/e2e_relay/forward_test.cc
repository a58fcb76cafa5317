// What targets expose is what two stores hold afterwards: count, labels, values, times and ends.
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/e2e/node.h"
#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"

namespace tessera::e2e {
namespace {
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class Forward : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = missing_receivers(); !missing.empty()) GTEST_SKIP() << missing;
    receivers_.push_back(prometheus_receiver());
    receivers_.push_back(victoria_metrics_receiver());
  }
  std::string destinations() const { return "remote_write:\n" + write_to({receivers_[0].get(), receivers_[1].get()}); }
  /// Waits until every receiver has a sample of the selector.
  void arrived(const std::string& selector, std::size_t series = 1) {
    for (const auto& receiver : receivers_)
      EXPECT_TRUE(eventually([&] { return receiver->samples(selector).size() >= series; }))
          << selector << " in " << receiver->name();
  }
  /// Waits until the selector has no value any more; the time of that is after all its samples.
  void vanished(const std::string& selector) {
    for (const auto& receiver : receivers_) {
      const auto points = only(receiver->samples(selector));
      ASSERT_FALSE(points.empty());
      EXPECT_TRUE(eventually([&] { return receiver->at(selector, now_epoch_ms()).empty(); }))
          << selector << " is still in " << receiver->name();
      EXPECT_EQ(receiver->at(selector, points.back().time).size(), 1U) << "its last sample stands";
    }
  }

  std::vector<std::unique_ptr<Receiver>> receivers_;
};

TEST_F(Forward, EverySampleOfEveryPageIsInBothStores) {
  CountingTargets targets(10, 20);
  Relay relay(global("250ms", ", external_labels: {cluster: east}") + "scrape_configs:\n" + targets.job("load") +
              destinations());
  EXPECT_TRUE(targets.asked(12));
  targets.finish();
  for (const auto& receiver : receivers_) {
    EXPECT_THAT(lasting_differences(targets, *receiver, "load"), IsEmpty());
    for (const auto& [labels, points] : receiver->samples("work_total"))
      EXPECT_THAT(labels, testing::Contains(Pair("cluster", "east")));
  }
  EXPECT_TRUE(relay.has_sent_all());
  EXPECT_EQ(receivers_[0]->samples("work_total"), receivers_[1]->samples("work_total"))
      << "the same labels, values and times";
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0);
  EXPECT_EQ(relay.stop(), 0);
}

}  // namespace
}  // namespace tessera::e2e
