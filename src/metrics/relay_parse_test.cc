// The program relay_parse as a shell sees it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "base/files.h"

namespace tessera::metrics {
namespace {

struct Outcome {
  int status = -1;
  std::string out, err;
};

Outcome run(const std::string& arguments, const std::string& input) {
  const TempDir dir;
  const auto in = dir.path() / "in", out = dir.path() / "out", err = dir.path() / "err";
  EXPECT_TRUE(write_file_atomically(in, input));
  const int status = std::system(
      fmt::format("'{}' {} <'{}' >'{}' 2>'{}'", RELAY_PARSE, arguments, in.string(), out.string(), err.string())
          .c_str());
  return {WEXITSTATUS(status), read_file(out) ? *read_file(out) : "", read_file(err) ? *read_file(err) : ""};
}

TEST(RelayParse, PrintsALineForEachSample) {
  const struct {
    std::string arguments, page, want;
  } cases[] = {
      {"--format text",
       "# HELP up Whether.\n# TYPE up gauge\nup 1\nb{z=\"2\",a=\"q\\\"\\n\"} 0.1 1700000000123\nc{d=\"\"} 1e+25",
       "{\"name\":\"up\",\"labels\":{},\"value\":1.0}\n"
       "{\"name\":\"b\",\"labels\":{\"z\":\"2\",\"a\":\"q\\\"\\n\"},\"value\":0.1,\"timestamp\":1700000000123}\n"
       "{\"name\":\"c\",\"labels\":{\"d\":\"\"},\"value\":1e+25}\n"},
      {"--format=text", "a NaN\na +Inf\na -Inf\n",
       "{\"name\":\"a\",\"labels\":{},\"value\":\"NaN\"}\n"
       "{\"name\":\"a\",\"labels\":{},\"value\":\"+Inf\"}\n"
       "{\"name\":\"a\",\"labels\":{},\"value\":\"-Inf\"}\n"},
      {"--format openmetrics --strict",
       "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3 1.5 # {id=\"x\"} +Inf 1.25\n# TYPE n counter\n"
       "n_total 4 # {} 2\n# EOF\n",
       "{\"name\":\"h_bucket\",\"labels\":{\"le\":\"+Inf\"},\"value\":3.0,\"timestamp\":1500,"
       "\"exemplar\":{\"labels\":{\"id\":\"x\"},\"value\":\"+Inf\",\"timestamp\":1250}}\n"
       "{\"name\":\"n_total\",\"labels\":{},\"value\":4.0,\"exemplar\":{\"labels\":{},\"value\":2.0}}\n"},
      {"--format openmetrics", "{\"GPU \xC3\xBC\",\"a b\"=\"c\"} -0\n# EOF",
       "{\"name\":\"GPU \xC3\xBC\",\"labels\":{\"a b\":\"c\"},\"value\":-0.0}\n"},
      {"--format text", "", ""},
      {"--format openmetrics", "# EOF\n", ""},
  };
  for (const auto& c : cases) {
    const auto outcome = run(c.arguments, c.page);
    EXPECT_EQ(outcome.status, 0) << c.page << outcome.err;
    EXPECT_EQ(outcome.out, c.want) << c.page;
    EXPECT_EQ(outcome.err, "") << c.page;
  }
}

TEST(RelayParse, SaysWhereAPageBreaks) {
  const struct {
    std::string arguments, page, want;
    std::size_t printed;  ///< samples before the error
  } cases[] = {
      {"--format text", "a 1\nb{c=\"d\" 2\n", "line 2, column ", 1},
      {"--format text", "a 1 # {id=\"x\"} 2\n", "line 1, column 5: ", 0},
      {"--format text", "a one\n", "line 1, column 3: expected a number", 0},
      {"--format text", "a{b=\"\xFF\"} 1\n", "line 1, column 5: expected valid UTF-8", 0},
      {"--format openmetrics", "a 1\nb 2\n", "line 3, column 1: expected # EOF", 2},
      {"--format openmetrics", "a 1\n\n# EOF\n", "line 2, column 1: ", 1},
      // Strict alone refuses these.
      {"--format text --strict", "# TYPE a gauge\na 1\na 1\n", "line 3, column 1: ", 1},
      {"--format openmetrics --strict", "# TYPE a counter\na_total -1\n# EOF\n", "line 2, column 1: ", 0},
  };
  for (const auto& c : cases) {
    const auto outcome = run(c.arguments, c.page);
    EXPECT_EQ(outcome.status, 1) << c.page;
    EXPECT_EQ(outcome.err.find("relay_parse: " + c.want), 0U) << c.page << outcome.err;
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(outcome.out, '\n')), c.printed) << outcome.out;
    if (const auto strict = c.arguments.find(" --strict"); strict != std::string::npos) {
      EXPECT_EQ(run(c.arguments.substr(0, strict), c.page).status, 0) << c.page;
    }
  }
}

TEST(RelayParse, SaysHowItIsUsed) {
  EXPECT_NE(run("--help", "").out.find("usage: relay_parse --format text|openmetrics"), std::string::npos);
  EXPECT_EQ(run("--version", "").out.find("relay_parse "), 0U);
  const std::pair<std::string, std::string> wrong[] = {{"", "--format is missing"},
                                                       {"--strict", "--format is missing"},
                                                       {"--format", "--format '': text or openmetrics expected"},
                                                       {"--format json", "--format 'json': text or openmetrics"},
                                                       {"--format text page", "unexpected argument 'page'"}};
  for (const auto& [arguments, words] : wrong) {
    const auto outcome = run(arguments, "a 1\n");
    EXPECT_EQ(outcome.status, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace tessera::metrics
