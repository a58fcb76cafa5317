#include "base/base64url.h"

#include <gtest/gtest.h>

#include <random>

namespace tessera {
namespace {

/// RFC 4648, 10, without the padding; and the two letters that URLs have otherwise.
TEST(Base64url, IsTheOneOfRfc4648) {
  static constexpr std::pair<const char*, const char*> kCases[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
  for (const auto& [bytes, text] : kCases) {
    EXPECT_EQ(base64url(bytes), text);
    EXPECT_EQ(base64url_decoded(text), bytes) << text;
  }
}

TEST(Base64url, IsOneTextForEachSequenceOfBytes) {
  for (const char* text : {"Z", "Zg==", "Zh", "Zm9", "Zm 9v", "Zm9+", "Zm9/"})
    EXPECT_EQ(base64url_decoded(text), std::nullopt) << text;
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(base64url_decoded(base64url(bytes)), bytes);
  }
}

}  // namespace
}  // namespace tessera
