#include "operator/base64.h"

#include <gtest/gtest.h>

namespace tessera::operate {
namespace {

TEST(Base64, IsTheOneOfRfc4648) {
  static constexpr struct {
    std::string_view bytes, text;
  } kCases[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"},
                {std::string_view("\0\xff", 2), "AP8="}};
  for (const auto& c : kCases) {
    EXPECT_EQ(base64(c.bytes), c.text);
    EXPECT_EQ(base64_decoded(c.text), c.bytes) << c.text;
  }
}

TEST(Base64, WhatIsNoneIsNotRead) {
  for (const auto* text : {"Z", "Zg=", "Zm9", "Zm9*", "====", "Z===", "\xff\xff\xff\xff"})
    EXPECT_EQ(base64_decoded(text), std::nullopt) << text;
}

}  // namespace
}  // namespace tessera::operate
