#include "metrics/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tessera::metrics {
namespace {

/// Writes down, one line each, what it is handed: `name|label=value|… value @time # |label=value… value @time`.
struct Notes : PageReader {
  static std::string labels(std::span<const Label> list) {
    std::string out;
    for (const auto& [name, value] : list) out += fmt::format("|{}={}", name, value);
    return out;
  }
  static std::string time(std::optional<EpochMs> time) { return time ? fmt::format(" @{}", *time) : ""; }
  void sample(const Sample& sample) override {
    lines.push_back(fmt::format("{}{} {}{}", sample.name, labels(sample.labels), sample.value, time(sample.time)));
    if (const auto& e = sample.exemplar)
      lines.back() += fmt::format(" # {} {}{}", labels(e->labels), e->value, time(e->time));
  }
  void type(std::string_view family, Kind kind) override {
    lines.push_back(fmt::format("TYPE {} {}", family, kind_name(kind)));
  }
  void help(std::string_view family, std::string_view text) override {
    lines.push_back(fmt::format("HELP {} {}", family, text));
  }
  void unit(std::string_view family, std::string_view unit) override {
    lines.push_back(fmt::format("UNIT {} {}", family, unit));
  }
  std::vector<std::string> lines;
};

using Parse = Result<void> (*)(std::string_view, PageReader&, Rules);

/// The notes of a page that parses, or one note with its error.
std::vector<std::string> notes(Parse parse, std::string_view page, Rules rules = Rules::Grammar) {
  Notes notes;
  const auto result = parse(page, notes, rules);
  if (!result) return {"error: " + result.error().what};
  return notes.lines;
}

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseText, ReadsAWholePage) {
  EXPECT_THAT(
      notes(parse_text, R"(# HELP http_requests_total The total, "quoted", with \\ and\nlines \x.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000

# just a comment
#	TYPES are a comment
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
# TYPE untouched untyped
untouched{} NaN)"),
      ElementsAre("HELP http_requests_total The total, \"quoted\", with \\ and\nlines \\x.",
                  "TYPE http_requests_total counter", "http_requests_total|method=post|code=200 1027 @1395066363000",
                  "msdos_file_access_time_seconds|path=C:\\DIR\\FILE.TXT|error=Cannot find file:\n\"FILE.TXT\" "
                  "1458255915",
                  "metric_without_timestamp_and_labels 12.47", "something_weird|problem=division by zero inf @-3982045",
                  "TYPE untouched unknown", "untouched nan"));
}

struct Case {
  std::string_view line;
  std::string_view want;
};

