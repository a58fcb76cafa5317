#include "cli/benchmarks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/arguments.h"
#include "http/server.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* kList = R"({"total":2,"nextCursor":null,"items":[
 {"id":"1","model":"H100_80GB","driver":"580.1","name":"tokens","version":"1","value":3010.5,"unit":"tokens/s",
  "better":"higher","source":"lab","time":"2026-01-31T12:00:00.000Z","watts":612},
 {"id":"2","model":"L40S","driver":null,"name":"train","version":null,"value":4,"unit":"s","better":"lower","source":null,
  "time":"2026-01-30T12:00:00.000Z","watts":null}]})";

constexpr const char* kCompared = R"({"by":"model","currency":"USD","truncated":false,"items":[
 {"name":"tokens","version":"1","unit":"tokens/s","better":"higher","model":null,"baseline":"H100_80GB","rows":[
  {"model":"H100_80GB","driver":"580.1","runs":12,"median":3000,"spread":12.5,"ratio":1,"verdict":"baseline",
   "perHour":"8.00","perMoney":375,"watts":600,"wattsFrom":"measured","perWatt":5},
  {"model":"A100_80GB","driver":null,"runs":3,"median":2400,"spread":0,"ratio":0.8,"verdict":"worse","perHour":"6.00",
   "perMoney":400,"watts":400,"wattsFrom":"limit","perWatt":6},
  {"model":"L40S","driver":null,"runs":1,"median":1000,"spread":0,"ratio":0.3333,"verdict":"worse","perHour":null,
   "perMoney":null,"watts":null,"wattsFrom":null,"perWatt":null}]}]})";

constexpr const char* kRegressions = R"({"judged":14,"tooFew":3,"items":[{"model":"H100_80GB","name":"tokens",
 "version":"1","unit":"tokens/s","better":"higher","driverBefore":"570.1","driverNow":"580.1","before":3000,"now":2700,
 "worse":0.1,"p":0.0001,"runsBefore":30,"runsNow":5,"since":"2026-01-30T00:00:00.000Z"}]})";

std::string table(std::string_view word, const char* reply) {
  return std::ranges::find(benchmarks_words(), word, &BenchmarksWord::word)->table(JsonValue::parse(reply));
}

TEST(BenchmarksTable, HasALineForEachRun) {
  EXPECT_EQ(table("list", kList),
            "TIME                      MODEL      DRIVER  BENCHMARK            VALUE  BETTER  WATTS  SOURCE\n"
            "2026-01-31T12:00:00.000Z  H100_80GB  580.1   tokens 1   3010.5 tokens/s  higher    612  lab\n"
            "2026-01-30T12:00:00.000Z  L40S       –       train                  4 s  lower       –  –\n");
  EXPECT_THAT(table("list", R"({"items":[]})"), HasSubstr("import FILE"));
  JsonValue cut = JsonValue::parse(kList);
  cut["nextCursor"] = "x";
  cut["total"] = 20'000;
  EXPECT_THAT(table("list", cut.dump().c_str()), HasSubstr("2 of 20000: export has all\n"));
}

TEST(BenchmarksTable, ComparesByMoneyAndPower) {
  EXPECT_EQ(table("compare", kCompared),
            "tokens 1 (tokens/s, higher is better)\n"
            "MODEL      DRIVER  RUNS  MEDIAN  SPREAD                 AN HOUR  PER MONEY        WATTS  PER WATT\n"
            "H100_80GB  580.1     12    3000    12.5  baseline          8.00        375          600         5\n"
            "A100_80GB  –          3    2400       0  -20.0 % worse     6.00        400  400 (limit)         6\n"
            "L40S       –          1    1000       0  -66.7 % worse        –          –            –         –\n"
            "\n"
            "money in USD\n");
}

TEST(BenchmarksTable, SaysWhatHasBecomeWorseAndOfWhatNothingIsSaid) {
  const std::string text = table("regressions", kRegressions);
  EXPECT_THAT(text, HasSubstr("H100_80GB  tokens 1   3000 tokens/s  2700 tokens/s  10.0 %  570.1"));
  EXPECT_THAT(text, HasSubstr("1 of 14 have become worse; of 3 there are too few runs to say\n"));
}

