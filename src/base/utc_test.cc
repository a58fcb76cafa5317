#include "base/utc.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(ParseUtc, ReadsWhatIsWritten) {
  for (const EpochMs time : {EpochMs{0}, EpochMs{1'800'000'000'250}, EpochMs{951'782'400'000}})
    EXPECT_EQ(parse_utc(format_time(time)), time);
}

TEST(ParseUtc, TakesAnyFractionOrNone) {
  EXPECT_EQ(parse_utc("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(parse_utc("1970-01-01T00:00:01.5Z"), 1500);
  EXPECT_EQ(parse_utc("1970-01-01T00:00:01.123456789Z"), 1123);
}

TEST(ParseUtc, RefusesAllElse) {
  for (const char* bad :
       {"", "2026-01-31", "2026-13-31T09:30:00.250Z", "2026-02-29T09:30:00Z", "2026-01-31 09:30:00Z",
        "2026-01-31T24:00:00Z", "2026-01-31T09:60:00Z", "2026-01-31T09:30:00", "2026-01-31T09:30:00.Z",
        "2026-01-31T09:30:00.2x0Z", "2026-01-31T09:30:00+01:00", "2026-01-31T09:30:00ZZ"})
    EXPECT_FALSE(parse_utc(bad)) << bad;
}

}  // namespace
}  // namespace tessera
