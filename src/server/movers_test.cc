#include "server/movers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "fleet/decision/samples.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

fleet::PodAllocation allocation(const std::string& pod, const std::string& more) {
  fleet::PodAllocation out;
  out.id = "a-" + pod;
  out.cluster = "c";
  out.space = "ml";
  out.pod = pod;
  out.request = fmt::format(R"({{"namespace":"ml","podName":"{}","useMig":true,"requiredMemoryGb":9{}}})", pod, more);
  out.state = fleet::AllocationState::Bound;
  return out;
}

fleet::ClusterView cluster() {
  fleet::ClusterView out;
  out.cluster = "c";
  out.watched = true;
  return out;
}

void put_pod(fleet::ClusterView& into, const std::string& pod, bool labelled) {
  fleet::ClusterPod out;
  out.space = "ml";
  out.name = pod;
  if (labelled) out.labels["tessera.dev/may-move"] = "true";
  into.pods[fleet::pod_key("ml", pod)] = std::make_shared<const fleet::ClusterPod>(std::move(out));
}

TEST(Movers, AreThoseThatAreFoundAnewHoweverTheyCameToBe) {
  std::mt19937_64 random(5);
  fleet::AllocationBook book;
  fleet::ClusterView view = cluster();
  Movers movers(book, std::make_shared<const fleet::ClusterView>(view));
  Policies policies(std::make_shared<const decision::Mix>());
  std::size_t most = 0;
  for (int step = 0; step < 400; ++step) {
    const std::string pod = fmt::format("p-{}", random() % 8);
    std::set<PodName> turned;
    switch (random() % 4) {
      case 0:
        put_pod(view, pod, random() % 2 == 0);
        break;
      case 1:
        view.pods.erase(fleet::pod_key("ml", pod));
        break;
      default: {
        auto one = allocation(pod, random() % 2 == 0 ? R"(,"mayMove":true,"node":"w-1")" : "");
        if (random() % 3 == 0) one.state = fleet::AllocationState::Ended;
        ASSERT_TRUE(book.put(std::move(one)));
        turned.insert({"c", "ml", pod});
      }
    }
    const auto now = std::make_shared<const fleet::ClusterView>(view);
    movers.follow(book, now, turned);
    const Movers anew(book, now);
    ASSERT_EQ(movers.of("c"), anew.of("c")) << "step " << step;
    for (int i = 0; i < 8; ++i) {
      const std::string holder = fmt::format("ml/p-{}", i);
      ASSERT_EQ(movers.has("c", holder), anew.has("c", holder)) << holder << ", step " << step;
      ASSERT_FALSE(movers.has("d", holder));
      const auto scope = movers.terms("c", policies)(holder).scope, other = anew.terms("c", policies)(holder).scope;
      ASSERT_EQ(!scope, !other);
      if (scope) ASSERT_EQ(scope("c", "w-2"), other("c", "w-2")) << holder << ", step " << step;
    }
    most = std::max(most, movers.of("c"));
  }
  EXPECT_GT(most, 3U);
}

/// Two devices with a 1g in the middle of each: a 3g has no room on either, unless the one moves to the other.
decision::Supply blocked() {
  decision::Supply out;
  for (unsigned i = 0; i < 2; ++i) {
    out.candidates.push_back(decision::h100(i));
    out.candidates.back().cluster = "c";
    out.candidates.back().pieces = {decision::piece(decision::k1g, 1, 1, fmt::format("ml/p-{}", 2 * i)),
                                    decision::piece(decision::k1g, 5, 1, fmt::format("ml/p-{}", 2 * i + 1))};
  }
  return out;
}

struct WaysTest : testing::Test {
  WaysTest() {
    for (int i = 0; i < 4; ++i)
      EXPECT_TRUE(book.put(allocation(fmt::format("p-{}", i), i == 0 ? R"(,"mayMove":true)" : "")));
    wish.cluster = "c";
    wish.need.memory_mib = 40'000;
  }
  std::optional<decision::Way> way() { return ways.in(stock, wish, mix, book, pods); }

  fleet::AllocationBook book;
  std::shared_ptr<const fleet::ClusterView> pods = std::make_shared<const fleet::ClusterView>(cluster());
  const std::shared_ptr<const decision::Mix> mix = std::make_shared<const decision::Mix>();
  decision::Stock stock{blocked()};
  AllocationWish wish;
  Ways ways{"default"};
};

TEST_F(WaysTest, LookAtNobodyAgainWhoHasNotChangedHoweverManyAreRefused) {
  const auto first = way();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->moves[0].holder, "ml/p-0");
  const std::uint64_t looked_at = ways.movers()->looked_at();
  for (int i = 0; i < 20; ++i) {
    ways.follow(book, pods, false, {});
    const auto again = way();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->sentence, first->sentence);
  }
  EXPECT_EQ(ways.movers()->looked_at(), looked_at);
}

TEST_F(WaysTest, LeaveNothingOfWhatWasTriedForOneToTheNext) {
  ASSERT_TRUE(way());
  wish.need.compute_slices = 4;
  const auto next = way();
  Ways of_their_own("default");
  const auto alone = of_their_own.in(stock, wish, mix, book, pods);
  ASSERT_TRUE(alone);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->moves.size(), 1U);
  EXPECT_EQ(next->sentence, alone->sentence);
}

TEST_F(WaysTest, PlaceWhoMovesByThePolicyThatWillPlaceIt) {
  // Beside a device that is full but for the 1g's half one that has little left, and one that nobody has anything of.
  decision::Supply supply = blocked();
  supply.candidates[0].pieces[1] = decision::piece(decision::k3g, 4, 4, "ml/p-1");
  supply.candidates[1].pieces = {decision::piece(decision::k4g, 0, 4, "ml/p-2"),
                                 decision::piece(decision::k2g, 4, 2, "ml/p-3")};
  supply.candidates.push_back(decision::h100(4));
  supply.candidates[2].cluster = "c";
  stock = decision::Stock(supply);
  wish.node = supply.candidates[0].node;
  const auto goes_to = [&](const std::string& policy) {
    Ways by(policy);
    const auto found = by.in(stock, wish, mix, book, pods);
    return found && !found->moves.empty() ? std::optional(found->moves.front().to.candidate) : std::nullopt;
  };
  EXPECT_EQ(goes_to("bestfit"), 1U);
  EXPECT_EQ(goes_to("spread"), 2U) << "the server's";
  ASSERT_TRUE(book.put(allocation("p-0", R"(,"mayMove":true,"policy":"spread")")));
  EXPECT_EQ(goes_to("bestfit"), 2U) << "its allocation's, by which it is placed when it is asked for anew";
}

TEST_F(WaysTest, AreOfDevicesAndMoversAsTheyAreNow) {
  ASSERT_TRUE(way());
  decision::Candidate other = stock.supply().candidates[1];
  other.unfit = "it is silent";
  stock.set(1, other);
  const auto within = way();
  ASSERT_TRUE(within);
  for (const auto& move : within->moves) EXPECT_NE(move.to.candidate, 1U) << "a device that has gone meanwhile";
  auto over = *book.find("a-p-0");
  over.state = fleet::AllocationState::Ended;
  ASSERT_TRUE(book.put(over));
  ways.follow(book, pods, false, {{"c", "ml", "p-0"}});
  EXPECT_FALSE(way()) << "nobody may move any longer";
  ASSERT_TRUE(book.put(allocation("p-0", R"(,"mayMove":true)")));
  ways.follow(book, pods, true, {});
  EXPECT_TRUE(way()) << "all of the book may be otherwise";
}

}  // namespace
}  // namespace tessera::server
