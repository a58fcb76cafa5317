#include "server/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;

wire::WriteRequest request_of(std::vector<wire::Label> labels, EpochMs time = kNow) {
  wire::WriteRequest request;
  request.series.push_back({std::move(labels), {{1, time}}, {}, {}});
  return request;
}

std::string refused(std::vector<wire::Label> labels, const IntakeLimits& limits = {}) {
  std::string first;
  for (const auto protocol : {wire::Protocol::V1, wire::Protocol::V2}) {
    std::size_t too_new = 0;
    const auto batch = read_batch(protocol, wire::encode(protocol, request_of(labels)), limits, kNow, too_new);
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

TEST(ReadBatch, LeavesOutTheFuture) {
  wire::WriteRequest request = request_of({{"__name__", "up"}}, kNow + 10 * 60'000);
  request.series[0].samples.push_back({2, kNow + 10 * 60'000 + 1});
  std::size_t too_new = 0;
  const auto batch = read_batch(wire::Protocol::V1, wire::encode(wire::Protocol::V1, request), {}, kNow, too_new);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->samples.size(), 1U);
  EXPECT_EQ(too_new, 1U);
}

}  // namespace
}  // namespace tessera::server
