#include "cli/cells.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tessera::cli {
namespace {

TEST(Cells, WhatIsAbsentIsADash) {
  const JsonValue row =
      JsonValue::parse(R"({"a":null,"b":{"c":1},"t":"x\u001b[31m","p":41.4,"u":44560285696,"m":85520809984})");
  EXPECT_EQ(text_cell(row, "a"), "–");
  EXPECT_EQ(text_cell(row, "b.d"), "–");
  EXPECT_EQ(text_cell(row, "p.c"), "–") << "no object";
  EXPECT_EQ(text_cell(row, "b.c"), "1");
  EXPECT_EQ(text_cell(row, "t"), "x [31m") << "nothing steers the terminal";
  EXPECT_EQ(percent_cell(row, "p"), "41 %");
  EXPECT_EQ(percent_cell(row, "a"), "–");
  EXPECT_EQ(memory_cell(row, "u", "m"), "41.5/79.6 GiB");
  EXPECT_EQ(memory_cell(row, "a", "m"), "–/79.6 GiB");
  EXPECT_EQ(memory_cell(row, "a", "a"), "–");
  EXPECT_EQ(memory_cell(row, "u", ""), "41.5 GiB");
}

TEST(Cells, AgesHaveTwoUnits) {
  static constexpr struct {
    EpochMs age;
    const char* want;
  } kCases[] = {{-5, "0s"},          {999, "0s"},          {61'000, "1m1s"},  {3'600'000, "1h"},
                {3'660'000, "1h1m"}, {90'061'000, "1d1h"}, {86'400'000, "1d"}};
  for (const auto& c : kCases) EXPECT_EQ(age_text(c.age), c.want) << c.age;
}

TEST(Cells, WhoHoldsAndWhoUses) {
  EXPECT_EQ(holders_cell(JsonValue::parse(R"({"use":"free","holders":[]})")), "free");
  EXPECT_EQ(holders_cell(JsonValue::parse(R"({"use":"active","holders":[]})")), "");
  EXPECT_EQ(
      holders_cell(JsonValue::parse(
          R"({"holders":[{"namespace":"a","pod":"b"},{"namespace":"a","pod":"b"},{"namespace":null,"pod":"c"}]})")),
      "a/b, c");
  EXPECT_EQ(pod_cell(JsonValue::parse(R"({"pod":null,"attribution":"host"})")), "(host)");
  EXPECT_EQ(pod_cell(JsonValue::parse(R"({"pod":null})")), "–");
  EXPECT_EQ(instance_cell(JsonValue::parse(R"({"gi":3,"ci":0,"profile":"2g.20gb"})")), "3/0 2g.20gb");
  EXPECT_EQ(instance_cell(JsonValue()), "");
}

TEST(Cells, LinesAreCutByColumnsNotBytes) {
  EXPECT_EQ(fitted("ab–d", 4), "ab–d");
  EXPECT_EQ(fitted("ab–de", 4), "ab–…");
  EXPECT_EQ(fitted("", 4), "");
}

}  // namespace
}  // namespace tessera::cli
