#include "fleet/benchmarks/benchmark.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::fleet::benchmarks {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kTime = 1'700'000'000'000;

Record run_of(double value, int number = 0, const std::string& model = "H100_80GB") {
  return {model,       "580.1", "tokens", "1", value, "tokens/s", Better::Higher, "lab", kTime + number * 1'000,
          std::nullopt};
}

TEST(Csv, IsReadInAnyOrderOfColumns) {
  const auto read = read_csv(
      "time,better,unit,value,model,name,source\r\n"
      "2026-01-31T12:00:00Z,lower,s,1.5,RTX4090,\"train, one \"\"epoch\"\"\",lab\r\n");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_THAT(*read, SizeIs(1));
  EXPECT_EQ(read->front().name, "train, one \"epoch\"");
  EXPECT_EQ(read->front().better, Better::Lower);
  EXPECT_EQ(read->front().time, 1'769'860'800'000);
  EXPECT_FALSE(read->front().watts);
}

TEST(Csv, SaysWhichLineIsWrongAndWhy) {
  const std::string head = "model,name,value,unit,better,time\n";
  const auto why = [](const std::string& text) {
    const auto read = read_csv(text);
    return read ? std::string("read") : read.error().what;
  };
  EXPECT_THAT(why(""), HasSubstr("line 1: a line with the columns' names expected"));
  EXPECT_THAT(why("model,colour\n"), HasSubstr("line 1: no column is called 'colour'"));
  EXPECT_THAT(why("model,model\n"), HasSubstr("comes twice"));
  EXPECT_THAT(why("model,name,value,unit,better\n"), HasSubstr("column 'time' is missing"));
  EXPECT_EQ(why(head + "\nA,b,1,s,lower,2026-01-31T12:00:00Z\nA,b,x,s,lower,2026-01-31T12:00:00Z\n"),
            "line 4: value: a number expected, 'x' found");
  EXPECT_EQ(why(head + "A,b,1,s,faster,2026-01-31T12:00:00Z"),
            "line 2: better: higher or lower expected, 'faster' found");
  EXPECT_THAT(why(head + "A,b,1,s,lower,yesterday"), HasSubstr("line 2: time: a time as"));
  EXPECT_EQ(why(head + "A,b,0,s,lower,2026-01-31T12:00:00Z"), "line 2: value: a number above 0 expected");
  EXPECT_EQ(why(head + ",b,1,s,lower,2026-01-31T12:00:00Z"), "line 2: model: a text expected");
  EXPECT_EQ(why(head + "A,b\n"), "line 2: 6 cells expected, 2 found");
  EXPECT_EQ(why(head + "A,\"b\n"), "line 2: a '\"' begins here and does not end");
  EXPECT_EQ(why(head + "\"A\"x,b\n"), "line 2: ',' or the line's end expected behind '\"'");
  EXPECT_EQ(why(head + "A,\"b\nc\",nan,s,lower,2026-01-31T12:00:00Z"), "line 2: value: a number above 0 expected");
}

TEST(Csv, ReadsWhatItHasWritten) {
  std::mt19937 random(1);
  const std::string letters = "a,\"\r\n=x'.é ";
  std::vector<Record> records;
  for (int i = 0; i < 200; ++i) {
    Record one = run_of(std::exponential_distribution<double>(1)(random) + 1e-9, i);
    one.name = "n";
    for (int j = 0; j < i % 12; ++j) one.name += letters[random() % letters.size()];
    one.name += "n";
    if (i % 3 == 0) one.watts = 0.1 + i;
    records.push_back(one);
  }
  const auto read = read_csv(to_csv(records));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, records);
}

TEST(Csv, TellsNoFormulas) {
  Record one = run_of(1);
  one.name = "=cmd()";
  EXPECT_THAT(to_csv({one}), HasSubstr(",'=cmd(),"));
}