TEST(ParseText, TakesWhatPrometheusTakes) {
  static constexpr Case kCases[] = {
      {"a 1", "a 1"},
      {"  a\t 1 \t", "a 1"},
      {"a{} 1", "a 1"},
      {"a { } 1", "a 1"},
      {"a{b=\"c\",} 1", "a|b=c 1"},
      {"a { b = \"c\" , d=\"e\" , } 1", "a|b=c|d=e 1"},
      {"a{b=\"1\" c=\"2\"} 1", "a|b=1|c=2 1"},
      {"a{b=\"c\"}1", "a|b=c 1"},
      {"a{b=\"\"} 1", "a|b= 1"},
      {"a{b=\"}\\\" \\\\ \\n \\x,{\"} 1", "a|b=}\" \\ \n \\x,{ 1"},
      {"a{b=\"\xC3\xBC\"} 1", "a|b=\xC3\xBC 1"},
      {":a:b_9{_c9=\"\"} -1.5e3 -7", ":a:b_9|_c9= -1500 @-7"},
      {"{\"my.metric\",\"label name\"=\"v\",c=\"d\"} 1", "my.metric|label name=v|c=d 1"},
      {"{c=\"d\", \"my.metric\"} 1", "my.metric|c=d 1"},
      {"{\"quo\\\"ted\"} 1", "quo\"ted 1"},
      {"# TYPE \"my.metric\"  gauge ", "TYPE my.metric gauge"},
      {"#  \tHELP \t a text  with blanks ", "HELP a text  with blanks "},
      {"# HELP a", "HELP a "},
      {"# HELP a ", "HELP a "},
      {"# TYPE a histogram", "TYPE a histogram"},
      {"# TYPE a summary", "TYPE a summary"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(notes(parse_text, c.line), ElementsAre(c.want)) << c.line;
    EXPECT_THAT(notes(parse_text, fmt::format("\n{}\n\n", c.line)), ElementsAre(c.want)) << c.line;
  }
  constexpr std::string_view kNul("a{b=\"x\0y\"} 1", 12);
  EXPECT_THAT(notes(parse_text, kNul), ElementsAre(std::string("a|b=x\0y 1", 9)));
}

TEST(ParseText, PassesOverComments) {
  for (const auto* line : {"", "   ", "#", "# ", "##", "#HELP a b", "# HELPa b", "# HELP", "# TYPE", "# UNIT a b",
                           "# EOF", "# help a b", "#\xff\xfe", "# anything \"goes"})
    EXPECT_THAT(notes(parse_text, line), ElementsAre()) << line;
}

TEST(ParseText, SaysWhatIsWrongAndWhere) {
  static constexpr Case kCases[] = {
      {"a", "line 1, column 2: expected a number, got the end of the line"},
      {"a 1\n\n b{c='d'} 1", "line 3, column 6: expected a label value in double quotes, got ''d'} 1'"},
      {"a{b=\"c} 1", "line 1, column 10: expected '\"' to end the string of column 5"},
      {"a{b=\"c\\", "line 1, column 8: expected '\"' to end the string of column 5"},
      {"a{b=\"c\n\"} 1", "line 1, column 7: expected '\"' to end the string of column 5"},
      {"a{b=\"\xff\"} 1", "line 1, column 5: expected valid UTF-8"},
      {"{\"\xc3\"} 1", "line 1, column 2: expected valid UTF-8"},
      {"a{b} 1", "line 1, column 4: expected '=' after the label name, got '} 1'"},
      {"a{=\"\"} 1", "line 1, column 3: expected a label name or '}', got '=\"\"} 1'"},
      {"a{,} 1", "line 1, column 3: expected a label name or '}'"},
      {"a{b=\"c\",,} 1", "line 1, column 9: expected a label name or '}'"},
      {"a{\"\"=\"c\"} 1", "line 1, column 3: expected a label name or '}'"},
      {"a{9=\"c\"} 1", "line 1, column 3: expected a label name or '}'"},
      {"a{b:c=\"d\"} 1", "line 1, column 4: expected '=' after the label name"},
      {"a{b=\"c\"", "line 1, column 8: expected a label name or '}', got the end of the line"},
      {"a{b=\"1\",c=\"2\",b=\"3\"} 1", "line 1, column 21: label 'b' stands twice"},
      {"a{__name__=\"b\"} 1", "the metric's name may not be given as label '__name__'"},
      {"{\"a\",\"b\"} 1", "line 1, column 6: expected a label name, as the metric has a name already"},
      {"a{\"b\"} 1", "line 1, column 3: expected a label name, as the metric has a name already"},
      {"{a=\"ok\"} 1", "line 1, column 9: expected a metric name before or in the braces"},
      {"{} 1", "expected a metric name before or in the braces"},
      {"9a 1", "line 1, column 1: expected a metric name, got '9a 1'"},
      {"a 1\r\n", "line 1, column 3: expected a number, got '1\\x0d'"},
      {"\x1b[2J 1", "line 1, column 1: expected a metric name, got '\\x1b[2J 1'"},
      {"a-b 1", "line 1, column 2: expected a number, got '-b 1'"},
      {"a 0x1p-3", "line 1, column 3: expected a number, got '0x1p-3'"},
      {"a 1e999", "line 1, column 3: expected a number"},
      {"a 1\r\n", "line 1, column 3: expected a number"},
      {"\r\n", "line 1, column 1: expected a metric name"},
      {"a 1 1.5", "line 1, column 5: expected a time stamp in milliseconds, got '1.5'"},
      {"a 1 2 3", "line 1, column 7: expected the end of the line, got '3'"},
      {"a 1 # {b=\"c\"} 1", "line 1, column 5: expected a time stamp in milliseconds"},
      {"# TYPE a", "expected counter, gauge, histogram, summary or untyped, got the end of the line"},
      {"# TYPE a info", "line 1, column 10: expected counter, gauge, histogram, summary or untyped, got 'info'"},
      {"# TYPE a unknown", "expected counter, gauge, histogram, summary or untyped"},
      {"# TYPE a gauge\r\n", "expected counter, gauge, histogram, summary or untyped"},
      {"# TYPE #", "line 1, column 8: expected a metric name, got '#'"},
      {"# HELP #", "line 1, column 8: expected a metric name, got '#'"},
      {"# HELP a \xff", "line 1, column 10: expected valid UTF-8"},
  };
  for (const auto& c : kCases) EXPECT_THAT(notes(parse_text, c.line), ElementsAre(HasSubstr(c.want))) << c.line;
}

// More labels than are compared pair by pair.
TEST(ParseText, FindsARepeatedLabelAmongMany) {
  std::string labels;
  for (int i = 0; i < 200; ++i) labels += fmt::format("l{}=\"\",", i);
  EXPECT_THAT(notes(parse_text, fmt::format("a{{{}}} 1", labels)), ElementsAre(HasSubstr("a|l0=|l1=")));
  EXPECT_THAT(notes(parse_text, fmt::format("a{{{}l77=\"\"}} 1", labels)),
              ElementsAre(HasSubstr("'l77' stands twice")));
}

TEST(ParseText, HandsOverWhatPrecedesAnError) {
  Notes notes;
  EXPECT_FALSE(parse_text("a 1\nb\n", notes));
  EXPECT_THAT(notes.lines, ElementsAre("a 1"));
}

TEST(ParseOpenMetrics, ReadsAWholePage) {
  EXPECT_THAT(notes(parse_openmetrics, R"(# TYPE acme_http_seconds histogram
# UNIT acme_http_seconds seconds
# HELP acme_http_seconds Latency, \"quoted\" \\ and\nlines \x.
acme_http_seconds_bucket{path="/",le="0.5"} 3 1520879607.789 # {trace="a b",} 0.43 1520879600.5
acme_http_seconds_bucket{path="/",le="+Inf"} 4 # {} 1
acme_http_seconds_count{path="/"} 4
acme_http_seconds_sum{path="/"} 1.5
# TYPE foo counter
foo_total 17.0 1520879607.789
foo_created 1520430000.123
# HELP empty 
# UNIT empty 
{"utf.8","a b"="c"} 1 # {"x.y"="z"} 2
# EOF
)"),
              ElementsAre("TYPE acme_http_seconds histogram", "UNIT acme_http_seconds seconds",
                          "HELP acme_http_seconds Latency, \"quoted\" \\ and\nlines \\x.",
                          "acme_http_seconds_bucket|path=/|le=0.5 3 @1520879607789 # |trace=a b 0.43 @1520879600500",
                          "acme_http_seconds_bucket|path=/|le=+Inf 4 #  1", "acme_http_seconds_count|path=/ 4",
                          "acme_http_seconds_sum|path=/ 1.5", "TYPE foo counter", "foo_total 17 @1520879607789",
                          "foo_created 1520430000.123", "HELP empty ", "UNIT empty ", "utf.8|a b=c 1 # |x.y=z 2"));
  for (const auto kind : {"unknown", "gauge", "counter", "summary", "histogram", "gaugehistogram", "info", "stateset"})
    EXPECT_THAT(notes(parse_openmetrics, fmt::format("# TYPE a {}\n# EOF", kind)),
                ElementsAre(fmt::format("TYPE a {}", kind)));
}

TEST(ParseOpenMetrics, EndsWithEofAndNothingElse) {
  EXPECT_THAT(notes(parse_openmetrics, "# EOF"), ElementsAre());
  EXPECT_THAT(notes(parse_openmetrics, "# EOF\n"), ElementsAre());
  static constexpr Case kCases[] = {
      {"", "line 1, column 1: expected # EOF, got the end of the page"},
      {"a 1", "line 2, column 1: expected # EOF, got the end of the page"},
      {"a 1\n", "line 2, column 1: expected # EOF"},
      {"# EOF\n\n", "line 2, column 1: expected nothing after # EOF, got an empty line"},
      {"# EOF\na 1", "line 2, column 1: expected nothing after # EOF, got 'a 1'"},
      {"# EOFa 1", "line 1, column 3: expected HELP, TYPE, UNIT or EOF"},
      {"# EOF ", "line 1, column 3: expected HELP, TYPE, UNIT or EOF"},
      {"# EOF\r\n", "line 1, column 3: expected HELP, TYPE, UNIT or EOF"},
      {" # EOF", "line 1, column 1: expected a metric name"},
  };
  for (const auto& c : kCases) EXPECT_THAT(notes(parse_openmetrics, c.line), ElementsAre(HasSubstr(c.want))) << c.line;
}

TEST(ParseOpenMetrics, SaysWhatIsWrongAndWhere) {
  static constexpr Case kCases[] = {
      {"", "column 1: expected a metric name, got the end of the line"},
      {" a 1", "column 1: expected a metric name"},
      {"a  1", "column 3: expected a number"},
      {"a\t1", "column 2: expected one blank before the value"},
      {"a 1\t2", "column 4: expected one blank"},
      {"a 1 ", "column 5: expected a time stamp in seconds, got the end of the line"},
      {"a 1 2 ", "column 7: expected '# {' of an exemplar"},
      {"a 1 2 3", "column 7: expected '# {' of an exemplar, got '3'"},
      {"a 1\r", "column 3: expected a number"},
      {"a 1 NaN", "column 5: expected a time stamp in seconds"},
      {"a 1 -Inf", "column 5: expected a time stamp in seconds"},
      {"a 1_2", "column 3: expected a number"},
      {"a{b=\"c\"}1", "column 9: expected one blank before the value"},
      {"a {b=\"c\"} 1", "column 3: expected a number"},
      {"a{ b=\"c\"} 1", "column 3: expected a label name or '}'"},
      {"a{b=\"c\", d=\"e\"} 1", "column 9: expected a label name or '}'"},
      {"a{b=\"c\"d=\"e\"} 1", "column 8: expected ',' or '}'"},
      {"a{b=\"c\",b=\"d\"} 1", "label 'b' stands twice"},
      {"a{b=\"\xff\"} 1", "column 5: expected valid UTF-8"},
      {"{\"a\",b=\"c\"", "expected ',' or '}', got the end of the line"},
      {"a 1 # {b=c} 1", "column 10: expected a label value in double quotes"},
      {"a 1 # {b=\"c\"}", "column 14: expected one blank before the exemplar's value"},
      {"a 1 # {b=\"c\"} ", "column 15: expected a number"},
      {"a 1 # {b=\"c\"} 1 NaN", "column 17: expected a time stamp in seconds"},
      {"a 1 # {b=\"c\"} 1 2 3", "column 18: expected the end of the line"},
      {"a 1 # {\"name\"} 1", "column 14: expected '=' after the label name"},
      {"a 1 #{} 1", "column 5: expected '# {' of an exemplar"},
      {"# a comment", "column 3: expected HELP, TYPE, UNIT or EOF"},
      {"#", "column 2: expected a blank after '#'"},
      {"#\tTYPE c counter", "column 2: expected a blank after '#'"},
      {"#  TYPE c counter", "column 3: expected HELP, TYPE, UNIT or EOF"},
      {"# TYPE c  counter", "column 10: expected unknown, gauge"},
      {"# TYPE c counter ", "column 10: expected unknown, gauge"},
      {"# TYPE c untyped", "column 10: expected unknown, gauge"},
      {"# TYPE c", "column 9: expected one blank after the name"},
      {"# HELP c", "column 9: expected one blank after the name"},
      {"# HELP c \xff", "column 10: expected valid UTF-8"},
      {"# UNIT metricsuffix suffix", "column 21: expected a unit that the name 'metricsuffix' ends in"},
      {"# UNIT suffix suffix", "expected a unit that the name 'suffix' ends in"},
  };
  for (const auto& c : kCases)
    EXPECT_THAT(notes(parse_openmetrics, fmt::format("{}\n# EOF\n", c.line)), ElementsAre(HasSubstr(c.want))) << c.line;
}

}  // namespace
}  // namespace tessera::metrics
