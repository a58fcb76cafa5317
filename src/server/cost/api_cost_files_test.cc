#include "server/cost/api_cost_told.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/cost/focus.h"
#include "fleet/cost/ledger.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What the validator below checks of FOCUS 1.2: https://focus.finops.org/focus-specification/v1-2/
struct FocusRule {
  std::string_view column;
  bool may_be_null;
  std::vector<std::string_view> allowed{};  ///< empty: anything
};
const FocusRule kFocus[] = {
    {"BilledCost", false},
    {"BillingAccountId", false},
    {"BillingAccountName", true},
    {"BillingCurrency", false},
    {"BillingPeriodEnd", false},
    {"BillingPeriodStart", false},
    {"ChargeCategory", false, {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}},
    {"ChargeClass", true, {"Correction"}},
    {"ChargeDescription", true},
    {"ChargePeriodEnd", false},
    {"ChargePeriodStart", false},
    {"ContractedCost", false},
    {"EffectiveCost", false},
    {"InvoiceIssuerName", false},
    {"ListCost", false},
    {"PricingQuantity", true},
    {"PricingUnit", true},
    {"ProviderName", false},
    {"PublisherName", false},
    {"ServiceCategory", false, {"Compute", "AI and Machine Learning"}},
    {"ServiceName", false},
};

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

struct FocusFile {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> wrong;
};

FocusFile validated(const std::string& text) {
  FocusFile out;
  auto lines = split(std::string_view(text), '\n');
  if (lines.back().empty()) lines.pop_back();
  for (std::string_view line : lines) {
    if (!line.ends_with('\r')) out.wrong.emplace_back("a line without CR LF");
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto cells = cells_of(line);
    if (out.columns.empty()) {
      out.columns = cells;
      continue;
    }
    if (cells.size() != out.columns.size()) out.wrong.push_back("as many cells as columns: " + std::string(line));
    auto& row = out.rows.emplace_back();
    for (std::size_t i = 0; i < std::min(cells.size(), out.columns.size()); ++i) row[out.columns[i]] = cells[i];
  }
  for (const FocusRule& rule : kFocus) {
    const std::string name(rule.column);
    if (std::ranges::find(out.columns, name) == out.columns.end()) out.wrong.push_back("no column " + name);
    for (auto& row : out.rows) {
      const std::string& cell = row[name];
      if (cell.empty() && !rule.may_be_null) out.wrong.push_back(name + " is null");
      if (!cell.empty() && !rule.allowed.empty() && std::ranges::find(rule.allowed, cell) == rule.allowed.end())
        out.wrong.push_back(name + " is " + cell);
      if (name.ends_with("Cost") && !fleet::parse_decimal(cell)) out.wrong.push_back(name + " is no decimal: " + cell);
      if ((name.ends_with("Start") || name.ends_with("End")) && (cell.size() != 20 || !cell.ends_with('Z')))
        out.wrong.push_back(name + " is no UTC time: " + cell);
    }
  }
  for (auto& row : out.rows) {
    if (row["ChargePeriodStart"] >= row["ChargePeriodEnd"])
      out.wrong.emplace_back("a charge period that does not last");
    if (row["ChargePeriodStart"] < row["BillingPeriodStart"] || row["ChargePeriodEnd"] > row["BillingPeriodEnd"])
      out.wrong.emplace_back("a charge outside of its billing period");
  }
  return out;
}

TEST_F(ApiCostTest, AFileForFinanceIsFocusAndComesToTheSame) {
  const auto reply = ask("/cost/export", "format=focus&window=24h&accumulate=hour");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(std::string(reply.content_type), HasSubstr("text/csv"));
  FocusFile file = validated(reply.body);
  EXPECT_THAT(file.wrong, IsEmpty());
  ASSERT_GT(file.rows.size(), 40U);
  fleet::Micros sum = 0;
  for (auto& row : file.rows) sum += *fleet::parse_decimal(row["BilledCost"]);
  EXPECT_EQ(sum, micros(get("/cost/teams", "window=24h")["all"]));
  EXPECT_FALSE(validated("BilledCost\r\nx\r\n").wrong.empty()) << "the validator finds nothing";
}

