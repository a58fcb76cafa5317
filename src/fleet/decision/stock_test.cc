#include "fleet/decision/stock.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "fleet/decision/decide.h"
#include "fleet/decision/samples.h"

namespace tessera::fleet::decision {
namespace {

/// A policy of which is counted how often it is asked what a place costs.
class Counting : public Policy {
 public:
  explicit Counting(std::string_view name) : of_(*make_policy(name, {})) {}
  std::string_view name() const override { return of_->name(); }
  const Mix& mix() const override { return of_->mix(); }
  std::string_view node_policy() const override { return of_->node_policy(); }
  bool weighs_devices() const override { return of_->weighs_devices(); }
  Cost cost(const Option& option, const Need& need) override {
    ++asked;
    return of_->cost(option, need);
  }
  std::string explain(const Term& term) const override { return of_->explain(term); }
  std::size_t asked = 0;

 private:
  std::unique_ptr<Policy> of_;
};

struct StockMinds : testing::Test {
  StockMinds() {
    for (const std::string_view name : {"default", "packing", "fgd", "spread", "cost"})
      policies.push_back(std::make_unique<Counting>(name));
    Supply supply;
    for (unsigned i = 0; i < 24; ++i) supply.candidates.push_back(some_device(i));
    stock = std::make_unique<Stock>(std::move(supply));
  }
  Candidate some_device(unsigned number) {
    if (random() % 3 == 0) {
      Candidate out = t4(number);
      if (random() % 2 == 0) out.held_by = "ml/t";
      return out;
    }
    Candidate out = random() % 2 == 0 ? h100(number) : a100(number);
    for (unsigned start = 0; start < 7; ++start)
      if (random() % 3 == 0) out.pieces.push_back(piece(k1g, start, 1, random() % 2 == 0 ? "ml/p" : ""));
    return out;
  }
  std::vector<std::unique_ptr<Counting>> policies;
  std::unique_ptr<Stock> stock;
  std::mt19937_64 random{37};
};

/// Who is interactive goes where nobody works: devices are not alike of which one has a neighbour that is idle.
TEST(StockOfKinds, TellsBusyNeighboursFromIdleOnes) {
  Candidate busy = h100(0), idle = h100(1);
  busy.pieces = idle.pieces = {piece(k3g, 0, 4, "ml/a")};
  idle.pieces[0].idle = std::chrono::minutes(5);
  Stock stock(Supply{.candidates = {busy, idle}});
  const auto policy = *make_policy("default", {});
  const Need need{.memory_mib = 9'000, .type = WorkloadType::Interactive, .mig = MigUse::Required};
  const auto chosen = [&] { return std::get<Decision>(decide(stock, need, *policy)).grants.at(0).candidate; };
  EXPECT_EQ(chosen(), 1U);
  std::swap(busy.pieces[0].idle, idle.pieces[0].idle);
  stock.set(0, busy);
  stock.set(1, idle);
  EXPECT_EQ(chosen(), 0U);
}

TEST_F(StockMinds, TheLastOnesAreNotAskedAgain) {
  const Need need{.memory_mib = 9'000, .mig = MigUse::Required};
  const auto asked_by = [&](std::size_t number) {
    const std::size_t before = policies[number]->asked;
    EXPECT_TRUE(std::holds_alternative<Decision>(decide(*stock, need, *policies[number])));
    return policies[number]->asked - before;
  };
  for (std::size_t i = 0; i < kMinds; ++i) EXPECT_GT(asked_by(i), 0U);
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < kMinds; ++i) EXPECT_EQ(asked_by(i), 0U) << policies[i]->name();
  EXPECT_GT(asked_by(kMinds), 0U);
  EXPECT_GT(asked_by(0), 0U) << "it was not asked for longest";
  stock->forget(*policies[0]);
  EXPECT_GT(asked_by(0), 0U);
}

TEST_F(StockMinds, EachDecidesAsOnTheSupplyWhateverWasAskedBetween) {
  int decided = 0;
  for (int step = 0; step < 400; ++step) {
    const auto at = static_cast<unsigned>(random() % 24);
    stock->set(at, some_device(at));
    Counting& policy = *policies[random() % policies.size()];
    Need need{.memory_mib = 1 + random() % 40'000};
    if (random() % 3 == 0) need = {.devices = 1 + static_cast<unsigned>(random() % 2), .mig = MigUse::Never};
    const auto verdict = decide(*stock, need, policy), expected = decide(stock->supply(), need, policy);
    ASSERT_EQ(verdict.index(), expected.index()) << "step " << step;
    const auto* decision = std::get_if<Decision>(&verdict);
    if (!decision) continue;
    ++decided;
    const auto& other = std::get<Decision>(expected);
    ASSERT_EQ(decision->reason.sentence, other.reason.sentence) << policy.name() << ", step " << step;
    ASSERT_EQ(decision->grants[0].candidate, other.grants[0].candidate);
  }
  EXPECT_GT(decided, 100);
}

}  // namespace
}  // namespace tessera::fleet::decision
