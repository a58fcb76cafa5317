#include "fleet/cost/rates.h"

#include <gtest/gtest.h>

#include <random>

namespace tessera::fleet {
namespace {

constexpr EpochMs kHour = 3'600'000, kStart = 1'800'000'000'000;

Rate rate(std::string model, Micros per_hour) {
  Rate out;
  out.model = std::move(model);
  out.per_hour = per_hour;
  return out;
}
RateBook book(std::vector<Rate> rates) {
  auto made = RateBook::of(std::move(rates));
  EXPECT_TRUE(made) << made.error().what;
  return *std::move(made);
}

TEST(Rates, AreTheFixedOnesUnlessSomebodySaysOtherwise) {
  const RateBook fixed = book(default_rates());
  static constexpr struct {
    std::string_view model;
    Micros per_hour;
  } kCases[] = {{"H100_80GB", 8 * kUnit}, {"A100_80GB", 6 * kUnit}, {"RTX4090", 2 * kUnit}};
  for (const auto& c : kCases)
    EXPECT_EQ(fixed.charge({c.model, "default", "worker-01", "", Purchase::OnDemand}, kStart, kStart + kHour),
              (Charge{c.per_hour, 0}))
        << c.model;
  EXPECT_EQ(fixed.charge({"GTX1080", "default", "worker-01", "", Purchase::OnDemand}, kStart, kStart + kHour),
            (Charge{0, kHour}))
      << "a model without a rate costs nothing that is known, not 0";
}

TEST(Rates, TheMoreParticularHolds) {
  std::vector<Rate> rates(7, rate("", 0));
  for (std::size_t i = 0; i < rates.size(); ++i) rates[i].per_hour = static_cast<Micros>(i + 1);
  rates[1].model = "H100_80GB";
  rates[2].purchase = Purchase::Spot;
  rates[3].cluster = "seoul";
  rates[4].pool = "batch";
  rates[5].node = "worker-01";
  rates[6].node = "worker-01";
  rates[6].purchase = Purchase::Reserved;
  const RateBook all = book(rates);
  const auto at = [&](const PricedAs& device) { return all.at(device, kStart)->per_hour; };
  EXPECT_EQ(at({"GTX1080", "busan", "w", "", Purchase::OnDemand}), 1);
  EXPECT_EQ(at({"H100_80GB", "busan", "w", "", Purchase::OnDemand}), 2);
  EXPECT_EQ(at({"H100_80GB", "busan", "w", "", Purchase::Spot}), 3);
  EXPECT_EQ(at({"H100_80GB", "seoul", "w", "", Purchase::Spot}), 4);
  EXPECT_EQ(at({"H100_80GB", "seoul", "w", "batch", Purchase::Spot}), 5);
  EXPECT_EQ(at({"H100_80GB", "seoul", "worker-01", "batch", Purchase::Spot}), 6);
  EXPECT_EQ(at({"H100_80GB", "seoul", "worker-01", "batch", Purchase::Reserved}), 7);
}

TEST(Rates, ChangeInTheMiddleOfAnHour) {
  Rate before = rate("H100_80GB", 8 * kUnit), after = rate("H100_80GB", 10 * kUnit);
  before.to = after.from = kStart + 20 * 60'000;
  after.to = kStart + 50 * 60'000;
  const RateBook both = book({after, before});
  const PricedAs device{"H100_80GB", "default", "w", "", Purchase::OnDemand};
  EXPECT_EQ(both.charge(device, kStart, kStart + kHour), (Charge{2'666'666 + 5 * kUnit, 10 * 60'000}));
  EXPECT_EQ(both.charge(device, kStart, kStart), Charge());
}

TEST(Rates, AddUpHoweverTimeIsCut) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Rate> rates;
    for (int i = 0; i < 3; ++i) {
      rates.push_back(rate("M", static_cast<Micros>(random() % static_cast<std::uint64_t>(kMostPerHour))));
      rates.back().from = kStart + i * kHour + static_cast<EpochMs>(random() % kHour);
      rates.back().to = rates.back().from + static_cast<EpochMs>(1 + random() % (kHour / 2));
      if (i > 0 && rates[static_cast<std::size_t>(i - 1)].to > rates.back().from)
        rates[static_cast<std::size_t>(i - 1)].to = rates.back().from;
    }
    const RateBook all = book(rates);
    const PricedAs device{"M", "c", "w", "", Purchase::OnDemand};
    const Charge whole = all.charge(device, kStart, kStart + 4 * kHour);
    Charge sum;
    for (EpochMs at = kStart; at < kStart + 4 * kHour;) {
      const EpochMs to = std::min(kStart + 4 * kHour, at + static_cast<EpochMs>(1 + random() % kHour));
      const Charge part = all.charge(device, at, to);
      sum.micros += part.micros;
      sum.unpriced_ms += part.unpriced_ms;
      at = to;
    }
    EXPECT_EQ(sum, whole);
  }
}

TEST(Rates, AnHourCostsWhatTheRateSays) {
  const RateBook odd = book({rate("M", 7)});
  Charge sum;
  for (EpochMs at = kStart; at < kStart + kHour; at += 300'000)
    sum.micros += odd.charge({"M", "", "", "", {}}, at, at + 300'000).micros;
  EXPECT_EQ(sum.micros, 7) << "of seven millionths an hour, in twelve pieces";
  EXPECT_EQ(book({rate("M", kMostPerHour)}).charge({"M", "", "", "", {}}, 0, 24 * kHour).micros, 24 * kMostPerHour);
}

TEST(Rates, RefusesWhatCannotBe) {
  EXPECT_FALSE(RateBook::of({rate("M", -1)}));
  EXPECT_FALSE(RateBook::of({rate("M", kMostPerHour + 1)}));
  Rate never = rate("M", 1);
  never.from = never.to = kStart;
  EXPECT_FALSE(RateBook::of({never}));
  Rate later = rate("M", 2);
  later.from = kStart;
  const auto both = RateBook::of({rate("M", 1), later});
  ASSERT_FALSE(both);
  EXPECT_NE(both.error().what.find("model 'M'"), std::string::npos) << both.error().what;
}

}  // namespace
}  // namespace tessera::fleet
