#include "base/log.h"

#include <gtest/gtest.h>

namespace tessera::log {
namespace {

TEST(Log, TextQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(render(Level::Info, Format::Text, "agent ready", {{"address", "[::]:9400"}, {"why", "a \"b\"\nc"}}),
            "info agent ready address=[::]:9400 why=\"a \\\"b\\\"\\nc\"");
  EXPECT_EQ(render(Level::Info, Format::Text, "x", {{"screen", "\x1b[2J"}}), "info x screen=\"\\u001b[2J\"");
}

TEST(Log, JsonEscapesWhatEndsAString) {
  EXPECT_EQ(render(Level::Error, Format::Json, "a\"b", {{"bytes", "\x01\xFF"}}),
            "{\"level\":\"error\",\"message\":\"a\\\"b\",\"bytes\":\"\\u0001\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace tessera::log
