// Clocks that are held down, beside those of others of the same model: what fires, and what stays silent.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "fleet/alerts/observe.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet::alerts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kMinute = 60'000, kStart = 1'700'000'000'000;
constexpr unsigned kHeat = 64, kPowerCap = 4;

struct Board {
  double held_down = 0;  ///< share of the time
  double percent = 95;
  unsigned reasons = kHeat;
  std::string_view model = "NVIDIA H100 80GB HBM3";
};

/// Boards that tell once a minute.
struct NeighboursThrottling : testing::Test {
  void minutes(int count, const std::vector<Board>& boards) {
    for (int i = 0; i < count; ++i) tell(boards);
  }
  void tell(const std::vector<Board>& boards) {
    at += kMinute;
    std::string page;
    for (std::size_t i = 0; i < boards.size(); ++i) {
      const std::string who =
          fmt::format(R"({{gpu="{0}",UUID="GPU-{0}",Hostname="w",modelName="{1}"}})", i, boards[i].model);
      const bool held = std::uniform_real_distribution<double>(0, 1)(random) < boards[i].held_down;
      page += fmt::format("DCGM_FI_DEV_GPU_UTIL{0} {1}\nDCGM_FI_DEV_CLOCK_THROTTLE_REASONS{0} {2}\n", who,
                          boards[i].percent, held ? boards[i].reasons : 0);
    }
    told->scrape(at, R"(cluster="c",node="w")", page);
    told->fleet.advance(at);
    const auto view = told->fleet.publish(at);
    const Round round = observer.look({*view, *told->serving.publish(at), std::nullopt});
    for (const Observation& one : round.observations)
      if (one.signal == Signal::NeighbourThrottlingDeviation && label_of(one.subject->labels, "gpu") == "0")
        deviation_of_first = one.value;
    for (const Change& one : evaluator->take(round))
      if (one.track.rule == "GPUThrottledMoreThanNeighbours")
        out.push_back(fmt::format("{} {}", label_of(one.track.subject->labels, "gpu"), phase_name(one.track.phase)));
  }
  /// Another server goes on with what this one has kept.
  void restart() {
    observer = Observer(OwnBaseline::read(observer.own().text()));
    evaluator.emplace(builtin_rules(), kHolds, evaluator->tracks());
  }
  void anew() {
    told.emplace();
    observer = Observer();
    evaluator.emplace(builtin_rules(), kHolds);
    out.clear();
  }

  static constexpr Milliseconds kHolds{150'000};
  std::mt19937_64 random{7};
  std::optional<ToldPages> told{std::in_place};
  Observer observer;
  std::optional<Evaluator> evaluator{std::in_place, builtin_rules(), kHolds};
  EpochMs at = kStart;
  std::vector<std::string> out;
  std::optional<double> deviation_of_first;  ///< in the last round in which it was observed
};

std::vector<Board> boards(std::size_t count, Board all, std::size_t others, Board other) {
  std::vector<Board> out(count, all);
  std::fill_n(out.begin(), others, other);
  return out;
}

TEST_F(NeighboursThrottling, OneThatIsHeldDownAndTheOthersAreNotIsTold) {
  minutes(35, boards(6, {}, 1, {1}));
  EXPECT_THAT(out, IsEmpty()) << "twenty minutes until it is known, and fifteen of it";
  minutes(5, boards(6, {}, 1, {1}));
  EXPECT_THAT(out, ElementsAre("0 firing"));
  minutes(60, boards(6, {}, 0, {}));
  EXPECT_THAT(out, ElementsAre("0 firing", "0 resolved"));
}

TEST_F(NeighboursThrottling, WhatIsNewInARoundCountsInIt) {
  at = kStart / kMinute * kMinute;  // samples are of whole minutes
  minutes(19, boards(6, {}, 0, {}));
  EXPECT_EQ(deviation_of_first, std::nullopt);
  minutes(1, boards(6, {1}, 1, {}));
  EXPECT_EQ(deviation_of_first, -1.0 / 20 / 0.08) << "from what the others are like now";
}

TEST_F(NeighboursThrottling, WhatCannotBeComparedIsNotTold) {
  const struct {
    std::string_view what;
    std::vector<Board> boards;
  } kCases[] = {{"four are too few", boards(4, {}, 1, {1})},
                {"four busy ones, too", boards(6, {0, 10}, 4, {0.5})},
                {"one that has nothing to do", boards(6, {}, 1, {1, 10})},
                {"the software's power cap", boards(6, {}, 1, {1, 95, kPowerCap})},
                {"others of another model", boards(6, {}, 1, {1, 95, kHeat, "NVIDIA L4"})},
                {"two of five", boards(5, {}, 2, {1})},
                {"three of ten", boards(10, {}, 3, {1})}};
  for (const auto& one : kCases) {
    anew();
    minutes(60, one.boards);
    EXPECT_THAT(out, IsEmpty()) << one.what;
  }
}

TEST_F(NeighboursThrottling, ARestartEndsNothingAndWhatDoesNotApplyIsOver) {
  minutes(45, boards(6, {}, 1, {1}));
  ASSERT_THAT(out, ElementsAre("0 firing"));
  restart();
  minutes(45, boards(6, {}, 1, {1}));
  EXPECT_THAT(out, ElementsAre("0 firing"));
  minutes(5, boards(6, {}, 1, {1, 10}));
  EXPECT_THAT(out, ElementsAre("0 firing", "0 resolved")) << "its job has ended";
}

/// In random fleets: where all are held down alike nobody is told of, however much it is; where one is held down nearly
/// always, and the others seldom, that one is, and no other.
TEST_F(NeighboursThrottling, NobodyIsToldOfWhereAllAreHeldDownAlikeAndTheOneIsThatAloneIs) {
  for (int round = 0; round < 8; ++round) {
    const auto share = [&](double from, double to) { return std::uniform_real_distribution<double>(from, to)(random); };
    const auto count = static_cast<std::size_t>(5 + random() % 10);
    const double alike = round < 3 ? round * 0.5 : share(0, 1);
    anew();
    minutes(90, boards(count, {alike}, 0, {}));
    EXPECT_THAT(out, IsEmpty()) << count << " boards, each for " << alike << " of the time";
    anew();
    const double seldom = share(0, 0.15);
    minutes(90, boards(count, {seldom}, 1, {share(0.95, 1)}));
    EXPECT_THAT(out, ElementsAre("0 firing"))
        << count << " boards, each for " << seldom << " of the time but the first";
  }
}

}  // namespace
}  // namespace tessera::fleet::alerts
