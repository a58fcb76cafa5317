#include "server/alerts/json.h"

#include "server/alerts/alerts_test.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

TEST(Silences, SayWhatIsWrongWithThem) {
  static constexpr struct {
    const char* body;
    const char* why;
  } kCases[] = {
      {"[]", "no JSON object"},
      {R"({"duration": "1h"})", "matchers"},
      {R"({"matchers": []})", "ends"},
      {R"({"matchers": [], "duration": "x"})", "duration"},
      {R"({"matchers": [], "duration": "2h", "ends": "2030-01-01T00:00:00Z"})", "duration"},
      {R"({"matchers": [], "ends": "2000-01-01T00:00:00Z"})", "ends"},
      {R"({"matchers": [], "ends": "tomorrow"})", "ends"},
      {R"({"matchers": [{"value": "a"}], "duration": "1h"})", "label"},
      {R"({"matchers": [{"label": "a", "value": 1}], "duration": "1h"})", "value"},
      {R"({"matchers": [], "duration": "25h", "repeat": "daily"})", "repeat"},
      {R"({"matchers": [], "duration": "1h", "why": ""})", "why"},
  };
  for (const auto& one : kCases) {
    const auto read = parse_silence(one.body, kStart);
    ASSERT_FALSE(read) << one.body;
    EXPECT_THAT(read.error().what, HasSubstr(one.why)) << one.body;
  }
  const auto fine = must(parse_silence(
      R"({"matchers": [{"label": "a", "value": "b", "equal": false}], "duration": "2h", "repeat": "weekly"})", kStart));
  EXPECT_EQ(fine.starts, kStart);
  EXPECT_EQ(fine.ends, kStart + 7'200'000);
  EXPECT_FALSE(fine.matchers[0].equal);
}

}  // namespace
}  // namespace tessera::server
