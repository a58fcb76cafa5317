#include "metrics/strict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::metrics {
namespace {

struct Ignore : PageReader {
  void sample(const Sample& /*sample*/) override {}
};

std::string error_of(const Result<void>& result) { return result ? "" : result.error().what; }
std::string openmetrics_error(std::string_view lines, Rules rules) {
  Ignore ignore;
  return error_of(parse_openmetrics(fmt::format("{}\n# EOF\n", lines), ignore, rules));
}
std::string text_error(std::string_view page, Rules rules) {
  Ignore ignore;
  return error_of(parse_text(page, ignore, rules));
}

struct Case {
  std::string_view page;
  std::string_view want;
};

// Prometheus takes each of these pages; the lint does not.
TEST(StrictOpenMetrics, RefusesWhatOnlyTheGrammarAllows) {
  static constexpr Case kCases[] = {
      {"a{b=\"c\",} 1", "line 1, column 8: expected no ',' before '}'"},
      {"# TYPE a counter\n# TYPE a gauge", "line 2, column 10: 'a' has a second TYPE"},
      {"# HELP a x\n# HELP a x", "second HELP"},
      {"# UNIT a_s s\n# UNIT a_s s", "second UNIT"},
      {"# HELP a x\na 1\n# TYPE a gauge", "line 3, column 10: metadata of 'a' stands after its samples"},
      {"a 1\nb 1\na 2", "the name 'a' is used twice"},
      {"# TYPE a_created gauge\n# TYPE a counter", "the name 'a_created' is used twice"},
      {"# TYPE a counter\na 1", "the name 'a' is used twice"},
      {"# TYPE x_u info\n# UNIT x_u u", "'x_u' is of kind info, which has no unit"},
      {"# TYPE x_u stateset\n# UNIT x_u u", "kind stateset"},
      {"# TYPE a counter\na_total NaN", "line 2, column 1: counters, counts and sums are numbers"},
      {"# TYPE a counter\na_total -1", "not negative"},
      {"# TYPE a summary\na_sum -1", "not negative"},
      {"# TYPE a summary\na_count 1.5", "whole numbers"},
      {"# TYPE a summary\na_count +Inf", "whole numbers"},
      {"# TYPE a summary\na{quantile=\"0.5\"} -1", "a quantile's value is not negative"},
      {"# TYPE a summary\na 0", "a quantile needs a number from 0 to 1"},
      {"# TYPE a summary\na{quantile=\"1.01\"} 0", "a quantile needs a number from 0 to 1"},
      {"# TYPE a summary\na{quantile=\"NaN\"} 0", "a quantile needs a number from 0 to 1"},
      {"# TYPE a histogram\na_bucket 0", "a bucket needs a number in its label 'le'"},
      {"# TYPE a histogram\na_bucket{le=\"+INF\"} 0", "a bucket needs a number in its label 'le'"},
      {"# TYPE a histogram\na_bucket{le=\"x\"} 0", "a bucket needs a number in its label 'le'"},
      {"# TYPE a histogram\na_bucket{le=\"2\"} 0\na_bucket{le=\"1\"} 0", "line 3, column 1: buckets are not in order"},
      {"# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 0", "buckets do not add up"},
      {"# TYPE a histogram\na_bucket{le=\"1\"} 1", "histogram 'a' has no bucket '+Inf'"},
      {"# TYPE a histogram\na_count 1\na_sum 1\na_bucket{le=\"+Inf\"} 0", "another count than its bucket"},
      {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 0\na_sum 0", "has a sum but no count"},
      {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 0\na_count 0", "has a count but no sum"},
      {"# TYPE a histogram\na_bucket{le=\"-1\"} 0\na_bucket{le=\"+Inf\"} 0\na_sum 0\na_count 0", "may not have a sum"},
      {"# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gsum -1\na_gcount 1", "a negative sum"},
      {"# TYPE a info\na_info{b=\"c\"} 2", "the value of an info is 1"},
      {"# TYPE a stateset\na{a=\"b\"} 2", "a state is 0 or 1"},
      {"# TYPE a stateset\na{b=\"a\"} 1", "a state of 'a' needs the label 'a'"},
      {"# TYPE a gauge\na 1 # {b=\"c\"} 1", "only buckets and counters have exemplars"},
      {"# TYPE a counter\na_created 1 # {b=\"c\"} 1", "only buckets and counters have exemplars"},
      {"# TYPE a gauge\na 0 1.1\na 0 1", "line 3, column 1: the times of this metric go backwards"},
      {"# TYPE a gauge\na 0 1\na 0", "some samples of this metric have a time, some have not"},
      {"# TYPE a gauge\na{b=\"1\",c=\"2\"} 0\na{c=\"2\",b=\"1\"} 0", "this series of 'a' stands twice"},
      {"# TYPE a summary\na_sum{b=\"1\"} 0\na_sum{b=\"2\"} 0\na_count{b=\"1\"} 0", "do not stand together"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(openmetrics_error(c.page, Rules::Grammar), "") << c.page;
    EXPECT_THAT(openmetrics_error(c.page, Rules::Strict), testing::HasSubstr(c.want)) << c.page;
  }
}

TEST(StrictOpenMetrics, CountsAnExemplarsCharactersNotItsBytes) {
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "\xE2\x98\x83";
  EXPECT_EQ(openmetrics_error(fmt::format("# TYPE a counter\na_total 1 # {{b=\"{}\"}} 1", longest), Rules::Strict), "");
  EXPECT_THAT(openmetrics_error(fmt::format("# TYPE a counter\na_total 1 # {{b=\"{}x\"}} 1", longest), Rules::Strict),
              testing::HasSubstr("129 characters, 128 are allowed"));
}

TEST(StrictOpenMetrics, TakesEveryKind) {
  static constexpr std::string_view kGood[] = {
      "# HELP cc_seconds A counter\n# TYPE cc_seconds counter\n# UNIT cc_seconds seconds\ncc_seconds_total "
      "1\ncc_seconds_created 1.5",
      "# TYPE a info\na_info{a=\"1\"} 1 1\na_info{a=\"2\"} 1 0",
      "# TYPE a stateset\na{a=\"x\"} 0\na{a=\"y\"} 1.0",
      "# TYPE a summary\na_count 1\na_sum 2\na{quantile=\"0.5\"} 0.7\na{quantile=\"1\"} 0.8",
      "# TYPE a histogram\na_bucket{le=\"0\"} 0\na_bucket{le=\"1e-04\"} 1\na_bucket{le=\"+Inf\"} 3\na_count 3\na_sum "
      "2\na_created 5",
      "# TYPE a histogram\na_bucket{b=\"1\",le=\"+Inf\"} 3\na_bucket{b=\"2\",le=\"1\"} "
      "0\na_bucket{b=\"2\",le=\"+Inf\"} 2",
      "# TYPE a histogram\na_bucket{le=\"1\"} 1 1\na_bucket{le=\"+Inf\"} 3 1\na_bucket{le=\"1\"} 1 "
      "2\na_bucket{le=\"+Inf\"} 3 2",
      "# TYPE a histogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 3",
      "# TYPE a gaugehistogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 3\na_gcount 3\na_gsum -5",
      "# TYPE a gauge\na{b=\"1\"} 1 0\na{b=\"1\"} 2 0\na{b=\"2\"} 4 0",
      "# TYPE a counter\na_total 1 1 # {b=\"c\"} 0.5 2",
      "a 1\nab 1\nabc 1",
      "# HELP a \n# UNIT a ",
  };
  for (const auto page : kGood) EXPECT_EQ(openmetrics_error(page, Rules::Strict), "") << page;
}

TEST(StrictText, RefusesWhatPrometheusOnlyTolerates) {
  static constexpr Case kCases[] = {
      {"a{b=\"1\" c=\"2\"} 1", "expected ',' or '}'"},
      {"a{b=\"\\x\"} 1", "line 1, column 7: expected n, \" or \\ after a backslash"},
      {"# TYPE a gauge\n# TYPE a gauge", "second TYPE"},
      {"# HELP a x\n# HELP a y", "second HELP"},
      {"a 1\n# TYPE a gauge", "metadata of 'a' stands after its samples"},
      {"a{c=\"1\"} 1\nb 1\na{c=\"2\"} 1", "the name 'a' is used twice, or its family is not in one piece"},
      {"a{b=\"1\",c=\"2\"} 1 5\na{c=\"2\",b=\"1\"} 1 6", "this series of 'a' stands twice"},
      {"# TYPE h histogram\nh_bucket{le=\"x\"} 1", "a bucket needs a number in its label 'le'"},
      {"# TYPE s summary\ns{quantile=\"2\"} 1", "a quantile needs a number from 0 to 1"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(text_error(c.page, Rules::Grammar), "") << c.page;
    EXPECT_THAT(text_error(c.page, Rules::Strict), testing::HasSubstr(c.want)) << c.page;
  }
}

TEST(StrictText, TakesEveryKind) {
  EXPECT_EQ(text_error(R"(# TYPE a_total counter
a_total{b="1",} 1
a_total{b="2"} -1
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
# TYPE s summary
s{quantile="0.5"} NaN
s_sum 1
s_count 1
# a comment between
bare 1
)",
                       Rules::Strict),
            "");
}

}  // namespace
}  // namespace tessera::metrics
