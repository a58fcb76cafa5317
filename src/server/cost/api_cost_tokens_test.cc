#include "server/cost/api_cost_told.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "fleet/cost/ledger.h"
#include "server/cost/ledger_closer.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::IsEmpty;

TEST_F(ApiCostTest, TokensCostWhatTheirPodsHold) {
  fleet::Served engine;
  engine.cluster = "default";
  engine.space = "serving";
  engine.pod = "llm-0";
  engine.model = "llama";
  engine.window_seconds = 300;
  engine.prompt_tokens_per_second = 1'000;
  engine.generation_tokens_per_second = 250;
  engine.prefix_hit_ratio = 0.5;
  Published next = *history.published.get();
  fleet::ServingView serving;
  serving.engines = {std::make_shared<const fleet::Served>(engine)};
  engine.pod = "silent";
  engine.prompt_tokens_per_second = engine.generation_tokens_per_second = std::nullopt;
  serving.engines.push_back(std::make_shared<const fleet::Served>(engine));
  next.serving = std::make_shared<const fleet::ServingView>(serving);
  history.published.publish(std::move(next));
  const Json items = get("/cost/tokens")["items"];
  ASSERT_EQ(items.size(), 1U) << items;
  EXPECT_EQ(items[0]["team"], "=chat");
  EXPECT_EQ(items[0]["costPerHour"], "1.714285");
  EXPECT_EQ(items[0]["promptTokensPerHour"], 3'600'000);
  EXPECT_NEAR(items[0]["perMillionTokens"]["blended"].get<double>(), 1.714285 / 4.5, 1e-9);
  EXPECT_NEAR(items[0]["perMillionTokens"]["blendedOfUsed"].get<double>(), 1.714285 / 4.5 / 4, 1e-6);
}