BenchmarksCommand parsed(const std::vector<std::string>& words) {
  const auto command = parse_arguments(words);
  EXPECT_TRUE(command) << (command ? "" : command.error().what);
  const auto* out = command ? std::get_if<BenchmarksCommand>(&*command) : nullptr;
  EXPECT_TRUE(out);
  return out ? *out : BenchmarksCommand();
}

TEST(BenchmarksCommandLine, HasAWordForEachThing) {
  EXPECT_EQ(parsed({"benchmarks"}).word->word, "list");
  EXPECT_EQ(parsed({"benchmarks", "list", "--csv"}).form, CostForm::Csv);
  const auto compared = parsed({"benchmarks", "compare", "--name", "a, b", "--name", "c", "--by", "driver"});
  EXPECT_EQ(compared.word->word, "compare");
  EXPECT_THAT(compared.query, ElementsAre(Pair("name", "a, b"), Pair("name", "c"), Pair("by", "driver")));
  EXPECT_THAT(parsed({"benchmarks", "export", "-o", "json"}).query, ElementsAre(Pair("format", "json")));
  const auto in = parsed({"benchmarks", "import", "runs.csv", "--dry-run", "--server", "http://x"});
  EXPECT_EQ(in.file, "runs.csv");
  EXPECT_EQ(in.server.url, "http://x");
  EXPECT_THAT(in.query, ElementsAre(Pair("dryRun", "true")));
  EXPECT_FALSE(parse_arguments({"benchmarks", "import"}));
  EXPECT_THAT(parse_arguments({"benchmarks", "compare", "--csv"}).error().what, HasSubstr("no one table"));
}

/// A server that answers what it is told to, and keeps what it was asked.
struct BenchmarksServer : testing::Test {
  BenchmarksServer() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    const auto answer = [this](const http::Request& request) {
      const std::lock_guard lock(mutex);
      asked = request;
      http::Response out;
      out.content_type = "application/json";
      out.body = reply;
      return out;
    };
    const std::string path = "/k8s-monitor/api/v1/benchmarks";
    server = *http::Server::listen(options, {{"POST", path, answer}, {"GET", path + "/export", answer}});
    command.server.url = "http://" + server->address();
  }
  Result<std::string> take(const std::string& name, const std::string& content) {
    command.file = (folder.path() / name).string();
    EXPECT_TRUE(write_file_atomically(command.file, content));
    command.word = &*std::ranges::find(benchmarks_words(), "import", &BenchmarksWord::word);
    return run_benchmarks(command);
  }

  TempDir folder;
  std::mutex mutex;
  http::Request asked;
  std::string reply;
  std::unique_ptr<http::Server> server;
  BenchmarksCommand command;
};

TEST_F(BenchmarksServer, TakesAFileInAndSaysWhatBecameOfIt) {
  reply = R"({"dryRun":false,"taken":3,"added":2,"corrected":1,"unchanged":0,"refused":0,"refusals":[]})";
  const auto said = take("runs.csv", "model\n");
  ASSERT_TRUE(said) << said.error().what;
  EXPECT_EQ(*said, "3 taken: 2 new, 1 corrected, 0 were there\n");
  EXPECT_EQ(asked.header("Content-Type"), "text/csv");
  EXPECT_EQ(asked.body, "model\n");
  command.query = {{"dryRun", "true"}};
  reply = R"({"dryRun":true,"taken":3,"added":2,"corrected":1,"unchanged":0,"refused":1,
    "refusals":[{"where":"record 4","why":"value: a number expected"}]})";
  const auto refused = take("runs.JSON", "[]");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what,
              testing::EndsWith("runs.JSON: dry run: 3 taken: 2 new, 1 corrected, 0 were there; 1 refused\n"
                                "  record 4: value: a number expected"));
  EXPECT_EQ(asked.header("Content-Type"), "application/json");
  EXPECT_EQ(asked.query, "dryRun=true");
  command.file = (folder.path() / "none").string();
  EXPECT_FALSE(run_benchmarks(command));
}

TEST_F(BenchmarksServer, GivesAFileOutAsItIs) {
  command.word = &*std::ranges::find(benchmarks_words(), "export", &BenchmarksWord::word);
  command.form = CostForm::Json;
  reply = "[\n]\n";
  const auto said = run_benchmarks(command);
  ASSERT_TRUE(said) << said.error().what;
  EXPECT_EQ(*said, reply);
}

}  // namespace
}  // namespace tessera::cli
