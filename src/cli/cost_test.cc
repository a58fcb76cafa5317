#include "cli/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* kTeams = R"({"time":"2027-01-15T08:00:00.000Z","currency":"USD","timeZone":"UTC",
 "window":{"start":"2027-01-01T00:00:00+00:00","end":"2027-01-15T08:00:00+00:00"},
 "closedUntil":"2027-01-15T07:45:00.000Z","knownUntil":"2027-01-15T07:58:30.000Z","total":2,"items":[
 {"team":"vision","cost":"12.50","used":"10.00","heldIdle":"2.25","heldUnknown":"0.25","gpuHours":1.5625,"efficiencyPercent":81.6},
 {"team":null,"cost":"0.333333","used":"0.00","heldIdle":"0.00","heldUnknown":"0.333333","gpuHours":0.05,"unpricedGpuHours":0.04,"efficiencyPercent":null}],
 "nobodys":{"unallocated":"3.10","unobserved":"0.00","overhead":"0.00"},"all":"15.933333"})";

constexpr const char* kAllocation = R"({"code":200,"currency":"USD","window":{"start":"a","end":"b"},
 "closedUntil":"b","knownUntil":"b","data":[{"ml":{"name":"ml","gpuHours":2,"totalEfficiency":0.5,
 "money":{"cost":"16.00","used":"8.00","heldIdle":"8.00","heldUnknown":"0.00"}}}],"totals":[{"cost":"16.00"}]})";

TEST(CostTable, AddsUp) {
  EXPECT_EQ(cost_table("teams", JsonValue::parse(kTeams)),
            "TEAM                COST       USED  HELD IDLE  NOT KNOWN  GPU HOURS  EFFICIENCY\n"
            "vision         12.500000  10.000000   2.250000   0.250000       1.56        82 %\n"
            "(no team)       0.333333   0.000000   0.000000   0.333333       0.05           –\n"
            "(unallocated)   3.100000\n"
            "all GPUs       15.933333\n"
            "USD from 2027-01-01T00:00:00+00:00 to 2027-01-15T08:00:00+00:00; closed until 2027-01-15T07:45:00.000Z, "
            "told until 2027-01-15T07:58:30.000Z\n"
            "0.04 GPU hours are in no sum: their models have no rate (gpu.management.cost.rates)\n");
  EXPECT_EQ(cost_table("allocation", JsonValue::parse(kAllocation)),
            "GROUP          COST      USED  HELD IDLE  NOT KNOWN  GPU HOURS  EFFICIENCY\n"
            "ml        16.000000  8.000000   8.000000   0.000000       2.00        50 %\n"
            "all GPUs  16.000000\n"
            "USD from a to b\n");
}

constexpr const char* kTrend = R"({"currency":"USD","window":{"start":"a","end":"c"},"closedUntil":"b","knownUntil":"c",
 "items":[{"start":"2026-11-01T00:00:00+09:00","closed":true,"all":"24.00","used":"8.00","heldIdle":"2.00","heldUnknown":"0.00",
   "unallocated":"13.50","unobserved":"0.50","overhead":"0.00","unpricedGpuHours":0},
  {"start":"2026-11-02T00:00:00+09:00","closed":false,"all":"3.00","used":"1.00","heldIdle":"0.00","heldUnknown":"0.00",
   "unallocated":"2.00","unobserved":"0.00","overhead":"0.00","unpricedGpuHours":0}],"series":[]})";

TEST(CostTable, OfATrendHasWhatBecameOfTheMoney) {
  EXPECT_EQ(cost_table("trend", JsonValue::parse(kTrend)),
            "FROM                        ALL GPUS      USED  HELD IDLE  NOT KNOWN  UNALLOCATED  UNOBSERVED  OVERHEAD\n"
            "2026-11-01T00:00           24.000000  8.000000   2.000000   0.000000    13.500000    0.500000  0.000000\n"
            "2026-11-02T00:00 (so far)   3.000000  1.000000   0.000000   0.000000     2.000000    0.000000  0.000000\n"
            "USD from a to c; closed until b, told until c\n");
  auto by_team = JsonValue::parse(kTrend);
  by_team["series"] = {{{"name", "vision"}, {"costs", {"9.00", "1.00"}}}, {{"name", "lab"}, {"costs", {"1.00"}}}};
  EXPECT_EQ(cost_table("trend", by_team),
            "FROM                        ALL GPUS    vision       lab\n"
            "2026-11-01T00:00           24.000000  9.000000  1.000000\n"
            "2026-11-02T00:00 (so far)   3.000000  1.000000         –\n"
            "USD from a to c; closed until b, told until c\n");
}

