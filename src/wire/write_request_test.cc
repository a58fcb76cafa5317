#include "wire/write_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "wire/protobuf.h"
#include "wire/random_request.h"
#include "wire/staleness.h"

namespace tessera::wire {
namespace {
using namespace std::string_literals;

constexpr Protocol kProtocols[] = {Protocol::V1, Protocol::V2};
constexpr unsigned kRandomRequests = 100;

// One series `up{j="k"} 1` at 1000 ms with metadata, typed by hand from the specifications.
const std::string kSmallV1 =
    "\x0a\x26"                                                    // series
    "\x0a\x0e\x0a\x08__name__\x12\x02up"                          // label
    "\x0a\x06\x0a\x01j\x12\x01k"                                  // label
    "\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07"    // sample
    "\x1a\x18\x08\x02\x12\x02up\x22\x09Is it up.\x2a\x05ratio"s;  // metadata
const std::string kSmallV2 =
    "\x22\x00\x22\x08__name__\x22\x02up\x22\x01j\x22\x01k\x22\x09Is it up.\x22\x05ratio"  // symbols
    "\x2a\x1c"                                                                            // series
    "\x0a\x04\x01\x02\x03\x04"                                                            // references
    "\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07"                            // sample
    "\x2a\x06\x08\x02\x18\x05\x20\x06"s;                                                  // metadata

WriteRequest small(Protocol protocol) {
  WriteRequest request;
  request.series.push_back({{{"__name__", "up"}, {"j", "k"}}, {{1.0, 1000}}, {}, {}});
  const Metadata about{metrics::Kind::Gauge, "Is it up.", "ratio"};
  if (protocol == Protocol::V1)
    request.metadata.push_back({"up", about});
  else
    request.series[0].metadata = about;
  return request;
}

std::string error_of(Protocol protocol, std::string_view message, const Limits& limits = {}) {
  const auto decoded = decode(protocol, message, limits);
  return decoded ? "" : decoded.error().what;
}

TEST(WriteRequest, IsTheBytesOfTheSpecification) {
  EXPECT_EQ(encode(Protocol::V1, small(Protocol::V1)), kSmallV1);
  EXPECT_EQ(encode(Protocol::V2, small(Protocol::V2)), kSmallV2);
  EXPECT_EQ(*decode(Protocol::V1, kSmallV1), small(Protocol::V1));
  EXPECT_EQ(*decode(Protocol::V2, kSmallV2), small(Protocol::V2));
}

TEST(WriteRequest, SaysTheSameInTheOtherVersion) {
  EXPECT_EQ(encode(Protocol::V2, small(Protocol::V1)), kSmallV2);
  EXPECT_EQ(encode(Protocol::V1, small(Protocol::V2)), kSmallV1);
}

TEST(WriteRequest, TakesWhatOthersWriteOtherwise) {
  WriteRequest zero;
  zero.series.push_back({{{"a", "b"}}, {{0, 0}}, {}, {}});
  WriteRequest pair;
  pair.series.push_back({{{"a", "b"}, {"c", "b"}}, {}, {}, {}});
  WriteRequest histogram;
  histogram.series.emplace_back();
  histogram.histograms = 1;
  const std::string symbols =
      "\x22\x00\x22\x01"
      "a\x22\x01"
      "b\x22\x01"
      "c"s;
  const struct {
    const char* what;
    Protocol protocol;
    std::string message;
    WriteRequest want;
  } cases[] = {
      {"nothing", Protocol::V1, "", {}},
      {"nothing", Protocol::V2, "", {}},
      {"zeros left out", Protocol::V1,
       "\x0a\x0a\x0a\x06\x0a\x01"
       "a\x12\x01"
       "b\x12\x00"s,
       zero},
      {"zeros written", Protocol::V2,
       symbols + "\x2a\x11\x0a\x02\x01\x02\x12\x0b\x09\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00"s, zero},
      {"symbols at the end", Protocol::V2, "\x2a\x06\x0a\x02\x01\x02\x12\x00"s + symbols, zero},
      {"references one by one", Protocol::V2, symbols + "\x2a\x08\x08\x01\x08\x02\x08\x03\x08\x02"s, pair},
      {"references in two pieces", Protocol::V2, symbols + "\x2a\x08\x0a\x02\x01\x02\x0a\x02\x03\x02"s, pair},
      {"a pair in two pieces", Protocol::V2, symbols + "\x2a\x08\x0a\x03\x01\x02\x03\x0a\x01\x02"s, pair},
      {"labels out of order", Protocol::V2, symbols + "\x2a\x06\x0a\x04\x03\x02\x01\x02"s, pair},
      {"unknown fields", Protocol::V2,
       "\x7a\x01x\x78\x05\x79\x01\x02\x03\x04\x05\x06\x07\x08\x7d\x01\x02\x03\x04"s + symbols +
           "\x2a\x0b\x0a\x04\x01\x02\x03\x02\x30\x07\x7a\x01x"s,
       pair},
      {"a histogram", Protocol::V1, "\x0a\x02\x22\x00"s, histogram},
      {"a histogram", Protocol::V2, "\x2a\x02\x1a\x00"s, histogram},
  };
  for (const auto& c : cases) {
    const auto decoded = decode(c.protocol, c.message);
    ASSERT_TRUE(decoded) << c.what << ": " << decoded.error().what;
    EXPECT_EQ(*decoded, c.want) << c.what;
  }
}

TEST(WriteRequest, SaysWhereItIsWrong) {
  const struct {
    Protocol protocol;
    std::string message;
    std::string_view want;
  } cases[] = {
      {Protocol::V1, "\x0a\x05\x0a"s, "byte 1: field 1 has a length of 5 where 1 bytes are left"},
      {Protocol::V1, "\x0a"s, "byte 1: the message ends within a varint"},
      {Protocol::V1, "\x08\x01"s, "byte 1: field 1 is a varint, expected a length and bytes"},
      {Protocol::V1, "\x0b"s, "byte 0: field 1 has wire type 3"},
      {Protocol::V1, "\x00\x00"s, "byte 0: 0 is no field number"},
      {Protocol::V1, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s, "byte 1: a varint of more than 64 bits"},
      {Protocol::V1, "\x0a\x04\x12\x02\x09\x00"s, "byte 5: the message ends within a number of 8 bytes"},
      {Protocol::V2, "\x22\x01x"s, "byte 1: the first symbol is not empty"},
      {Protocol::V2, "\x22\x00\x2a\x04\x0a\x02\x00\x01"s, "byte 7: reference to symbol 1, there are 1"},
      {Protocol::V2, "\x2a\x04\x0a\x02\x00\x01"s, "byte 5: reference to symbol 1, there are 0"},
      {Protocol::V2, "\x22\x00\x2a\x03\x0a\x01\x00"s, "byte 3: 1 label references, no pairs"},
      {Protocol::V2, "\x22\x00\x2a\x04\x2a\x02\x18\x07"s, "byte 7: reference to symbol 7, there are 1"},
  };
  for (const auto& c : cases) EXPECT_THAT(error_of(c.protocol, c.message), testing::HasSubstr(c.want));
}

TEST(WriteRequest, HoldsNoMoreThanTheLimits) {
  Limits one_series, one_sample, one_label, four_symbols, few_bytes;
  one_series.series = 1;
  one_sample.samples = 1;
  one_label.labels = 1;
  four_symbols.symbols = 4;
  few_bytes.string_bytes = 11;
  WriteRequest twice = small(Protocol::V2);
  twice.series.push_back(twice.series[0]);
  WriteRequest two_samples = small(Protocol::V2);
  two_samples.series[0].samples.push_back({2, 2});
  two_samples.series[0].metadata = {};
  const struct {
    const Limits& limits;
    const WriteRequest& request;
    std::string_view want;
  } cases[] = {{one_series, twice, "more than 1 series"},
               {one_sample, two_samples, "more than 1 samples"},
               {one_label, twice, "more than 1 labels of one series"},
               {few_bytes, twice, "more than 11 bytes of strings"}};
  for (const auto protocol : kProtocols)
    for (const auto& c : cases)
      EXPECT_THAT(error_of(protocol, encode(protocol, c.request), c.limits), testing::HasSubstr(c.want));
  EXPECT_THAT(error_of(Protocol::V2, kSmallV2, four_symbols), testing::HasSubstr("byte 20: more than 4 symbols"));
}

TEST(WriteRequest, ComesBackAsItWent) {
  for (unsigned seed = 0; seed < kRandomRequests; ++seed)
    for (const auto protocol : kProtocols) {
      const WriteRequest request = RandomRequest(seed)(protocol);
      const auto back = decode(protocol, encode(protocol, request));
      ASSERT_TRUE(back) << seed << ": " << back.error().what;
      ASSERT_EQ(*back, request) << seed;
    }
}

TEST(WriteRequest, LosesNothingInTheOtherVersion) {
  for (unsigned seed = 0; seed < kRandomRequests; ++seed) {
    const WriteRequest request = RandomRequest(seed)(Protocol::V1);
    const auto there = decode(Protocol::V2, encode(Protocol::V2, request));
    ASSERT_TRUE(there) << seed;
    ASSERT_EQ(*decode(Protocol::V1, encode(Protocol::V1, *there)), request) << seed;
  }
}

TEST(WriteRequest, TellsMetadataOfAHistogramByItsFamily) {
  WriteRequest request;
  for (const auto* name : {"h_bucket", "h_count", "h_sum"})
    request.series.push_back({{{"__name__", name}}, {{1, 1}}, {}, {metrics::Kind::Histogram, "H.", ""}});
  const auto v1 = decode(Protocol::V1, encode(Protocol::V1, request));
  ASSERT_TRUE(v1);
  EXPECT_EQ(v1->metadata, (std::vector<MetricMetadata>{{"h", {metrics::Kind::Histogram, "H.", ""}}}));
  EXPECT_EQ(*decode(Protocol::V2, encode(Protocol::V2, *v1)), request);
}

TEST(WriteRequest, EndsWellOrIsRefusedWhereverItIsCut) {
  RandomRequest random(7);
  for (const auto protocol : kProtocols) {
    WriteRequest request = random(protocol);
    while (request.series.size() != 5) request = random(protocol);
    const std::string whole = encode(protocol, request);
    std::size_t accepted = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto part = decode(protocol, std::string_view(whole).substr(0, size));
      if (!part) continue;
      ++accepted;
      ASSERT_LT(part->series.size() + part->metadata.size(), request.series.size() + request.metadata.size());
      for (std::size_t i = 0; i < part->series.size(); ++i) ASSERT_EQ(part->series[i], request.series[i]);
    }
    EXPECT_GE(accepted, request.series.size());  // between any two fields
  }
}

TEST(WriteRequest, KeepsEveryBitOfValueAndTime) {
  const std::uint64_t values[] = {kStaleBits, kNanBits, 0x7ff8000000000000, 0xfff0000000000001, 0x8000000000000000,
                                  1,          0};
  WriteRequest request;
  Series& series = request.series.emplace_back();
  for (const auto bits : values) series.samples.push_back({std::bit_cast<double>(bits), -1});
  for (const auto protocol : kProtocols) {
    const std::string message = encode(protocol, request);
    EXPECT_NE(message.find("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), std::string::npos);  // ten bytes, no zigzag
    const auto back = decode(protocol, message);
    ASSERT_TRUE(back);
    for (std::size_t i = 0; i < std::size(values); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(back->series[0].samples[i].value), values[i]);
      EXPECT_EQ(back->series[0].samples[i].time, -1);
      EXPECT_EQ(is_stale(back->series[0].samples[i].value), i == 0);
    }
  }
}

TEST(WriteRequest, HasRoomForAHundredThousandSymbols) {
  WriteRequest request;
  for (int i = 0; i < 100'000; ++i) {
    if (i % 100 == 0) request.series.emplace_back();
    request.series.back().labels.push_back({fmt::format("l{:02}", i % 100), std::to_string(i)});
  }
  EXPECT_EQ(*decode(Protocol::V2, encode(Protocol::V2, request)), request);
}

TEST(Varint, HasTheSizeThatIsForetold) {
  for (unsigned shift = 0; shift < 64; ++shift)
    for (const std::uint64_t value : {std::uint64_t{1} << shift, (std::uint64_t{1} << shift) - 1}) {
      std::string bytes;
      protobuf::append_varint(bytes, value);
      EXPECT_EQ(bytes.size(), protobuf::varint_size(value)) << value;
    }
}
}  // namespace
}  // namespace tessera::wire
