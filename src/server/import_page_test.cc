#include "server/import_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using testing::ElementsAre;

constexpr EpochMs kArrival = 1'800'000'000'000;

wire::WriteRequest read(std::string_view page, PageContext context = {}) {
  context.time = kArrival;
  const auto message = page_message(page, context, {});
  if (!message) throw std::runtime_error(message.error().what);
  return *wire::decode(wire::Protocol::V1, *message);
}

TEST(ImportPage, SaysWhatThePageSays) {
  const auto request = read(R"(# TYPE a gauge
a{y="2",x="1",empty=""} 1
a 2 1700000000000
b{x="1"} NaN
)");
  ASSERT_EQ(request.series.size(), 3U);
  EXPECT_THAT(request.series[0].labels,
              ElementsAre(wire::Label{"__name__", "a"}, wire::Label{"x", "1"}, wire::Label{"y", "2"}))
      << "sorted, and an empty label is none";
  EXPECT_EQ(request.series[0].samples[0], (wire::Sample{1, kArrival}));
  EXPECT_EQ(request.series[1].samples[0], (wire::Sample{2, 1'700'000'000'000})) << "its own time";
}

TEST(ImportPage, GivenLabelsTakeThePlaceOfThePagesOwn) {
  const auto request = read("a{node=\"pod-7\",z=\"1\"} 1\n", {.labels = {{"cluster", "c"}, {"node", "worker-01"}}});
  EXPECT_THAT(request.series[0].labels, ElementsAre(wire::Label{"__name__", "a"}, wire::Label{"cluster", "c"},
                                                    wire::Label{"node", "worker-01"}, wire::Label{"z", "1"}));
}

TEST(ImportPage, OpenMetricsHasSeconds) {
  constexpr std::string_view kPage = "a 1 1700000000.5\n# EOF\n";
  EXPECT_EQ(format_of(kPage), metrics::Format::OpenMetrics);
  EXPECT_EQ(format_of("a 1\n"), metrics::Format::Text);
  EXPECT_EQ(format_of(""), metrics::Format::Text);
  EXPECT_EQ(read(kPage, {.format = format_of(kPage)}).series[0].samples[0].time, 1'700'000'000'500);
}

TEST(ImportPage, TakesWhatAnEditorMadeOfIt) { EXPECT_EQ(read("a 1\r\nb 2\r\n").series.size(), 2U); }

TEST(ImportPage, SaysWhereItIsWrong) {
  IntakeLimits limits;
  limits.samples = 3;
  limits.labels = 3;
  limits.label_value_bytes = 8;
  struct Case {
    std::string_view page, want;
  };
  static constexpr Case kCases[] = {
      {"a 1\nb{x=1} 2\n", "line 2, column 5: expected a label value in double quotes, got '1} 2'"},
      {"a 1\nb\n", "line 2, column 2: expected a number, got the end of the line"},
      {"a 1\na{x=\"1\",x=\"2\"} 1\n", "line 2, column 15: label 'x' stands twice"},
      {"a 1\na 2\na 3\na 4\n", "line 4, column 1: more than 3 samples in one page"},
      {"a{x=\"1\",y=\"2\",z=\"3\"} 1\n", "line 1, column 1: 4 labels with the name: at most 3"},
      {"a{x=\"123456789\"} 1\n",
       "line 1, column 1: label x has a name of 1 bytes and a value of 9: at most 256 and 8"}};
  for (const Case& c : kCases) {
    const auto got = page_message(c.page, {}, limits);
    ASSERT_FALSE(got) << c.page;
    EXPECT_EQ(got.error().what, c.want);
  }
  const auto cut = page_message("a 1\n", {.format = metrics::Format::OpenMetrics}, limits);
  EXPECT_FALSE(cut) << "the end is missing, so more may be";
}

}  // namespace
}  // namespace tessera::server
