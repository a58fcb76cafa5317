#include "cli/get_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;

constexpr const char* kAnswer = R"({"targets":[
  {"job":"a","url":"http://a/metrics","health":"up","lastScrape":"2026-01-31T09:30:00.250Z",
   "lastScrapeDurationSeconds":0.25,"samplesScraped":420,"samplesKept":400},
  {"job":"b","url":"http://b/metrics","health":"unknown"},
  {"job":"c","url":"http://c/metrics","health":"down","lastError":"refused\u001b[31m"}],
 "sources":[{"source":"files a.json","ready":true},{"source":"pods","problem":"HTTP status 403"}],
 "dropped":[{"url":"http://d/metrics","why":"a twin"}]})";

TEST(GetTargets, PrintsProblemsFirst) {
  const auto table = targets_table(kAnswer);
  ASSERT_TRUE(table) << table.error().what;
  EXPECT_EQ(*table,
            "HEALTH   JOB  TARGET            LAST SCRAPE               SECONDS  SAMPLES  KEPT  ERROR\n"
            "unknown  b    http://b/metrics  –                               –        –     –\n"
            "down     c    http://c/metrics  –                               –        –     –  refused [31m\n"
            "up       a    http://a/metrics  2026-01-31T09:30:00.250Z    0.250      420   400\n"
            "source pods: HTTP status 403\n"
            "not scraped: http://d/metrics: a twin\n");
}

TEST(GetTargets, RefusesWhatIsNoRelaysAnswer) {
  for (const auto* other : {"", "[]", "{}", "<html>", R"({"targets":1})"}) EXPECT_FALSE(targets_table(other)) << other;
  EXPECT_TRUE(targets_table(R"({"targets":[1,null,{}],"sources":[2],"dropped":{}})")) << "odd entries are no crash";
}

TEST(GetTargets, AsksTheRelay) {
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  const auto server = http::Server::listen(options, {{"GET", "/targets", [](const http::Request&) {
                                                        http::Response reply;
                                                        reply.body = kAnswer;
                                                        return reply;
                                                      }}});
  ASSERT_TRUE(server);
  GetTargetsCommand command{"http://" + (*server)->address() + "/", Milliseconds(60'000), Print::Text};
  const auto table = get_targets(command);
  ASSERT_TRUE(table) << table.error().what;
  EXPECT_THAT(*table, HasSubstr("http://a/metrics"));
  command.print = Print::Json;
  EXPECT_EQ(*get_targets(command), kAnswer);
  command.relay += "/nothing";
  EXPECT_THAT(get_targets(command).error().what, HasSubstr("HTTP status 404"));
  command.relay = "http://127.0.0.1:1";
  EXPECT_THAT(get_targets(command).error().what, HasSubstr("--relay URL"));
}

}  // namespace
}  // namespace tessera::cli