TEST(CostTable, OfTokensHasPricesAndWhatIsNotKnown) {
  const std::string table = cost_table("tokens", JsonValue::parse(R"({"currency":"USD","window":null,"items":[
    {"model":"llama","team":"chat","costPerHour":"2.50","idleCostPerHour":"0.5","promptTokensPerHour":5841230,"generatedTokensPerHour":1073405.4,
     "perMillionTokens":{"blended":0.36155,"perOutput":2.32904,"prompt":0.30624,"generated":1.22497},"coverage":null},
    {"model":null,"team":null,"costPerHour":null,"idleCostPerHour":null,"promptTokensPerHour":0,"generatedTokensPerHour":0,
     "perMillionTokens":{"blended":null,"perOutput":null,"prompt":null,"generated":null},"coverage":0.5}]})"));
  EXPECT_EQ(table,
            "MODEL  TEAM    COST/H    IDLE/H  PROMPT/H  GENERATED/H  BLENDED  PER OUTPUT   PROMPT  GENERATED  COVERED\n"
            "llama  chat  2.500000  0.500000   5841230      1073405  0.36155     2.32904  0.30624    1.22497        –\n"
            "–      –            –         –         0            0        –           –        –          –     50 %\n"
            "USD for a million tokens, at the pace of the last minutes\n");
  EXPECT_EQ(cost_table("tokens", JsonValue::parse(R"({"currency":"USD","window":{"start":"a","end":"b"},"items":[]})")),
            "No engine has told of tokens.\nUSD for a million tokens, from a to b\n");
}

CostCommand parsed(const std::vector<std::string>& words) {
  const auto command = parse_arguments(words);
  EXPECT_TRUE(command) << (command ? "" : command.error().what);
  const auto* cost = command ? std::get_if<CostCommand>(&*command) : nullptr;
  EXPECT_TRUE(cost);
  return cost ? *cost : CostCommand();
}

TEST(CostCommandLine, AsksForWhatIsSaid) {
  const auto teams = parsed({"cost"});
  EXPECT_EQ(teams.what, "teams");
  EXPECT_EQ(teams.form, CostForm::Table);
  EXPECT_TRUE(teams.query.empty());
  const auto projects = parsed({"cost", "projects", "--window", "lastmonth", "--csv"});
  EXPECT_EQ(projects.what, "projects");
  EXPECT_EQ(projects.form, CostForm::Csv);
  EXPECT_THAT(projects.query, ElementsAre(Pair("window", "lastmonth")));
  EXPECT_THAT(parsed({"cost", "allocation"}).query,
              ElementsAre(Pair("aggregate", "namespace"), Pair("includeIdle", "true")));
  EXPECT_THAT(parsed({"cost", "allocation", "--aggregate", "team,model"}).query,
              ElementsAre(Pair("aggregate", "team,model"), Pair("includeIdle", "true")));
  EXPECT_THAT(parse_arguments({"cost", "people"}).error().what,
              HasSubstr("teams|projects|allocation|trend|tokens|export"));
  EXPECT_THAT(parsed({"cost", "trend", "--step", "6h", "--aggregate", "team"}).query,
              ElementsAre(Pair("aggregate", "team"), Pair("step", "6h")));
  EXPECT_THAT(
      parsed({"cost", "export", "--format", "focus", "--window", "2026-11", "--accumulate", "day"}).query,
      testing::UnorderedElementsAre(Pair("format", "focus"), Pair("window", "2026-11"), Pair("accumulate", "day")));
  EXPECT_EQ(parsed({"cost", "tokens", "--window", "7d", "-o", "json"}).form, CostForm::Json);
  EXPECT_THAT(parse_arguments({"cost", "tokens", "--csv"}).error().what, HasSubstr("-o table or json"));
  EXPECT_THAT(parse_arguments({"cost", "export", "-o", "json"}).error().what, HasSubstr("--format csv or focus"));
  EXPECT_THAT(parse_arguments({"cost", "trend", "--format", "focus"}).error().what, HasSubstr("of export alone"));
  EXPECT_THAT(parse_arguments({"cost", "-o", "pdf"}).error().what, HasSubstr("table|json|csv"));
}

}  // namespace
}  // namespace tessera::cli
