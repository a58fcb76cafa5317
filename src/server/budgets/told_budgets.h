#pragma once
// For tests: a ledger that is written by hand, and budgets over it.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fleet/cost/ledger.h"
#include "server/budgets/budgets.h"
#include "server/cost/told_history.h"
#include "store/cost_ledger.h"

namespace tessera::server {

struct ToldBudgets : testing::Test {
  static constexpr EpochMs kStart = 1'799'971'200'000;  ///< 2027-01-15T00:00:00Z
  static constexpr EpochMs kBucket = fleet::kCostBucket.count(), kHour = 4 * kBucket, kDay = 24 * kHour;
  static constexpr fleet::Micros kUnit = fleet::kUnit;
  using Spent = std::map<std::string, fleet::Micros>;  ///< by team; nobody's is unallocated

  ToldBudgets() { open(); }

  void open(bool leads = true) {
    budgets.reset();
    BudgetOptions options;
    options.leads = leads;
    options.look_every = Milliseconds(0);
    budgets =
        std::make_unique<Budgets>(history.published, changes, history.readers, [] { return true; }, std::move(options));
  }

  static std::vector<store::CostPosting> postings(const Spent& spent) {
    std::vector<store::CostPosting> out;
    for (const auto& [team, micros] : spent) {
      store::CostPosting& one = out.emplace_back();
      one.subject.device_id = "w1-GPU-00";
      one.kind = team.empty() ? fleet::CostKind::Unallocated : fleet::CostKind::Used;
      one.amount = {micros, kBucket, 0};
      if (team.empty()) continue;
      one.owner.emplace();
      one.owner->space = team + "-space";
      one.owner->project = team + "-project";
      one.owner->team = team;
    }
    return out;
  }
  /// Closes `count` buckets from the `first` of the day on, each with so much.
  void close(int first, int count, const Spent& each) {
    for (int i = first; i < first + count; ++i)
      ASSERT_TRUE(*writer.close(kStart + i * kBucket, postings(each), kStart + (i + 1) * kBucket));
  }
  void correct(int bucket, const Spent& to) {
    ASSERT_TRUE(writer.correct({kStart + bucket * kBucket, 0}, postings(to), kStart + kDay));
  }
  /// As of the end of this bucket of the day.
  void look(int bucket) {
    history.publish(kStart + bucket * kBucket);
    const auto done = budgets->look();
    ASSERT_TRUE(done) << (done ? "" : done.error().what);
  }

  static http::Request request(const std::string& method, const std::string& path = "/budgets") {
    http::Request out;
    out.method = method;
    out.path = path;
    return out;
  }
  static fleet::budgets::Budget budget(const std::string& name, fleet::budgets::Scope scope, fleet::Micros amount,
                                       std::vector<fleet::budgets::Threshold> thresholds = {}) {
    fleet::budgets::Budget out;
    out.name = name;
    out.scope = std::move(scope);
    out.period.kind = fleet::budgets::PeriodKind::Day;
    out.amount = amount;
    out.currency = "USD";
    out.thresholds = std::move(thresholds);
    return out;
  }
  /// Its id.
  std::string add(const fleet::budgets::Budget& one) {
    const auto reply = budgets->add(request("POST"), one);
    EXPECT_EQ(reply.status, 201) << reply.body;
    for (const BudgetStanding& known : budgets->book()->budgets)
      if (known.kept.budget.name == one.name) return known.kept.budget.id;
    return "";
  }
  const BudgetStanding& of(const std::string& name) {
    shown = budgets->book();
    for (const BudgetStanding& one : shown->budgets)
      if (one.kept.budget.name == name) return one;
    throw std::runtime_error("there is no budget " + name);
  }
  /// `80 actual`, of the period that is shown.
  std::vector<std::string> crossed(const std::string& name) {
    std::vector<std::string> out;
    for (const fleet::budgets::Crossing& one : of(name).crossings)
      out.push_back(std::to_string(one.threshold.percent) + " " +
                    std::string(fleet::budgets::basis_name(one.threshold.on)));
    return out;
  }

  ToldHistory history;
  Changes changes{history.open()};
  store::CostWriter writer{*history.database};
  std::unique_ptr<Budgets> budgets;
  std::shared_ptr<const BudgetBook> shown;
};

}  // namespace tessera::server
