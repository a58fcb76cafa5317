#include "cli/forecast.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* kCost = R"({"measure":"cost","unit":"USD","scope":"team:vision","state":"forecast","reason":null,
 "history":{"observedHours":600,"gapHours":3},"method":"analogues of a day",
 "error":{"mean":"1.25","lastValue":"3.50","sameHourYesterday":"2.50","ofSameHourYesterday":0.5,"origins":4,"judgedHours":48},
 "items":[{"time":"2026-11-30T14:00:00.000Z","value":"12.50","low":"8.00","high":"17.00","judged":true}],
 "month":{"soFar":"100.00","soFarUntil":"2026-11-30T14:00:00Z","projected":"110.00","low":"105.00","high":"115.00"}})";

TEST(ForecastTable, HasItsErrorBeneath) {
  EXPECT_EQ(
      forecast_table("cost", JsonValue::parse(kCost)),
      "HOUR (UTC)        USD/h  AT LEAST  AT MOST\n"
      "2026-11-30 14:00  12.50      8.00    17.00\n"
      "cost of team:vision, by analogues of a day and others, from 600 hours with 3 gaps\n"
      "off by 1.25 USD/h on average, asked 4 times in the past, 48 h ahead; the same hour of the day before: 2.50, "
      "the last value: 3.50\n"
      "this month: 100.00 until 2026-11-30T14:00:00Z, 110.00 at its end (105.00 to 115.00) USD\n");
}

TEST(ForecastTable, SaysWhereTheDayBeforeIsNoWorse) {
  auto reply = JsonValue::parse(kCost);
  reply["error"]["ofSameHourYesterday"] = 1.2;
  EXPECT_THAT(forecast_table("cost", reply), HasSubstr("(the forecast is no better)"));
}

TEST(ForecastTable, SaysWhatOfTheMonthIsNotKnown) {
  auto reply = JsonValue::parse(kCost);
  reply["month"]["unknownHours"] = 0.0;
  EXPECT_THAT(forecast_table("cost", reply), testing::Not(HasSubstr("ledger")));
  reply["month"]["unknownHours"] = 336.25;
  EXPECT_THAT(forecast_table("cost", reply),
              HasSubstr(") USD\n336.25 hours of this month are not in the ledger, and what they cost is in no sum\n"));
}

TEST(ForecastTable, SaysWhyThereIsNone) {
  EXPECT_EQ(forecast_table("usage",
                           JsonValue::parse(R"({"unit":"GPU","state":"tooLittleHistory","reason":"24 values, 96 needed",
              "history":{"observedHours":24,"gapHours":1},"items":[]})")),
            "no forecast (tooLittleHistory): 24 values, 96 needed\n24 hours are known, 1 are gaps\n");
}

TEST(ForecastTable, OfPoolsHasADayOrAWord) {
  const std::string table = forecast_table("capacity", JsonValue::parse(R"({"until":"2026-11-30T14:00:00.000Z","items":[
    {"model":"A100_80GB","held":6,"capacity":8,"missing":2,"state":"dated","fullAt":"2027-01-05T10:00:00.000Z","earliest":"2026-12-24T00:00:00.000Z",
     "latest":null,"trend":{"perDay":0.055},"whatIf":{"state":"notWithinHorizon"}},
    {"model":"L40S","held":null,"capacity":1,"state":"noTrend","fullAt":null,"earliest":null,"latest":null,"trend":null,"whatIf":null}]})"));
  EXPECT_THAT(table, HasSubstr("A100_80GB  6.00  8 (2 missing)   0.06"));
  EXPECT_THAT(table, HasSubstr("2027-01-05 (2026-12-24 to –)  notWithinHorizon"));
  EXPECT_THAT(table, HasSubstr("noTrend"));
}

TEST(ForecastTable, OfTheWeekHasItsExtremes) {
  EXPECT_EQ(forecast_table("patterns",
                           JsonValue::parse(R"({"measure":"usage","unit":"GPU","scope":"fleet","timeZone":"Asia/Seoul",
              "items":[{}],"byHour":[{"hour":0,"mean":1.5,"peak":3}],"busiest":{"weekday":1,"hour":14,"mean":5.25},"quietest":null})")),
            "HOUR  MEAN  PEAK\n"
            " 0    1.50  3.00\n"
            "busiest: Mon 14:00, 5.25 GPU\n"
            "usage of fleet, Asia/Seoul\n");
}

ForecastCommand parsed(const std::vector<std::string>& words) {
  const auto command = parse_arguments(words);
  EXPECT_TRUE(command) << (command ? "" : command.error().what);
  const auto* forecast = command ? std::get_if<ForecastCommand>(&*command) : nullptr;
  EXPECT_TRUE(forecast);
  return forecast ? *forecast : ForecastCommand();
}

TEST(ForecastCommandLine, AsksForWhatIsSaid) {
  EXPECT_EQ(parsed({"forecast"}).what, "usage");
  const auto cost = parsed({"forecast", "cost", "--scope", "team:vision", "--horizon", "7d", "-o", "json"});
  EXPECT_EQ(cost.what, "cost");
  EXPECT_TRUE(cost.json);
  EXPECT_THAT(cost.query, ElementsAre(Pair("horizon", "7d"), Pair("scope", "team:vision")));
  EXPECT_THAT(parsed({"forecast", "capacity", "--add", "8"}).query, ElementsAre(Pair("add", "8")));
  EXPECT_THAT(parse_arguments({"forecast", "weather"}).error().what, HasSubstr("usage|demand|cost|capacity|patterns"));
}

}  // namespace
}  // namespace tessera::cli
