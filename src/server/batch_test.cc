#include "server/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::server {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;

wire::WriteRequest request_of(std::vector<wire::Label> labels, EpochMs time = kNow) {
  wire::WriteRequest request;
  request.series.push_back({std::move(labels), {{1, time}}, {}, {}});
  return request;
}

std::string refused(const std::vector<wire::Label>& labels, const IntakeLimits& limits = {}) {
  std::string first;
  for (const auto protocol : {wire::Protocol::V1, wire::Protocol::V2}) {
    LeftOut left_out;
    JudgedSeries judged;
    const std::string message = wire::encode(protocol, request_of(labels));
    const auto batch = read_batch(protocol, message, limits, kNow, judged, left_out);
    EXPECT_EQ(read_batch(protocol, message, limits, kNow, judged, left_out).operator bool(), batch.operator bool())
        << "the second time too";
    std::string error = batch ? "" : batch.error().what;
    if (error.starts_with("byte ")) error.erase(0, error.find(':') + 2);  // each version's bytes stand elsewhere
    if (protocol == wire::Protocol::V1) first = error;
    EXPECT_EQ(error, first) << "both versions are judged alike";
  }
  return first;
}

TEST(ReadBatch, RefusesLabelsThatNoSenderMaySend) {
  EXPECT_EQ(refused({{"__name__", "up"}, {"job", "x"}}), "");
  EXPECT_EQ(refused({{"job", "x"}, {"__name__", "up"}}), "") << "out of order is untidy, but nothing is lost";
  EXPECT_THAT(refused({{"__name__", "up"}, {"job", "x"}, {"job", "y"}}),
              HasSubstr("series up: label job is there twice"));
  EXPECT_THAT(refused({{"job", "x"}, {"__name__", "up"}, {"job", "y"}}), HasSubstr("label job is there twice"));
  EXPECT_THAT(refused({{"__name__", "up"}, {"job", ""}}), HasSubstr("label job is empty"));
  EXPECT_THAT(refused({{"__name__", "up"}, {"a-b", "x"}}), HasSubstr("label name 'a-b'"));
  EXPECT_THAT(refused({{"job", "x"}}), HasSubstr("a series without __name__"));
  EXPECT_THAT(refused({}), HasSubstr("a series without __name__"));
  IntakeLimits limits;
  limits.label_value_bytes = 3;
  EXPECT_THAT(refused({{"__name__", "up"}, {"a", "long"}}, limits), HasSubstr("at most 256 and 3"));
  limits = {};
  limits.labels = 1;
  EXPECT_THAT(refused({{"__name__", "up"}, {"a", "b"}}, limits), HasSubstr("more than 1 labels of one series"));
}

TEST(ReadBatch, FindsTheBadOneWhereverItStands) {
  constexpr std::size_t kSeries = 40;
  for (std::size_t bad = 0; bad <= kSeries; ++bad) {
    wire::WriteRequest request;
    for (std::size_t i = 0; i < kSeries; ++i)
      request.series.push_back({{{"__name__", "up"}, {"job", std::to_string(i)}}, {{1, kNow}}, {}, {}});
    JudgedSeries judged;
    LeftOut left_out;
    const auto read = [&] {
      return read_batch(wire::Protocol::V1, wire::encode(wire::Protocol::V1, request), {}, kNow, judged, left_out);
    };
    ASSERT_TRUE(read());
    if (bad == kSeries) break;
    request.series[bad].labels[1].value.clear();
    const auto batch = read();
    ASSERT_FALSE(batch) << bad;
    EXPECT_THAT(batch.error().what, HasSubstr("label job is empty"));
  }
}

TEST(ReadBatch, LeavesOutTheFuture) {
  wire::WriteRequest request = request_of({{"__name__", "up"}}, kNow + 10 * 60'000);
  request.series[0].samples.push_back({2, kNow + 10 * 60'000 + 1});
  LeftOut left_out;
  JudgedSeries judged;
  const auto batch =
      read_batch(wire::Protocol::V1, wire::encode(wire::Protocol::V1, request), {}, kNow, judged, left_out);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->samples.size(), 1U);
  EXPECT_EQ(left_out.too_new, 1U);
}

TEST(ReadBatch, LeavesOutWhatNothingKeeps) {
  constexpr EpochMs kDay = 24 * 3'600'000;
  wire::WriteRequest request = request_of({{"__name__", "up"}}, 1'452'000'000'000);  // of 2016
  request.series[0].samples.push_back({2, kNow - 40 * kDay});
  request.series[0].samples.push_back({3, kNow - 396 * kDay});
  request.series[0].samples.push_back({4, kNow - 396 * kDay - 1});
  LeftOut left_out;
  JudgedSeries judged;
  const auto batch =
      read_batch(wire::Protocol::V1, wire::encode(wire::Protocol::V1, request), {}, kNow, judged, left_out);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->samples.size(), 2U) << "usage of 40 days ago is kept by the hour";
  EXPECT_EQ(left_out.too_old, 2U);
  EXPECT_EQ(left_out.too_new, 0U);
}

TEST(JudgedSeries, KnowsWhatWasAddedAndNothingElse) {
  JudgedSeries judged;
  std::mt19937_64 random(7);
  std::vector<fleet::SeriesKey> keys(200'000);
  for (auto& key : keys) key = {random(), random()};
  for (const auto& key : keys) EXPECT_FALSE(judged.has(key));
  for (const auto& key : keys) judged.add(key);
  for (const auto& key : keys) EXPECT_TRUE(judged.has(key));
  for (std::uint64_t i = 1; i <= 100; ++i) judged.add({5, i << 32U | i});  // one set, six times over
  EXPECT_TRUE(judged.has({5, 100ULL << 32U | 100}));
  EXPECT_FALSE(judged.has({6, 100ULL << 32U | 100}));
}

}  // namespace
}  // namespace tessera::server