TEST(Compare, PutsTheBestFirstWithMoneyAndPowerBeside) {
  std::vector<Record> records = {run_of(3'000), run_of(3'100, 1), run_of(2'900, 2), run_of(2'400, 3, "A100_80GB"),
                                 run_of(900, 4, "B?")};
  records[0].watts = 600;
  const auto list = compare(records, {{"H100_80GB", 8 * kUnit}, {"A100_80GB", 6 * kUnit}});
  ASSERT_THAT(list, SizeIs(1));
  ASSERT_THAT(list.front().models, SizeIs(3));
  const Compared &h100 = list.front().models[0], &a100 = list.front().models[1], &other = list.front().models[2];
  EXPECT_EQ(h100.model, "H100_80GB");
  EXPECT_EQ(h100.runs, 3U);
  EXPECT_EQ(h100.median, 3'000);
  EXPECT_EQ(h100.spread, 100);
  EXPECT_DOUBLE_EQ(*h100.per_money, 375);
  EXPECT_DOUBLE_EQ(*h100.per_watt, 5);
  EXPECT_DOUBLE_EQ(*a100.per_money, 400);
  EXPECT_FALSE(a100.per_watt);
  EXPECT_FALSE(other.per_money);
}

TEST(Compare, OfSecondsTheFewestAreTheBestAndMoneyIsTimes) {
  std::vector<Record> records = {run_of(10), run_of(16, 1, "A100_80GB")};
  for (Record& one : records) one.better = Better::Lower;
  const auto list = compare(records, {{"H100_80GB", 8 * kUnit}, {"A100_80GB", 4 * kUnit}});
  EXPECT_EQ(list.front().models[0].model, "H100_80GB");
  EXPECT_DOUBLE_EQ(*list.front().models[0].per_money, 80);
  EXPECT_DOUBLE_EQ(*list.front().models[1].per_money, 64);
}

TEST(Compare, IsOfTheNewestDriverAndOfOneVersion) {
  std::vector<Record> records = {run_of(100), run_of(200, 1), run_of(300, 2)};
  records[1].driver = "590.1";
  records[2].version = "2";
  const auto list = compare(records, {});
  ASSERT_THAT(list, SizeIs(2));
  EXPECT_EQ(list[0].models.front().median, 200);
  EXPECT_EQ(list[0].models.front().driver, "590.1");
  EXPECT_EQ(list[1].models.front().median, 300);
}

TEST(RankTest, IsThatOfAllChoices) {
  EXPECT_DOUBLE_EQ(rank_test({4, 5, 6}, {1, 2, 3}), 1.0 / 20);
  EXPECT_DOUBLE_EQ(rank_test({1, 2, 3}, {4, 5, 6}), 1);
  EXPECT_DOUBLE_EQ(rank_test({2, 4}, {1, 3}), 2.0 / 6);
  EXPECT_DOUBLE_EQ(rank_test({1, 1, 1}, {1, 1, 1}), 1);
  EXPECT_DOUBLE_EQ(rank_test({}, {1}), 1);
}

std::vector<Record> noisy(std::mt19937& random, int runs, double spread, double factor_of_newest) {
  std::vector<Record> out;
  std::normal_distribution<double> noise(0, spread);
  for (int i = 0; i < runs; ++i)
    out.push_back(run_of(1'000 * std::exp(noise(random)) * (i < runs - 5 ? 1 : factor_of_newest), i));
  return out;
}

TEST(Regressions, AreNotFoundInNoise) {
  std::mt19937 random(7);
  int fired = 0;
  constexpr int kSeries = 2'000;
  for (int i = 0; i < kSeries; ++i) fired += static_cast<int>(regressions(noisy(random, 15 + i % 21, 0.1, 1)).size());
  EXPECT_LE(fired, 2 * kSeries * kSignificance);  // that would be four
}

TEST(Regressions, AreFoundWhereTheyMatter) {
  std::mt19937 random(8);
  int found = 0;
  for (int i = 0; i < 200; ++i) found += static_cast<int>(regressions(noisy(random, 25, 0.02, 0.9)).size());
  EXPECT_GE(found, 190);
  EXPECT_THAT(regressions(noisy(random, 25, 0.001, 0.97)), IsEmpty());  // certain, and of no matter
  EXPECT_THAT(regressions(noisy(random, 25, 0.02, 1.2)), IsEmpty());    // better
  EXPECT_THAT(regressions(noisy(random, 14, 0.02, 0.5)), IsEmpty());    // too few runs
}

TEST(Regressions, TellDriversAndBothMedians) {
  std::mt19937 random(9);
  auto records = noisy(random, 20, 0.001, 1);
  for (std::size_t i = 15; i < 20; ++i) {
    records[i].value *= 0.8;
    records[i].driver = "590.1";
  }
  std::ranges::shuffle(records, random);
  for (const Better better : {Better::Higher, Better::Lower}) {
    for (Record& one : records) {
      one.better = better;
      if (better == Better::Lower) one.value = 1'000'000 / one.value;
    }
    const auto list = regressions(records);
    ASSERT_THAT(list, SizeIs(1)) << better_name(better);
    EXPECT_EQ(list.front().driver_before, "580.1");
    EXPECT_EQ(list.front().driver_now, "590.1");
    EXPECT_NEAR(list.front().worse, better == Better::Higher ? 0.2 : 0.25, 0.01);
    EXPECT_LE(list.front().p, kSignificance);
  }
}

}  // namespace
}  // namespace tessera::fleet::benchmarks