TEST_F(ApiCostTest, AFileForFinanceHasNoChargeOfTwoMonths) {
  store::CostWriter writer(*history.database);
  const auto close = [&](const char* bucket, fleet::Micros micros) {
    store::CostPosting one;
    one.subject.device_uuid = "GPU-old";
    one.amount = {micros, 900'000, 0};
    ASSERT_TRUE(writer.close(*fleet::parse_time(bucket), {one}, kStart));
  };
  close("2026-12-31T12:00:00Z", 1'000'000);
  close("2027-01-01T12:00:00Z", 2'000'000);
  for (const char* by : {"true", "week", "quarter"}) {
    const auto reply = ask("/cost/export", std::string("format=focus&window=2026-12-27T00:00:00Z,2027-01-03T00:00:00Z"
                                                       "&accumulate=") +
                                               by);
    FocusFile file = validated(reply.body);
    EXPECT_THAT(file.wrong, IsEmpty());
    std::map<std::string, std::string> billed;
    for (auto& row : file.rows) billed[row["BillingPeriodStart"]] += row["BilledCost"];
    EXPECT_THAT(billed,
                ElementsAre(std::pair("2026-12-01T00:00:00Z", "1.00"), std::pair("2027-01-01T00:00:00Z", "2.00")))
        << by;
  }
}

/// November of a zone, of a device that costs as much in each hour: clocks in New York were set back in it.
TEST_F(ApiCostTest, AMonthCostsTheHoursThatItHasInItsZone) {
  constexpr fleet::Micros kAnHour = 1'234'567;
  const EpochMs from = *fleet::parse_time("2026-10-31T00:00:00Z"), to = *fleet::parse_time("2026-12-02T00:00:00Z");
  store::CostWriter writer(*history.database);
  store::CostPosting one;
  one.subject.device_uuid = "GPU-old";
  one.kind = fleet::CostKind::Used;
  one.amount = {kAnHour, 60 * kMinute, 0};
  one.owner.emplace();
  one.owner->space = "ml";
  one.owner->team = "vision";
  for (EpochMs at = from; at < to; at += 60 * kMinute) ASSERT_TRUE(writer.close(at, {one}, kStart));
  const struct {
    const char* zone;
    const char* begins;  ///< in UTC
    fleet::Micros hours;
  } kCases[] = {{"Asia/Seoul", "2026-10-31T15:00:00Z", 720},
                {"America/New_York", "2026-11-01T04:00:00Z", 721},
                {"Asia/Kolkata", "2026-10-31T18:30:00Z", 720},
                {"Asia/Kathmandu", "2026-10-31T18:15:00Z", 720}};
  for (const auto& [zone, begins, hours] : kCases) {
    const std::string month = std::string("window=2026-11&timezone=") + zone;
    const Json teams = get("/cost/teams", month);
    EXPECT_EQ(micros(teams["all"]), hours * kAnHour) << zone;
    ASSERT_EQ(teams["items"].size(), 1U) << teams;
    EXPECT_EQ(micros(teams["items"][0]["cost"]), hours * kAnHour) << zone;
    EXPECT_EQ(teams["items"][0]["gpuHours"], hours) << zone;
    fleet::Micros days = 0, dearest = 0;
    const Json trend = get("/cost/trend", month + "&accumulate=day")["items"];
    EXPECT_EQ(trend.size(), 30U);
    for (const Json& day : trend) {
      days += micros(day["all"]);
      dearest = std::max(dearest, micros(day["all"]));
    }
    EXPECT_EQ(days, hours * kAnHour) << zone;
    EXPECT_EQ(dearest, (24 + hours - 720) * kAnHour) << zone;
    FocusFile file = validated(ask("/cost/export", "format=focus&accumulate=day&" + month).body);
    EXPECT_THAT(file.wrong, IsEmpty());
    EXPECT_EQ(file.rows.size(), 30U);
    fleet::Micros billed = 0;
    for (auto& row : file.rows) {
      billed += *fleet::parse_decimal(row["BilledCost"]);
      EXPECT_EQ(row["BillingPeriodStart"], begins) << zone;
    }
    EXPECT_EQ(billed, hours * kAnHour) << zone;
  }
}

TEST_F(ApiCostTest, LinesComeToTheSameAndAreNoFormulas) {
  const auto reply = ask("/cost/export", "window=24h");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto lines = split(std::string_view(reply.body), '\n');
  const auto head = cells_of(lines.front().substr(0, lines.front().size() - 1));
  EXPECT_EQ(head.front(), "start");
  EXPECT_THAT(std::vector(head.end() - 2, head.end()), ElementsAre("cost", "labels"))
      << "columns keep their places, and new ones come last";
  fleet::Micros sum = 0;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i)
    sum += *fleet::parse_decimal(cells_of(lines[i].substr(0, lines[i].size() - 1)).at(head.size() - 2));
  EXPECT_EQ(sum, micros(get("/cost/teams", "window=24h")["all"]));
  EXPECT_THAT(reply.body, HasSubstr(",'=chat,"));
  const auto only = ask("/cost/export", "window=24h&filter=team:%22vision%22");
  EXPECT_THAT(only.body, testing::Not(HasSubstr("chat")));
  EXPECT_THAT(only.body, HasSubstr("vision"));
}

TEST_F(ApiCostTest, ListsAreTablesToo) {
  const auto reply = ask("/cost/teams", "window=24h", "text/csv");
  EXPECT_THAT(reply.body, testing::StartsWith("team,cost,used,heldIdle"));
  for (const char* path : {"/cost/teams", "/cost/projects"}) {
    const std::string text = ask(path, "window=24h", "text/csv").body;
    auto lines = split(std::string_view(text), '\n');
    if (lines.back().empty()) lines.pop_back();
    fleet::Micros sum = 0;
    std::set<std::string> names;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const auto cells = cells_of(trim(lines[i]));
      names.insert(cells[0]);
      sum += *fleet::parse_decimal(cells[1]);
      EXPECT_EQ(cells.back(), "USD");
    }
    EXPECT_EQ(sum, micros(get(path, "window=24h")["all"])) << text;
    EXPECT_THAT(names, testing::IsSupersetOf({"__idle__", "__unobserved__", "__overhead__"}));
  }
  EXPECT_THAT(ask("/cost/trend", "window=24h", "text/csv").body, testing::StartsWith("start,end,closed,all,cost"));
}

}  // namespace
}  // namespace tessera::server