TEST_F(ApiCostTest, TokensOfAWindowCostWhatTheirPodsHaveCostInIt) {
  const auto add = [&](EpochMs bucket, double prompt, double generated) {
    ASSERT_TRUE(
        store::add_served_tokens(*history.database, bucket,
                                 {{"default", "serving", "llm-0", "llama", {"llm-0"}, prompt, prompt / 2, generated},
                                  {"default", "ml", "gone", "llama", {"gone"}, 10, 0, 0}}));
  };
  EXPECT_EQ(get("/cost/tokens", "window=24h")["items"].size(), 0U) << "nothing was summed up";
  add(kStart + 4 * kBucket, 900'000, 225'000);
  add(kStart + 5 * kBucket, 900'000, 225'000);
  const std::string hour = "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(kStart + 8 * kBucket);
  const Json reply = get("/cost/tokens", hour);
  EXPECT_THAT(check.wrong_in(reply, schema("/cost/tokens")), IsEmpty()) << reply;
  ASSERT_EQ(reply["items"].size(), 2U) << reply;
  const Json& none = reply["items"][0];
  EXPECT_EQ(none["team"], nullptr) << "whose a pod is of which nothing was seen";
  EXPECT_EQ(none["costPerHour"], nullptr);
  const Json& chat = reply["items"][1];
  EXPECT_EQ(chat["team"], "=chat");
  EXPECT_NEAR(static_cast<double>(micros(chat["costPerHour"])), 6e6 * 2 / 7, 10) << "two slices of seven";
  EXPECT_EQ(chat["coveredSeconds"], 1'800) << "of an hour";
  EXPECT_NEAR(chat["gpuHours"].get<double>(), 2.0 / 7, 1e-5) << "in all of the hour";
  EXPECT_EQ(chat["coverage"], nullptr) << "of that, nobody knows how much was told";
  EXPECT_EQ(chat["unobservedGpuHours"], nullptr);
  EXPECT_EQ(chat["promptTokensPerHour"], 3'600'000);
  EXPECT_NEAR(chat["perMillionTokens"]["blended"].get<double>(), 6.0 * 2 / 7 / 4.5, 1e-5);
  // Before the first tokens there was money too, which no token could be held against.
  const Json longer = get("/cost/tokens", "window=" + format_time(kStart) + "," + format_time(kStart + 8 * kBucket));
  EXPECT_EQ(longer["window"], reply["window"]);
  EXPECT_EQ(longer["items"], reply["items"]);
  EXPECT_EQ(get("/cost/tokens")["window"], nullptr);
  get("/cost/tokens", "window=never", 400);
}

TEST_F(ApiCostTest, TokensOfAWindowSayHowMuchOfTheirPodsTimeWasObserved) {
  const auto add = [&](EpochMs bucket, const std::string& model, EpochMs observed) {
    store::ServedTokens one{"default", "serving", "llm-0", model, {"llm-0"}, 0, 0, 100};
    one.observed_ms = observed;
    ASSERT_TRUE(store::add_served_tokens(*history.database, bucket, {one}));
  };
  add(kStart + 4 * kBucket, "a", 2 * kBucket);  // more than there is: of clocks that went back
  add(kStart + 5 * kBucket, "a", kBucket / 3);
  const std::string hour = "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(kStart + 8 * kBucket);
  const auto expect = [&](const Json& row, double hours, double observed) {
    EXPECT_NEAR(row["gpuHours"].get<double>(), hours * 2 / 7, 1e-5) << row;
    EXPECT_NEAR(row["coverage"].get<double>(), observed / hours, 1e-5) << row;
    EXPECT_NEAR(row["unobservedGpuHours"].get<double>(), (hours - observed) * 2 / 7, 1e-5) << row;
  };
  Json items = get("/cost/tokens", hour)["items"];
  ASSERT_EQ(items.size(), 1U) << items;
  EXPECT_EQ(items[0]["coveredSeconds"], 1'800);
  expect(items[0], 1, 0.25 + 0.25 / 3);
  // Another model has the third quarter; of the fourth, in which nobody told, each has a half.
  add(kStart + 6 * kBucket, "b", kBucket);
  items = get("/cost/tokens", hour)["items"];
  ASSERT_EQ(items.size(), 2U) << items;
  expect(items[0], 0.625, 0.25 + 0.25 / 3);
  expect(items[1], 0.375, 0.25);
  EXPECT_EQ(get("/cost/tokens")["items"].size(), 0U);
}

/// The ledger knows what the leader holds alone.
TEST_F(ApiCostTest, AReplicaWhoseWorkerIsReplacedMidwayWasToldAllTheTime) {
  const auto add = [&](const std::string& worker, EpochMs observed) {
    store::ServedTokens one{"default", "serving", "llm-0", "a", {"llm-0", worker}, 0, 0, 100};
    one.observed_ms = observed;
    ASSERT_TRUE(store::add_served_tokens(*history.database, kStart + 4 * kBucket, {one}));
  };
  const std::string quarter = "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(kStart + 5 * kBucket);
  add("w-1", kBucket / 2);
  add("w-2", kBucket / 2);
  Json row = get("/cost/tokens", quarter)["items"].at(0);
  EXPECT_NEAR(row["gpuHours"].get<double>(), 0.25 * 2 / 7, 1e-5) << row;
  EXPECT_NEAR(row["coverage"].get<double>(), 1, 1e-9) << row;
  EXPECT_NEAR(row["unobservedGpuHours"].get<double>(), 0, 1e-9) << row;
  EXPECT_EQ(row["engines"], 1) << row;
  add("w-3", kBucket / 4);
  row = get("/cost/tokens", quarter)["items"].at(0);
  EXPECT_NEAR(row["coverage"].get<double>(), 1, 1e-9) << "never more than there is: " << row;
}

TEST_F(ApiCostTest, APodThatServedTwoModelsCostsOnce) {
  const auto add = [&](EpochMs bucket, const std::string& model, double generated) {
    ASSERT_TRUE(store::add_served_tokens(*history.database, bucket,
                                         {{"default", "serving", "llm-0", model, {"llm-0"}, 0, 0, generated}}));
  };
  add(kStart + 4 * kBucket, "a", 100);
  add(kStart + 5 * kBucket, "a", 300);
  add(kStart + 5 * kBucket, "b", 100);
  add(kStart + 6 * kBucket, "b", 0);
  const auto window = [](EpochMs to) { return "window=" + format_time(kStart + 4 * kBucket) + "," + format_time(to); };
  const Json items = get("/cost/tokens", window(kStart + 7 * kBucket))["items"];
  ASSERT_EQ(items.size(), 2U) << items;
  const double hourly = 6e6 * 2 / 7;
  const double of_two[] = {1.75 / 2, 1.25 / 2};
  for (const std::size_t i : {0UL, 1UL}) {
    EXPECT_EQ(items[i]["coveredSeconds"], 1'800);
    EXPECT_NEAR(static_cast<double>(micros(items[i]["costPerHour"])), hourly * of_two[i], 10) << items[i];
  }
  // Of tokens of a quarter of which the money is not known yet nothing is told.
  const EpochMs ahead = fleet::cost_bucket_of(history.published.get()->view->time);
  add(ahead, "b", 1e9);
  const Json reply = get("/cost/tokens", window(ahead + kBucket));
  EXPECT_EQ(reply["items"][1]["coveredSeconds"], 1'800) << reply;
  EXPECT_THAT(check.wrong_in(reply, schema("/cost/tokens")), IsEmpty()) << reply;
}

TEST_F(ApiCostTest, TokensAreSummedUpByWhoClosesTheLedger) {
  fleet::Served engine;
  engine.cluster = "default";
  engine.space = "serving";
  engine.pod = "llm-0";
  engine.model = "llama";
  engine.prompt_tokens_per_second = 100;
  engine.generation_tokens_per_second = 10;
  fleet::ServingView serving;
  serving.engines = {std::make_shared<const fleet::Served>(engine)};
  LedgerOptions closing{options.settings, options.owners};
  closing.look_every = 0ms;
  LedgerCloser closer(history.open(), history.published, [] { return true; }, closing);
  const EpochMs begin = kStart + 6 * 60 * kMinute;
  for (EpochMs now = begin; now <= begin + 5 * kMinute / 2; now += kMinute / 2) {
    history.publish(now);
    Published next = *history.published.get();
    next.serving = std::make_shared<const fleet::ServingView>(serving);
    history.published.publish(std::move(next));
    ASSERT_TRUE(closer.look());
    ASSERT_TRUE(closer.look()) << "of the same view: nothing more was done";
  }
  const auto kept = store::served_tokens(*history.database, 0, begin * 2);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_DOUBLE_EQ(kept->front().prompt, 100 * 150);
  EXPECT_DOUBLE_EQ(kept->front().generated, 10 * 150);
}

}  // namespace
}  // namespace tessera::server
