#include "wire/series_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "wire/protobuf.h"
#include "wire/random_request.h"

namespace tessera::wire {
namespace {

constexpr Protocol kProtocols[] = {Protocol::V1, Protocol::V2};

std::vector<Label> sorted(std::span<const metrics::Label> labels) {
  std::vector<Label> out;
  for (const metrics::Label& label : labels) out.push_back({std::string(label.name), std::string(label.value)});
  std::ranges::sort(out, {}, &Label::name);
  return out;
}

TEST(SeriesWalk, SaysWhatDecodeSays) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    for (const Protocol protocol : kProtocols) {
      const WriteRequest request = RandomRequest(seed)(protocol);
      const std::string message = encode(protocol, request);
      SeriesWalk walk(protocol, message);
      for (const Series& series : request.series) {
        ASSERT_TRUE(*walk.next()) << seed;
        EXPECT_EQ(sorted(*walk.labels()), series.labels) << seed;
        EXPECT_TRUE(std::ranges::equal(walk.samples(), series.samples)) << seed;
      }
      EXPECT_FALSE(*walk.next()) << seed;
      EXPECT_EQ(walk.series_count(), request.series.size());
    }
  }
}

TEST(SeriesWalk, KeysAreEqualWhereLabelsAre) {
  for (const Protocol protocol : kProtocols) {
    std::map<std::string, std::string> by_labels;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> by_key;
    for (unsigned seed = 0; seed < 200; ++seed) {
      const std::string message = encode(protocol, RandomRequest(seed)(protocol));
      SeriesWalk walk(protocol, message);
      while (*walk.next()) {
        std::string labels;
        for (const Label& label : sorted(*walk.labels())) labels += label.name + '\1' + label.value + '\2';
        const auto [known, fresh] = by_key.try_emplace({walk.key().low, walk.key().high}, labels);
        EXPECT_EQ(known->second, labels);
        const auto key = std::to_string(walk.key().low) + "/" + std::to_string(walk.key().high);
        EXPECT_EQ(by_labels.try_emplace(labels, key).first->second, key);
      }
    }
    EXPECT_GT(by_key.size(), 100U);
  }
}

TEST(SeriesWalk, TakesFieldsInAnyOrder) {
  // A sample between two labels: the key is the one of the labels side by side.
  const auto label = [](const std::string& name, const std::string& value) {
    std::string inner, out;
    protobuf::append_string(inner, 1, name);
    protobuf::append_string(inner, 2, value);
    protobuf::append_bytes(out, 1, inner);
    return out;
  };
  std::string sample, tidy, mixed;
  std::string point;
  protobuf::append_double(point, 1, 2.5);
  protobuf::append_number(point, 2, 7);
  protobuf::append_bytes(sample, 2, point);
  protobuf::append_bytes(tidy, 1, label("__name__", "up") + label("a", "b") + sample);
  protobuf::append_bytes(mixed, 1, label("__name__", "up") + sample + label("a", "b"));
  SeriesWalk first(Protocol::V1, tidy), second(Protocol::V1, mixed);
  ASSERT_TRUE(*first.next());
  ASSERT_TRUE(*second.next());
  EXPECT_EQ(first.key(), second.key());
  EXPECT_EQ(sorted(*first.labels()), sorted(*second.labels()));
  ASSERT_EQ(second.samples().size(), 1U);
  EXPECT_EQ(second.samples()[0], (Sample{2.5, 7}));
}

TEST(SeriesWalk, StopsAtTheLimitsAndAtDamage) {
  WriteRequest request;
  for (int i = 0; i < 3; ++i)
    request.series.push_back({{{"__name__", "m"}, {"i", std::to_string(i)}}, {{1, 1}, {2, 2}}, {}, {}});
  for (const Protocol protocol : kProtocols) {
    const std::string message = encode(protocol, request);
    const auto error = [&](const Limits& limits, std::string_view of) {
      SeriesWalk walk(protocol, of, limits);
      auto more = walk.next();
      for (; more && *more; more = walk.next())
        if (const auto labels = walk.labels(); !labels) return labels.error().what;
      return more ? "" : more.error().what;
    };
    Limits limits;
    EXPECT_EQ(error(limits, message), "");
    limits.series = 2;
    EXPECT_THAT(error(limits, message), testing::HasSubstr("more than 2 series"));
    limits = {};
    limits.samples = 5;
    EXPECT_THAT(error(limits, message), testing::HasSubstr("more than 5 samples"));
    limits = {};
    limits.labels = 1;
    EXPECT_THAT(error(limits, message), testing::HasSubstr("more than 1 labels of one series"));
    unsigned refused = 0;
    for (std::size_t cut = 0; cut < message.size(); ++cut)
      if (!error({}, message.substr(0, cut)).empty()) ++refused;
    EXPECT_GT(refused, message.size() / 2) << "only a cut between two series looks whole";
  }
}

}  // namespace
}  // namespace tessera::wire
