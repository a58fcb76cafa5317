#include "fleet/cost/rate_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::fleet {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EpochMs kBegin = std::numeric_limits<EpochMs>::min(), kEnd = std::numeric_limits<EpochMs>::max();

Rate rate(const char* model, Micros per_hour, EpochMs from = kBegin, EpochMs to = kEnd) {
  Rate out;
  out.model = model;
  out.per_hour = per_hour;
  out.from = from;
  out.to = to;
  return out;
}

TEST(RateHistory, TheFirstRatesHoldForAllOfThePast) {
  EXPECT_THAT(repriced({}, {rate("H100", 8)}, 100), ElementsAre(rate("H100", 8)));
}

TEST(RateHistory, AnotherRateHoldsFromNowOn) {
  const auto first = repriced({}, {rate("H100", 8)}, 100);
  EXPECT_EQ(repriced(first, {rate("H100", 8)}, 200), first);
  EXPECT_THAT(repriced(first, {rate("H100", 9)}, 200), ElementsAre(rate("H100", 8, kBegin, 200), rate("H100", 9, 200)));
  EXPECT_THAT(repriced(first, {rate("H100", 8), rate("L40S", 3)}, 200),
              ElementsAre(rate("H100", 8), rate("L40S", 3, 200)));
  EXPECT_THAT(repriced(first, {}, 200), ElementsAre(rate("H100", 8, kBegin, 200)))
      << "one that is not wanted any longer";
}

TEST(RateHistory, ADateChangesWhatHasBeen) {
  const auto first = repriced({}, {rate("H100", 8)}, 100);
  const std::vector<Rate> wanted = {rate("H100", 8), rate("H100", 5, 30, 60)};
  const auto dated = repriced(first, wanted, 200);
  EXPECT_THAT(dated, ElementsAre(rate("H100", 8, kBegin, 30), rate("H100", 5, 30, 60), rate("H100", 8, 60)));
  EXPECT_EQ(repriced(dated, wanted, 300), dated);
  EXPECT_THAT(times_repriced(first, dated), ElementsAre(TimeSpan{30, 60}));
  EXPECT_EQ(repriced(dated, {rate("H100", 8)}, 300), dated) << "a date that is taken out changes nothing that has been";
}

TEST(RateHistory, AnEndTakesWhatHoldsBesideIt) {
  const auto now = repriced({}, {rate("H100", 8), rate("H100", 5, 150, 250)}, 100);
  EXPECT_THAT(now, ElementsAre(rate("H100", 8, kBegin, 150), rate("H100", 5, 150, 250), rate("H100", 8, 250)));
  EXPECT_THAT(repriced(now, {rate("H100", 8)}, 200),
              ElementsAre(rate("H100", 8, kBegin, 150), rate("H100", 5, 150, 200), rate("H100", 8, 200)));
}

TEST(RateHistory, SaysWhatIsWrong) {
  EXPECT_TRUE(check_wanted_rates({rate("H100", 8), rate("H100", 5, 30, 60)})) << "the dated one goes before";
  EXPECT_THAT(check_wanted_rates({rate("H100", 8, kBegin, 60)}).error().what, HasSubstr("an end and no begin"));
  EXPECT_THAT(check_wanted_rates({rate("H100", 8, 0, 60), rate("H100", 7, 30, 90)}).error().what,
              HasSubstr("at the same time"));
  EXPECT_FALSE(check_wanted_rates({rate("H100", 8), rate("H100", 7)}));
}

/// Whatever is wanted one after the other: RateBook takes it, nothing undated changes the past, and twice is once.
TEST(RateHistory, NeverChangesThePastWithoutADate) {
  std::mt19937 random(7);
  const auto number = [&](EpochMs most) { return static_cast<EpochMs>(random() % static_cast<unsigned>(most)); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Rate> known;
    for (EpochMs now = 100; now < 1'000; now += 1 + number(200)) {
      std::vector<Rate> wanted;
      for (const char* model : {"A", "B"}) {
        if (number(4) > 0) wanted.push_back(rate(model, 1 + number(3)));
        const EpochMs from = number(900);
        if (number(3) == 0) wanted.push_back(rate(model, 4 + number(3), from, from + 1 + number(300)));
      }
      const auto next = repriced(known, wanted, now);
      ASSERT_TRUE(RateBook::of(next));
      EXPECT_EQ(repriced(next, wanted, now), next);
      const bool was_known = !known.empty();
      for (const TimeSpan& span : times_repriced(known, next)) {
        const bool dated = std::ranges::any_of(
            wanted, [&](const Rate& one) { return one.from != kBegin && one.from <= span.from && span.from < one.to; });
        EXPECT_TRUE(!was_known || span.from >= now || dated) << span.from << " at " << now;
      }
      EXPECT_THAT(times_repriced(next, next), IsEmpty());
      known = next;
    }
  }
}

}  // namespace
}  // namespace tessera::fleet
