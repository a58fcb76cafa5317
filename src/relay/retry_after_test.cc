#include "relay/retry_after.h"

#include <gtest/gtest.h>

namespace tessera::relay {
namespace {

TEST(RetryAfter, ReadsSecondsAndEveryFormOfDate) {
  constexpr EpochMs kNow = 784'111'777'000 - 5'000;  // five seconds before the standard's own example
  static constexpr struct {
    std::string_view header;
    std::optional<std::int64_t> want_ms;
  } kCases[] = {{"0", 0},
                {"1", 1'000},
                {" 120 ", 120'000},
                {"99999999999999999999999999", 10LL * 365 * 86'400 * 1'000},
                {"Sun, 06 Nov 1994 08:49:37 GMT", 5'000},
                {"Sunday, 06-Nov-94 08:49:37 GMT", 5'000},
                {"Sun Nov  6 08:49:37 1994", 5'000},
                {"Sun, 06 Nov 1994 08:49:32 GMT", 0},
                {"Mon, 07 Nov 1994 08:49:32 GMT", 86'400'000},
                {"Sun, 06 Nov 1993 08:49:37 GMT", 0},
                {"", std::nullopt},
                {"-1", std::nullopt},
                {"1.5", std::nullopt},
                {"soon", std::nullopt},
                {"Sun, 31 Feb 1994 08:49:37 GMT", std::nullopt},
                {"Sun, 06 Nov 1994 24:49:37 GMT", std::nullopt},
                {"Sun, 06 Nov 1994", std::nullopt},
                {"06 1994 08:49:37", std::nullopt}};
  for (const auto& c : kCases) {
    const auto got = parse_retry_after(c.header, kNow);
    EXPECT_EQ(got.has_value(), c.want_ms.has_value()) << c.header;
    if (got && c.want_ms) {
      EXPECT_EQ(got->count(), *c.want_ms) << c.header;
    }
  }
}

}  // namespace
}  // namespace tessera::relay
