#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "fleet/advice/scenarios.h"

namespace tessera::fleet::advice {
namespace {

/// Of all that is said, what somebody would see of it.
std::vector<std::string> told(const Facts& facts) {
  std::vector<std::string> out;
  for (const Advice& one : advise(facts))
    out.push_back(one.id + '\n' + one.sentence + '\n' + one.aim + '\n' + one.change.text + '\n' +
                  std::to_string(one.saving ? one.saving->per_month : -1) + '\n' + std::to_string(one.confidence));
  return out;
}

Workload healthy(std::mt19937& random, int number) {
  std::uniform_real_distribution<double> busy(0.6, 1), memory(45, 75);
  const double mean = busy(random), held = memory(random);
  Workload out = number % 2 == 0 ? on_h100("healthy-" + std::to_string(number),
                                           [=](EpochMs at) { return doing(at, mean, 1, mean * 0.9, held); })
                                 : on_4090("healthy-" + std::to_string(number),
                                           [=](EpochMs at) { return doing(at, mean, 1, mean * 0.9, held / 4); });
  return out;
}

TEST(AdviceProperty, OneMoreHealthyPodChangesNothing) {
  std::mt19937 random(1);
  int number = 0;
  for (Labelled each : labelled()) {
    const auto before = told(each.facts);
    for (int i = 0; i < 2; ++i) {
      const auto place = std::uniform_int_distribution<std::size_t>(0, each.facts.workloads.size())(random);
      each.facts.workloads.insert(each.facts.workloads.begin() + static_cast<std::ptrdiff_t>(place),
                                  healthy(random, number++));
    }
    EXPECT_EQ(told(each.facts), before) << each.name;
  }
}

TEST(AdviceProperty, TheOrderOfWhatIsGivenChangesNothing) {
  std::mt19937 random(2);
  Facts all;
  int number = 0;
  for (const Labelled& each : labelled())
    for (Workload one : each.facts.workloads) {
      one.space += std::to_string(number / 3);
      one.name += std::to_string(number++);
      all.workloads.push_back(std::move(one));
    }
  const auto before = told(all);
  EXPECT_FALSE(before.empty());
  for (int round = 0; round < 10; ++round) {
    std::ranges::shuffle(all.workloads, random);
    EXPECT_EQ(told(all), before);
  }
}

/// Whatever is said of random pods stands on as much as its kind asks for, and saves no more than is paid.
TEST(AdviceProperty, NothingIsSaidByLessThanItsKindAsksFor) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> share(0, 1);
  int said = 0;
  for (int round = 0; round < 60; ++round) {
    const double works = round % 3 == 0 ? 0 : share(random) * share(random), lost = share(random) * 0.15,
                 days = 0.3 + 14 * share(random);
    const double memory = 1 + 70 * share(random), width = share(random);
    Facts facts;
    facts.workloads = {on_h100(
        "one",
        [&](EpochMs at) -> std::optional<Slot> {
          if (share(random) < lost) return std::nullopt;
          return share(random) < works ? doing(at, 0.5, 0.6, 0.5 * width, memory) : doing(at, 0, 0, 0, memory);
        },
        days)};
    for (const Advice& one : advise(facts)) {
      ++said;
      EXPECT_GE(one.evidence.observed, row_of(one.kind).least_observed);
      EXPECT_GE(Milliseconds(one.evidence.to - one.evidence.from), least_window(one.kind, {}));
      ASSERT_TRUE(one.saving);
      EXPECT_LE(one.saving->per_month, kHoursOfMonth * *facts.workloads.front().holds.front().per_hour);
      EXPECT_GT(one.saving->per_month, 0);
    }
  }
  EXPECT_GT(said, 10);
}

}  // namespace
}  // namespace tessera::fleet::advice
