#include "wire/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::wire {
namespace {
using namespace std::string_literals;
constexpr Compression kCompressions[] = {Compression::Snappy, Compression::Zstd};
constexpr std::size_t kEnough = std::size_t{64} << 20;

std::vector<std::string> bodies() {
  std::vector<std::string> out = {"", "a", std::string(5'000'000, 'x')};
  std::mt19937 random(1);
  std::string noise(300'000, '\0');
  for (auto& c : noise) c = static_cast<char>(random());
  out.push_back(noise);
  out.push_back(noise.substr(0, 1000) + std::string(70'000, 'y') + noise.substr(0, 2000));
  return out;
}

TEST(Compression, GivesBackWhatItTook) {
  for (const auto compression : kCompressions) {
    Compressor compressor(compression);
    for (const auto& body : bodies()) {
      const auto back = decompress(compression, compressor.compress(body), body.size());
      ASSERT_TRUE(back) << back.error().what;
      EXPECT_EQ(*back, body);
    }
  }
}

TEST(Compression, TakesTheMemoryOfAnother) {
  for (const auto compression : kCompressions) {
    Compressor compressor(compression);
    std::string memory(100'000, 'z');
    for (const auto& body : bodies()) {
      auto back = decompress(compression, compressor.compress(body), body.size(), std::move(memory));
      ASSERT_TRUE(back) << back.error().what;
      EXPECT_EQ(*back, body);
      memory = *std::move(back);
    }
    const std::string large(100'000, 'x');
    EXPECT_FALSE(decompress(compression, compressor.compress(large), 99'999, std::string(200'000, 'z')));
  }
}

TEST(Compression, RefusesWhatIsLargerThanAllowed) {
  for (const auto compression : kCompressions) {
    Compressor compressor(compression);
    for (const auto& body : bodies()) {
      if (body.empty()) continue;
      const auto back = decompress(compression, compressor.compress(body), body.size() - 1);
      ASSERT_FALSE(back);
      EXPECT_THAT(back.error().what, testing::HasSubstr("allowed"));
    }
  }
}

TEST(Compression, RefusesEveryCut) {
  for (const auto compression : kCompressions) {
    Compressor compressor(compression);
    const std::string packed(compressor.compress(bodies().back().substr(0, 4000)));
    for (std::size_t size = 0; size < packed.size(); ++size)
      EXPECT_FALSE(decompress(compression, std::string_view(packed).substr(0, size), kEnough)) << size;
  }
}

TEST(Compression, SaysWhatIsWrong) {
  const struct {
    Compression compression;
    std::string body;
    std::string_view want;
  } cases[] = {
      {Compression::Snappy, "", "snappy: 0 bytes do not begin with a length"},
      {Compression::Snappy, "\xff\xff\xff\xff\x0f", "snappy: 5 bytes do not begin with a length"},  // 4 GiB of 5 bytes
      {Compression::Snappy, "\x05\x10hell"s, "snappy: 6 bytes are no whole body"},
      {Compression::Zstd, "", "zstd: 0 bytes do not begin with a frame"},
      {Compression::Zstd, "plain text", "zstd: 10 bytes do not begin with a frame"},
  };
  for (const auto& c : cases) {
    const auto out = decompress(c.compression, c.body, kEnough);
    ASSERT_FALSE(out) << c.want;
    EXPECT_THAT(out.error().what, testing::HasSubstr(c.want));
  }
}

TEST(Compression, ReadsSeveralFramesOfZstd) {
  Compressor compressor(Compression::Zstd);
  std::string packed(compressor.compress("one, "));
  packed += compressor.compress("two");
  EXPECT_EQ(*decompress(Compression::Zstd, packed, 8), "one, two");
  EXPECT_FALSE(decompress(Compression::Zstd, packed, 7));
}
}  // namespace
}  // namespace tessera::wire
