#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera {
namespace {
using testing::ElementsAre;

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split("a,", ','), ElementsAre("a", ""));
}

TEST(Text, TrimAndLower) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(lower("GPU-Ab"), "gpu-ab");
}

TEST(Text, FlagsBecomeKeys) {
  static constexpr struct {
    std::string_view flag, key;
  } kCases[] = {
      {"log-format", "logFormat"}, {"address", "address"}, {"a-b-c", "aBC"}, {"x-1", "x1"}, {"", ""}, {"--a-", "a"}};
  for (const auto& c : kCases) EXPECT_EQ(camel_case(c.flag), c.key) << c.flag;
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_int("-12"), -12);
  EXPECT_EQ(parse_double("1.5"), 1.5);
  for (const auto* bad : {"", "1x", " 1", "9223372036854775808"}) EXPECT_FALSE(parse_int(bad)) << bad;
}

TEST(Text, InvalidUtf8IsReplacedByteByByte) {
  static constexpr struct {
    std::string_view in, out;
  } kCases[] = {{"plain", "plain"},
                {"\xC3\xA9", "\xC3\xA9"},
                {"a\xFF"
                 "b",
                 "a\xEF\xBF\xBD"
                 "b"},
                {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
                {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
                {"\xF0\x9F\x8E\xB2", "\xF0\x9F\x8E\xB2"}};
  for (const auto& c : kCases) {
    EXPECT_EQ(valid_utf8(c.in), c.out);
    EXPECT_EQ(is_utf8(c.in), c.in == c.out);
  }
}

TEST(Text, NearestNamesTheTypo) {
  EXPECT_EQ(nearest("--collectros", {"--collectors", "--address"}), "--collectors");
  EXPECT_EQ(nearest("--zzz", {"--collectors", "--address"}), "");
}

}  // namespace
}  // namespace tessera
