#include "server/cost/token_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000, kSecond = 1'000;  // the begin of a quarter of an hour

struct TokenLogTest : testing::Test {
  void at(EpochMs seconds, std::optional<double> prompt, std::optional<double> generated = 10) {
    fleet::Served engine;
    engine.cluster = "c";
    engine.space = "ml";
    engine.pod = "llm-0";
    engine.model = "llama";
    engine.prompt_tokens_per_second = prompt;
    engine.generation_tokens_per_second = generated;
    engine.prefix_hit_ratio = 0.25;
    fleet::ServingView serving;
    serving.engines = {std::make_shared<const fleet::Served>(engine)};
    log.look(serving, {}, kStart + seconds * kSecond);
  }
  TokenLog log;
};

TEST_F(TokenLogTest, SumsUpThePaceOfTheTimeBetweenLooks) {
  at(0, 100);
  EXPECT_THAT(log.due(kStart + 3'600 * kSecond), IsEmpty()) << "nobody knows what was before";
  at(30, 100);
  at(30, 100);
  at(60, 200);
  const auto due = log.due(kStart + 60 * kSecond);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].first, kStart);
  ASSERT_THAT(due[0].second, SizeIs(1));
  EXPECT_DOUBLE_EQ(due[0].second[0].prompt, 9'000);
  EXPECT_DOUBLE_EQ(due[0].second[0].cached, 2'250);
  EXPECT_DOUBLE_EQ(due[0].second[0].generated, 600);
  EXPECT_EQ(due[0].second[0].observed_ms, 60'000);
  EXPECT_EQ(due[0].second[0].pods, std::vector<std::string>{"llm-0"});
  log.kept(kStart + 60 * kSecond);
  at(90, 100);
  EXPECT_THAT(log.due(kStart + 90 * kSecond), IsEmpty()) << "once a minute";
  EXPECT_THAT(log.due(kStart + 120 * kSecond), SizeIs(1));
}

TEST_F(TokenLogTest, AnEngineThatDoesNothingIsThereAndOneThatTellsNothingIsNot) {
  at(0, 0, 0);
  at(30, 0, 0);
  EXPECT_THAT(log.due(kStart + 60 * kSecond), SizeIs(1));
  log.kept(0);
  at(60, std::nullopt, std::nullopt);
  EXPECT_THAT(log.due(kStart + 60 * kSecond), IsEmpty());
}

TEST_F(TokenLogTest, OfAGapNothingIsKnownAndEachQuarterIsByItself) {
  at(0, 100);
  at(600, 100);
  EXPECT_THAT(log.due(kStart + 3'600 * kSecond), IsEmpty());
  at(890, 100);
  at(920, 100);
  const auto due = log.due(kStart + 3'600 * kSecond);
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[1].first, kStart + 900 * kSecond);
  EXPECT_EQ(due[0].second[0].observed_ms, 300'000) << "up to the quarter's end";
  EXPECT_EQ(due[1].second[0].observed_ms, 20'000);
  EXPECT_DOUBLE_EQ(due[1].second[0].prompt, 2'000);
}

}  // namespace
}  // namespace tessera::server
