#include "cli/budgets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* kSearch = R"({"id":"b1","name":"search","scope":"team","scopeName":"search","period":"month",
 "timeZone":"Asia/Seoul","amount":"1000.00","currency":"USD","thresholds":[{"percent":80,"on":"actual"},
 {"percent":100,"on":"forecast"}],"enforcement":"warn","enforceOn":"actual","trouble":null,
 "standing":{"period":{"start":"2027-01-01T00:00:00+09:00","end":"2027-02-01T00:00:00+09:00"},
  "closedUntil":"2027-01-02T03:00:00.000Z","spent":"812.50","spentPercent":81.25,"remaining":"187.50",
  "evenPace":"48.387096","overspent":false,"noForecast":null,
  "forecast":{"value":"1200.00","low":"1100.00","high":"1300.00","hourlyError":"0.25","historyHours":840,
   "aheadHours":717,"methods":[{"name":"repeat_week","weight":0.75},{"name":"theta","weight":0.25}]},
  "crossings":[{"percent":80,"on":"actual"}],
  "burnDown":[{"start":"2027-01-01T00:00:00+09:00","spent":"800.00","spentBy":"800.00","evenBy":"32.258064","closed":true},
   {"start":"2027-01-02T00:00:00+09:00","spent":"12.50","spentBy":"812.50","evenBy":"64.516129","closed":false},
   {"start":"2027-01-03T00:00:00+09:00","spent":null,"spentBy":null,"evenBy":"96.774193","closed":false}]}})";

TEST(BudgetsTable, HasALineForEach) {
  const JsonValue fresh =
      JsonValue::parse(R"({"name":"all","scope":"fleet","scopeName":null,"period":"day","amount":"5.00",
      "currency":"USD","trouble":null,"standing":null})");
  EXPECT_EQ(budgets_table({{"items", JsonValue::array({JsonValue::parse(kSearch), fresh})}}),
            "NAME    SCOPE        PERIOD       AMOUNT   SPENT           EVEN PACE  FORECAST  STATE\n"
            "search  team:search  month   1000.00 USD  812.50  81.25 %  48.387096   1200.00  crossed 80 %\n"
            "all     fleet        day        5.00 USD       –        –          –         –\n");
  EXPECT_THAT(budgets_table({{"items", JsonValue::array()}}), HasSubstr("There are no budgets"));
}

TEST(BudgetsTable, WritesPercentsOut) {
  auto far = JsonValue::parse(kSearch);
  far["standing"]["spentPercent"] = 20890.4;
  EXPECT_THAT(budgets_table({{"items", {far}}}), HasSubstr("  20890.40 %  "));
  far["standing"]["spentPercent"] = 0.01;
  EXPECT_THAT(budgets_table({{"items", {far}}}), HasSubstr("  0.01 %  "));
}

TEST(BudgetText, SaysHowItStands) {
  const std::string text = budget_text(JsonValue::parse(kSearch));
  EXPECT_THAT(text, HasSubstr("spent        812.50 (81.25 %), closed until 2027-01-02T03:00:00.000Z\n"));
  EXPECT_THAT(text, HasSubstr("1200.00 (1100.00 to 1300.00), from 840 hours for 717 ahead; an hour was off by 0.25 in "
                              "the backtest; repeat_week 75 %, theta 25 %\n"));
  EXPECT_THAT(text, HasSubstr("thresholds   80 % actual, 100 % forecast\n"));
  EXPECT_THAT(text, HasSubstr("2027-01-02 (so far)   12.50         812.50  64.516129\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("2027-01-03"))) << "nobody knows the future";
  JsonValue young = JsonValue::parse(kSearch);
  young["standing"]["forecast"] = nullptr;
  young["standing"]["noForecast"] = "too little history";
  EXPECT_THAT(budget_text(young), HasSubstr("none: too little history\n"));
}

BudgetsCommand parsed(const std::vector<std::string>& words) {
  const auto command = parse_arguments(words);
  EXPECT_TRUE(command) << (command ? "" : command.error().what);
  const auto* out = command ? std::get_if<BudgetsCommand>(&*command) : nullptr;
  EXPECT_TRUE(out);
  return out ? *out : BudgetsCommand();
}

TEST(BudgetsCommandLine, AsksForAllOrOne) {
  EXPECT_EQ(parsed({"budgets"}).name, "");
  EXPECT_EQ(parsed({"budgets", "--csv"}).form, CostForm::Csv);
  EXPECT_THAT(parsed({"budgets", "--scope", "team"}).query, ElementsAre(Pair("scope", "team")));
  EXPECT_EQ(parsed({"budgets", "search", "-o", "json"}).name, "search");
  EXPECT_EQ(parsed({"budgets", "search", "-o", "json"}).form, CostForm::Json);
  EXPECT_THAT(parse_arguments({"budgets", "search", "--csv"}).error().what, HasSubstr("one budget is no table"));
}

}  // namespace
}  // namespace tessera::cli
