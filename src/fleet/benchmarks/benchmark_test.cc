#include "fleet/benchmarks/benchmark.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "base/text.h"

namespace tessera::fleet::benchmarks {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kTime = 1'700'000'000'000;
constexpr EpochMs kDay = 86'400'000;

Record run_of(double value, int number = 0, const std::string& model = "H100_80GB") {
  return {model,       "580.1", "tokens", "1", value, "tokens/s", Better::Higher, "lab", kTime + number * 1'000,
          std::nullopt};
}

TEST(Csv, IsReadInAnyOrderOfColumns) {
  const auto read = read_csv(
      "time,better,unit,value,model,name,source\r\n"
      "2026-01-31T12:00:00Z,lower,s,1.5,RTX4090,\"train, one \"\"epoch\"\"\",lab\r\n");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_THAT(read->taken, SizeIs(1));
  EXPECT_THAT(read->refused, IsEmpty());
  const Record& one = read->taken.front();
  EXPECT_EQ(one.name, "train, one \"epoch\"");
  EXPECT_EQ(one.better, Better::Lower);
  EXPECT_EQ(one.time, 1'769'860'800'000);
  EXPECT_FALSE(one.watts);
}

TEST(Csv, SaysWhichLineIsWrongAndWhy) {
  const std::string head = "model,name,value,unit,better,time\n";
  const auto why = [](const std::string& text) {
    const auto read = read_csv(text, kTime + 100 * 365 * kDay / 4);
    if (!read) return read.error().what;
    return read->refused.empty() ? std::string("read")
                                 : fmt::format("line {}: {}", read->refused.front().at, read->refused.front().why);
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
  EXPECT_EQ(why(head + "A,b,0,s,lower,2026-01-31T12:00:00Z"), "line 2: value: a number above 0 expected, up to 1e+30");
  EXPECT_EQ(why(head + ",b,1,s,lower,2026-01-31T12:00:00Z"), "line 2: model: a text expected");
  EXPECT_EQ(why(head + "A,b\n"), "line 2: 6 cells expected, 2 found");
  EXPECT_EQ(why(head + "A,\"b\n"), "line 2: a '\"' begins here and does not end");
  EXPECT_EQ(why(head + "\"A\"x,b\n"), "line 2: ',' or the line's end expected behind '\"'");
  EXPECT_EQ(why(head + "A,\"b\nc\",nan,s,lower,2026-01-31T12:00:00Z"),
            "line 2: value: a number above 0 expected, up to 1e+30");
  EXPECT_EQ(why(head + "A,b\xFF,1,s,lower,2026-01-31T12:00:00Z"),
            "line 2: name: a text in UTF-8 without zero bytes expected");
  EXPECT_EQ(why(head + "A,b,1,s,lower,2126-01-31T12:00:00Z"),
            "line 2: time: 2126-01-31T12:00:00.000Z has not come yet");
}

TEST(Csv, TakesWhatIsRightAndTellsTheRest) {
  const auto read = read_csv(
      "model,name,value,unit,better,time\n"
      "A,b,1,s,lower,2026-01-31T12:00:00Z\n"
      "A,b,x,s,lower,2026-01-31T12:00:00Z\n"
      "A,b,3,s,lower,2026-01-31T13:00:00Z\n"
      "A,b,4\n");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_THAT(read->taken, SizeIs(2));
  EXPECT_EQ(read->taken.back().value, 3);
  ASSERT_THAT(read->refused, SizeIs(2));
  EXPECT_EQ(read->refused[0].at, 3U);
  EXPECT_EQ(read->refused[1].at, 5U);
}

TEST(Csv, ReadsWhatItHasWritten) {
  std::mt19937 random(1);
  const std::string letters = "a,\"\r\n=x'.é '-";
  std::vector<Record> records;
  for (int i = 0; i < 200; ++i) {
    Record one = run_of(std::exponential_distribution<double>(1)(random) + 1e-9, i);
    one.name.clear();
    for (int j = 0; j < i % 12; ++j) one.name += letters[random() % letters.size()];
    one.name = trim(one.name);
    if (one.name.empty() || !is_utf8(one.name)) one.name = "n";
    if (i % 3 == 0) one.watts = 0.1 + i;
    records.push_back(one);
  }
  const auto read = read_csv(to_csv(records));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_THAT(read->refused, IsEmpty());
  EXPECT_EQ(read->taken, records);
}

TEST(Csv, TellsNoFormulas) {
  Record one = run_of(1);
  one.name = "=cmd()";
  EXPECT_THAT(to_csv({one}), HasSubstr(",'=cmd(),"));
  one.name = "'=cmd()";
  EXPECT_THAT(to_csv({one}), HasSubstr(",''=cmd(),"));
}

TEST(Runs, AreTheSameByAllButValueAndWatts) {
  const Record one = run_of(1);
  Record other = one;
  other.value = 2;
  other.watts = 300;
  EXPECT_TRUE(is_same_run(one, other));
  EXPECT_EQ(id_of(one), id_of(other));
  EXPECT_THAT(id_of(one), SizeIs(32));
  const std::function<void(Record&)> changes[] = {
      [](Record& of) { of.model = "x"; },  [](Record& of) { of.driver = "x"; },
      [](Record& of) { of.name = "x"; },   [](Record& of) { of.version = "x"; },
      [](Record& of) { of.unit = "x"; },   [](Record& of) { of.better = Better::Lower; },
      [](Record& of) { of.source = "x"; }, [](Record& of) { ++of.time; }};
  for (const auto& change : changes) {
    Record changed = one;
    change(changed);
    EXPECT_FALSE(is_same_run(one, changed));
    EXPECT_NE(id_of(one), id_of(changed));
  }
}

TEST(Runs, ComeOnceHoweverOftenTheyAreSent) {
  const std::vector<Record> known = {run_of(1, 1), run_of(2, 2)};
  Record corrected = run_of(2.5, 2);
  const auto merged = merge(known, {run_of(1, 1), corrected, run_of(3, 3), run_of(3, 3), run_of(3.5, 3)});
  EXPECT_EQ(merged.added, 1U);
  EXPECT_EQ(merged.corrected, 2U);
  EXPECT_EQ(merged.unchanged, 2U);
  EXPECT_THAT(merged.changed, testing::ElementsAre(corrected, run_of(3.5, 3)));
  const auto again = merge({run_of(1, 1), corrected, run_of(3.5, 3)}, merged.changed);
  EXPECT_EQ(again.unchanged, 2U);
  EXPECT_THAT(again.changed, IsEmpty());
}

CompareHow priced(std::vector<Price> prices) {
  CompareHow out;
  out.prices = std::move(prices);
  return out;
}

TEST(Compare, PutsTheBestFirstWithMoneyAndPowerBeside) {
  std::vector<Record> records = {run_of(3'000), run_of(3'100, 1), run_of(2'900, 2), run_of(2'400, 3, "A100_80GB"),
                                 run_of(900, 4, "B?")};
  records[0].watts = 600;
  CompareHow how = priced({{"H100_80GB", 8 * kUnit}, {"A100_80GB", 6 * kUnit}});
  how.limits = {{"A100_80GB", 400}, {"H100_80GB", 700}};
  const auto list = compare(records, how);
  ASSERT_THAT(list, SizeIs(1));
  ASSERT_THAT(list.front().rows, SizeIs(3));
  EXPECT_EQ(list.front().model, "");
  EXPECT_EQ(list.front().baseline, "H100_80GB");
  const Compared &h100 = list.front().rows[0], &a100 = list.front().rows[1], &other = list.front().rows[2];
  EXPECT_EQ(h100.model, "H100_80GB");
  EXPECT_EQ(h100.runs, 3U);
  EXPECT_EQ(h100.median, 3'000);
  EXPECT_EQ(h100.spread, 100);
  EXPECT_EQ(h100.first, kTime);
  EXPECT_EQ(h100.last, kTime + 2'000);
  EXPECT_EQ(h100.ratio, 1);
  EXPECT_EQ(h100.verdict, Verdict::Baseline);
  EXPECT_DOUBLE_EQ(*h100.per_money, 375);
  EXPECT_DOUBLE_EQ(*h100.per_watt, 5);
  EXPECT_EQ(h100.watts_from, Watts::Measured);
  EXPECT_DOUBLE_EQ(*a100.ratio, 0.8);
  EXPECT_EQ(a100.verdict, Verdict::Worse);
  EXPECT_DOUBLE_EQ(*a100.per_money, 400);
  EXPECT_DOUBLE_EQ(*a100.per_watt, 6);
  EXPECT_EQ(a100.watts_from, Watts::Limit);
  EXPECT_FALSE(other.per_money);
  EXPECT_FALSE(other.watts);
  EXPECT_FALSE(other.per_watt);
}

TEST(Compare, OfSecondsTheFewestAreTheBestAndMoneyIsTimes) {
  std::vector<Record> records = {run_of(10), run_of(16, 1, "A100_80GB")};
  for (Record& one : records) one.better = Better::Lower;
  CompareHow how = priced({{"H100_80GB", 8 * kUnit}, {"A100_80GB", 4 * kUnit}});
  how.baseline = "A100_80GB";
  const auto list = compare(records, how);
  const Compared &h100 = list.front().rows[0], &a100 = list.front().rows[1];
  EXPECT_EQ(h100.model, "H100_80GB");
  EXPECT_DOUBLE_EQ(*h100.ratio, 0.625);
  EXPECT_EQ(h100.verdict, Verdict::Better);
  EXPECT_EQ(a100.verdict, Verdict::Baseline);
  EXPECT_DOUBLE_EQ(*h100.per_money, 80);
  EXPECT_DOUBLE_EQ(*a100.per_money, 64);
}

TEST(Compare, IsOfTheNewestDriverAndOfOneVersion) {
  std::vector<Record> records = {run_of(100), run_of(200, 1), run_of(300, 2)};
  records[1].driver = "590.1";
  records[2].version = "2";
  const auto list = compare(records, {});
  ASSERT_THAT(list, SizeIs(2));
  EXPECT_EQ(list[0].rows.front().median, 200);
  EXPECT_EQ(list[0].rows.front().driver, "590.1");
  EXPECT_EQ(list[1].rows.front().median, 300);
}

TEST(Compare, HoldsDriversOfAModelAgainstTheOneThatRanFirst) {
  std::vector<Record> records = {run_of(100, 5), run_of(110, 1), run_of(100, 3), run_of(70, 0, "A100_80GB")};
  records[0].driver = "590.1";
  records[2].driver = "600.1";
  CompareHow how;
  how.by = By::Driver;
  const auto list = compare(records, how);
  ASSERT_THAT(list, SizeIs(2));
  EXPECT_EQ(list[0].model, "A100_80GB");
  EXPECT_EQ(list[1].model, "H100_80GB");
  EXPECT_EQ(list[1].baseline, "580.1");
  ASSERT_THAT(list[1].rows, SizeIs(3));
  EXPECT_EQ(list[1].rows[0].verdict, Verdict::Baseline);
  EXPECT_EQ(list[1].rows[1].driver, "590.1");
  EXPECT_EQ(list[1].rows[1].verdict, Verdict::Worse);
  how.baseline = "590.1";
  const auto other = compare(records, how);
  EXPECT_FALSE(other[0].rows.front().ratio) << "the A100 has no runs by that driver";
  EXPECT_FALSE(other[0].rows.front().verdict);
  EXPECT_EQ(other[1].rows[0].verdict, Verdict::Better);
  EXPECT_EQ(other[1].rows[2].verdict, Verdict::Same);
}

TEST(RankTest, IsThatOfAllChoices) {
  EXPECT_DOUBLE_EQ(rank_test({4, 5, 6}, {1, 2, 3}), 1.0 / 20);
  EXPECT_DOUBLE_EQ(rank_test({1, 2, 3}, {4, 5, 6}), 1);
  EXPECT_DOUBLE_EQ(rank_test({2, 4}, {1, 3}), 2.0 / 6);
  EXPECT_DOUBLE_EQ(rank_test({1, 1, 1}, {1, 1, 1}), 1);
  EXPECT_DOUBLE_EQ(rank_test({}, {1}), 1);
}

std::vector<Regression> found_in(const std::vector<Record>& records) { return watch(records).regressions; }

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
  for (int i = 0; i < kSeries; ++i) fired += static_cast<int>(found_in(noisy(random, 15 + i % 21, 0.1, 1)).size());
  EXPECT_LE(fired, 2 * kSeries * kSignificance);  // that would be four
}

TEST(Regressions, AreFoundWhereTheyMatter) {
  std::mt19937 random(8);
  int found = 0;
  for (int i = 0; i < 200; ++i) found += static_cast<int>(found_in(noisy(random, 25, 0.02, 0.9)).size());
  EXPECT_GE(found, 190);
  EXPECT_THAT(found_in(noisy(random, 25, 0.001, 0.97)), IsEmpty());  // certain, and of no matter
  EXPECT_THAT(found_in(noisy(random, 25, 0.02, 1.2)), IsEmpty());    // better
  EXPECT_THAT(found_in(noisy(random, 14, 0.02, 0.5)), IsEmpty());    // too few runs
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
    const auto list = found_in(records);
    ASSERT_THAT(list, SizeIs(1)) << better_name(better);
    EXPECT_EQ(list.front().driver_before, "580.1");
    EXPECT_EQ(list.front().driver_now, "590.1");
    EXPECT_NEAR(list.front().worse, better == Better::Higher ? 0.2 : 0.25, 0.01);
    EXPECT_LE(list.front().p, kSignificance);
    EXPECT_EQ(list.front().since, kTime + 15'000);
  }
}

TEST(Regressions, SayOfHowManyNothingCanBeSaid) {
  std::mt19937 random(10);
  auto records = noisy(random, 15, 0.02, 1);
  const auto few = noisy(random, 14, 0.02, 1);
  for (Record one : few) {
    one.model = "A100_80GB";
    records.push_back(one);
  }
  const Watched watched = watch(records);
  EXPECT_EQ(watched.judged, 1U);
  EXPECT_EQ(watched.too_few, 1U);
}

}  // namespace
}  // namespace tessera::fleet::benchmarks
