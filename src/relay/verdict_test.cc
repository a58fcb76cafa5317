#include "relay/verdict.h"

#include <gtest/gtest.h>

namespace tessera::relay {
namespace {

constexpr auto kV1 = RequestKind::V1Snappy;
constexpr auto kV2 = RequestKind::V2Snappy;
constexpr auto kZstd = RequestKind::V1Zstd;

TEST(Verdict, FollowsFromStatusFormAndWhatWasTakenBefore) {
  static constexpr struct {
    int status;
    std::string_view written;  // empty: no such header
    RequestKind kind;
    bool taken_before;
    Verdict want;
  } kCases[] = {
      {200, "", kV1, false, Verdict::Taken},
      {204, "", kZstd, false, Verdict::Taken},
      {204, "7", kV2, false, Verdict::Taken},
      {204, "0", kV2, false, Verdict::Taken},
      {204, "", kV2, false, Verdict::NotSpoken},
      {204, "", kV2, true, Verdict::NotSpoken},  // a receiver may be replaced by an older one
      {415, "", kV2, true, Verdict::NotSpoken},
      {415, "", kZstd, false, Verdict::NotSpoken},
      {415, "", kV1, false, Verdict::Refused},
      {400, "", kV1, false, Verdict::BadContent},
      {400, "", kV2, false, Verdict::NotSpoken},
      {400, "", kV2, true, Verdict::BadContent},
      {400, "0", kV2, false, Verdict::BadContent},
      {400, "9", kV2, false, Verdict::Taken},
      {400, "", kZstd, false, Verdict::NotSpoken},
      {400, "", kZstd, true, Verdict::BadContent},
      {400, "9", kV1, false, Verdict::BadContent},  // the header means nothing in an answer to version 1
      {409, "", kV2, false, Verdict::BadContent},
      {413, "", kV1, true, Verdict::BadContent},
      {422, "", kV1, true, Verdict::BadContent},
      {401, "", kV1, true, Verdict::Credentials},
      {402, "", kV1, true, Verdict::Refused},
      {403, "", kV2, true, Verdict::Refused},
      {404, "", kV1, false, Verdict::Refused},
      {405, "", kV1, false, Verdict::Refused},
      {429, "", kV1, false, Verdict::Later},
      {500, "", kV2, false, Verdict::Later},
      {502, "", kV1, false, Verdict::Later},
      {503, "3", kV2, true, Verdict::Later},
      {599, "", kV1, false, Verdict::Later},
      {302, "", kV1, false, Verdict::Later},
      {0, "", kV1, false, Verdict::Later},
  };
  for (const auto& c : kCases) {
    http::ClientResponse reply;
    reply.status = c.status;
    if (!c.written.empty()) reply.headers = {{"x-prometheus-remote-write-samples-written", std::string(c.written)}};
    EXPECT_EQ(judge(reply, {c.kind, c.taken_before, true}), c.want)
        << c.status << " written " << c.written << " kind " << static_cast<int>(c.kind) << c.taken_before;
  }
  http::ClientResponse busy;
  busy.status = 429;
  EXPECT_EQ(judge(busy, {kV1, true, false}), Verdict::Refused);
}

TEST(Verdict, CountsWhatVersionTwoHasWritten) {
  http::ClientResponse reply;
  EXPECT_EQ(samples_written(reply), std::nullopt);
  reply.headers = {{"x-prometheus-remote-write-histograms-written", "3"}};
  EXPECT_EQ(samples_written(reply), 0U);
  for (const auto& [text, want] : {std::pair{" 12 ", 12U}, {"many", 0U}, {"-3", 0U}}) {
    reply.headers = {{"x-prometheus-remote-write-samples-written", text}};
    EXPECT_EQ(samples_written(reply), want) << text;
  }
}

}  // namespace
}  // namespace tessera::relay
