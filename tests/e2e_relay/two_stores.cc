#include "tests/e2e_relay/two_stores.h"

#include "tests/e2e_relay/relay.h"

namespace tessera::e2e {

void TwoStores::SetUp() {
  if (const auto missing = missing_receivers(); !missing.empty()) GTEST_SKIP() << missing;
  stores_.push_back(prometheus_receiver());
  stores_.push_back(victoria_metrics_receiver());
}

std::string TwoStores::to_both() const { return "remote_write:\n" + write_to({stores_[0].get(), stores_[1].get()}); }

bool TwoStores::arrived(const std::string& selector, std::size_t series) {
  bool all = true;
  for (const auto& store : stores_) all = eventually([&] { return store->samples(selector).size() >= series; }) && all;
  return all;
}

bool TwoStores::vanished(const std::string& selector) {
  bool all = true;
  for (const auto& store : stores_) {
    const Samples before = store->samples(selector);
    EXPECT_FALSE(before.empty()) << selector << " has never been in " << store->name();
    all = eventually([&] { return store->at(selector, now_epoch_ms()).empty(); }) && all;
    for (const auto& [labels, points] : store->samples(selector))
      EXPECT_FALSE(store->at(selector, points.back().time).empty()) << "its last sample stands in " << store->name();
  }
  return all;
}

Samples TwoStores::agreed(const std::string& selector) {
  Samples one, other;
  EXPECT_TRUE(eventually([&] {
    one = prometheus().samples(selector);
    other = victoria_metrics().samples(selector);
    return one == other;
  })) << selector
      << ": prometheus has " << testing::PrintToString(one) << ", victoria-metrics " << testing::PrintToString(other);
  return one;
}

}  // namespace tessera::e2e
