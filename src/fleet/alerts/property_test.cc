// The evaluator against a naive reading of its contract, over random histories with gaps, silence, repeats and
// restarts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "fleet/alerts/evaluator.h"
#include "fleet/alerts/track_text.h"

namespace tessera::fleet::alerts {
namespace {

using Random = std::mt19937_64;

int below(Random& random, int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); }

struct Value {
  EpochMs time = 0;
  double value = 0;
};

/// Word for word what evaluator.h says, each time from the whole history.
class Oracle {
 public:
  Oracle(const Rule& rule, EpochMs holds) : rule_(rule), holds_(holds) {}

  /// The phase behind the newest value.
  bool take(Value value) {
    values_.push_back(value);
    if (!firing_)
      firing_ = lasted(rule_.hold_for.count(), [&](double one) { return rule_.holds(one); });
    else if (lasted(rule_.keep_firing.count(), [&](double one) { return rule_.clears(one); }))
      firing_ = false;
    return firing_;
  }

 private:
  /// An unbroken run up to the newest value, of each of which `is` is true, began at least `span` before it.
  template <class Is>
  bool lasted(EpochMs span, const Is& is) const {
    for (std::size_t first = 0; first < values_.size(); ++first) {
      bool unbroken = values_.back().time - values_[first].time >= span;
      for (std::size_t i = first; i < values_.size(); ++i) {
        unbroken = unbroken && is(values_[i].value);
        if (i > first) unbroken = unbroken && std::abs(values_[i].time - values_[i - 1].time) <= holds_;
      }
      if (unbroken) return true;
    }
    return false;
  }

  const Rule& rule_;
  const EpochMs holds_;
  std::vector<Value> values_;
  bool firing_ = false;
};

Rule random_rule(Random& random) {
  Rule out{.name = "Hot", .kind = Kind::Device, .signal = Signal::TemperatureCelsius};
  out.beyond = below(random, 2) == 0 ? Beyond::Above : Beyond::Below;
  out.threshold = 3 + below(random, 3);
  const int band = below(random, 3);
  out.clear = out.threshold + (out.beyond == Beyond::Above ? -band : band);
  out.hold_for = Milliseconds(1000 * below(random, 60));
  out.keep_firing = Milliseconds(1000 * (below(random, 2) == 0 ? 0 : below(random, 40)));
  return out;
}

/// Long stretches on one side, so that something fires.
double random_value(Random& random, double before) {
  if (below(random, 4) != 0) return before;
  return below(random, 9);
}

TEST(AlertProperty, FiresIfAndOnlyIfItsConditionWasObservedToHoldForAllTheTime) {
  constexpr EpochMs kHolds = 10'000;
  std::size_t fired = 0, resolved = 0;
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    const Rule rule = random_rule(random);
    Oracle oracle(rule, kHolds);
    auto evaluator = std::make_unique<Evaluator>(std::vector{rule}, Milliseconds(kHolds));
    const auto subject = std::make_shared<const Subject>(Subject{"default/GPU-1", "default/n", {{"gpu", "0"}}});
    bool expected = false, firing = false;
    EpochMs time = 1'000'000;
    double value = 0;
    for (int step = 0; step < 60; ++step) {
      // Mostly within a hold, at times just at its end or behind it, and at times of the same time.
      // Now and then a clock is set back.
      time += std::array{1'000, 4'000, 5'000, 10'000, 10'001, 30'000, 0}[static_cast<std::size_t>(below(random, 7))];
      const bool set_back = below(random, 40) == 0;
      if (set_back) time -= 60'000;
      value = random_value(random, value);
      const bool absent = !set_back && below(random, 6) == 0;
      if (!absent) expected = oracle.take({time, value});
      Round round{
          time, {{Signal::TemperatureCelsius, subject, time, absent ? std::nullopt : std::optional(value)}}, {}};
      for (const Change& change : evaluator->take(round)) {
        ASSERT_EQ(change.track.phase, firing ? Phase::Resolved : Phase::Firing);
        firing = !firing;
        ++(firing ? fired : resolved);
      }
      ASSERT_EQ(firing, expected) << "seed " << seed << " step " << step;
      if (below(random, 10) == 0) {  // a restart
        auto kept = read_tracks(tracks_text(evaluator->tracks()));
        ASSERT_EQ(kept, evaluator->tracks());
        evaluator = std::make_unique<Evaluator>(std::vector{rule}, Milliseconds(kHolds), std::move(kept));
      }
    }
  }
  EXPECT_GT(fired, 1'000U) << "the histories show what is asked";
  EXPECT_GT(resolved, 500U);
}

}  // namespace
}  // namespace tessera::fleet::alerts
