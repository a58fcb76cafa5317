#include "cli/server_doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tessera::cli {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00.000Z
constexpr const char* kFine =
    R"({"time":"2027-01-15T08:00:00.000Z","leads":true,"leader":null,"access":{"asksForKeys":true},
  "database":{"kind":"sqlite","failing":false,"failedSaves":0,"unsaved":0,"savedAt":"2027-01-15T07:59:58.000Z"},
  "ingest":{"requests":10,"refused":0,"lastRefusal":null},"journal":{"droppedSamples":0},
  "metricsApi":{"configured":true,"url":"http://p","works":true,"why":null},
  "cluster":{"watched":true,"name":"prod","lists":[
    {"resource":"nodes","connected":true,"synced":true,"asOf":"2027-01-15T08:00:00.000Z","why":null},
    {"resource":"pods","connected":false,"synced":true,"asOf":"2027-01-15T07:59:59.000Z","why":null}],
    "resourceMetrics":{"works":true,"answered":"2027-01-15T07:59:40.000Z","why":null}}})";

/// `kFine` with these members in it.
JsonValue status_with(const char* patch) {
  JsonValue out = JsonValue::parse(kFine);
  out.merge_patch(JsonValue::parse(patch));
  return out;
}

Findings findings_of(const JsonValue& status) {
  Findings out;
  for (const Section& section : judge_status(status, "http://u"))
    std::ranges::copy(section.findings, std::back_inserter(out));
  return out;
}

TEST(ServerDoctor, FindsNothingWhereAllIsWell) {
  for (const Finding& one : findings_of(JsonValue::parse(kFine))) EXPECT_EQ(one.status, Status::Ok) << one.seen;
  EXPECT_EQ(judge_clock(JsonValue::parse(kFine), "u", kNow + 1'000).front().status, Status::Ok);
}

TEST(ServerDoctor, SaysWhatIsWrongAndWhatToDo) {
  struct Case {
    const char* patch;
    Status status;
    const char* seen;
  };
  static constexpr Case kCases[] = {
      {R"({"database":{"failing":true,"failedSaves":7,"unsaved":3}})", Status::Problem,
       "the sqlite database takes nothing: 7 tries failed, 3 ended sessions wait"},
      {R"({"ingest":{"requests":0}})", Status::Warning, "nothing has been sent since the server started"},
      {R"({"ingest":{"refused":2,"lastRefusal":"series x: label y is there twice"}})", Status::Warning,
       "2 requests with samples were refused; the last: series x: label y is there twice"},
      {R"({"journal":{"droppedSamples":5}})", Status::Problem, "5 accepted samples left the journal"},
      {R"({"leads":false,"leader":null})", Status::Problem, "nobody takes samples in"},
      {R"({"metricsApi":{"configured":false}})", Status::Note, "prometheus.url is not set"},
      {R"({"metricsApi":{"works":false,"why":"connection refused"}})", Status::Problem,
       "the metrics API http://p does not answer: connection refused"},
      {R"({"cluster":{"watched":false,"lists":[]}})", Status::Note, "no Kubernetes cluster is watched"},
      {R"({"cluster":{"lists":[{"resource":"pods","connected":false,"synced":false,"asOf":null,
           "why":"a role bound to this account must allow \"list\" on \"pods\""}]}})",
       Status::Problem, "the cluster's pods were never watched: a role bound to this account must allow"},
      {R"({"cluster":{"lists":[{"resource":"nodes","connected":false,"synced":true,
           "asOf":"2027-01-15T07:55:00.000Z","why":"connection refused"}]}})",
       Status::Problem, "the cluster's nodes are 5m behind: connection refused"},
      {R"({"cluster":{"lists":[{"resource":"nodes","connected":false,"synced":false,"asOf":null,"why":null}]}})",
       Status::Note, "nodes are being listed for the first time"},
      {R"({"cluster":{"resourceMetrics":{"works":false,"why":"404"}}})", Status::Note,
       "CPU and memory in use are not known: 404"}};
  for (const Case& c : kCases) {
    const Findings all = findings_of(status_with(c.patch));
    const auto found =
        std::ranges::find_if(all, [&](const Finding& one) { return one.seen.find(c.seen) != std::string::npos; });
    ASSERT_NE(found, all.end()) << c.seen;
    EXPECT_EQ(found->status, c.status) << c.seen;
    EXPECT_FALSE(found->advice.empty()) << c.seen;
  }
}

TEST(ServerDoctor, JudgesIntakeAndDatabaseOnlyWhereItLeads) {
  const char* kIdle = R"({"leads":false,"leader":"10.0.0.7:8080","ingest":{"requests":0,"refused":3},
    "database":{"failing":true}})";
  const Report follower = judge_status(status_with(kIdle), "https://u/status");
  for (const Section& one : follower) {
    EXPECT_TRUE(one.check != "ingest" && one.check != "database") << one.check;
    for (const Finding& finding : one.findings) EXPECT_LE(finding.status, Status::Note) << finding.seen;
  }
  const Finding& note = follower.front().findings.front();
  EXPECT_THAT(note.seen, HasSubstr("this server follows, 10.0.0.7:8080 leads"));
  EXPECT_EQ(note.commands, std::vector<std::string>{"tessera doctor --server https://10.0.0.7:8080"});
  const Findings lost = findings_of(status_with(R"({"leads":false,"leader":"a:1","journal":{"droppedSamples":5}})"));
  EXPECT_TRUE(std::ranges::any_of(lost, [](const Finding& one) { return one.status == Status::Problem; }));
  JsonValue earlier = status_with(R"({"ingest":{"requests":0}})");
  earlier.erase("leads");
  const Findings judged = findings_of(earlier);
  EXPECT_TRUE(std::ranges::any_of(judged, [](const Finding& one) { return one.status == Status::Warning; }));
}

TEST(ServerDoctor, SaysWhenTheKeyExpires) {
  const auto judged = [](const char* me, bool shown = true) {
    return judge_keys(JsonValue::parse(kFine), JsonValue::parse(me), "u", shown).front();
  };
  const Finding soon = judged(R"({"expires":"2027-01-18T08:00:00.000Z"})");
  EXPECT_EQ(soon.status, Status::Warning);
  EXPECT_EQ(soon.seen, "the key expires in 3d, at 2027-01-18T08:00:00.000Z");
  EXPECT_FALSE(soon.advice.empty());
  EXPECT_EQ(judged(R"({"expires":"2027-04-18T08:00:00.000Z"})").seen, "the key is good until 2027-04-18T08:00:00.000Z");
  EXPECT_EQ(judged(R"({"expires":null})").seen, "the key is good");
  EXPECT_EQ(judged("null").status, Status::Ok) << "of an earlier version";
  EXPECT_EQ(judged(R"({"expires":null})", false).status, Status::Note);
}

TEST(ServerDoctor, ComparesClocks) {
  EXPECT_THAT(judge_clock(JsonValue::parse(kFine), "u", kNow + 90'000).front().seen, HasSubstr("1m30s behind ours"));
  EXPECT_THAT(judge_clock(JsonValue::parse(kFine), "u", kNow - 90'000).front().seen, HasSubstr("1m30s ahead of ours"));
}

TEST(ServerDoctor, NamesNodesThatAreSilentOrAhead) {
  const JsonValue nodes = JsonValue::parse(R"({"items":[
    {"name":"a","presence":"present","lastSeen":"2027-01-15T07:59:59.000Z"},
    {"name":"b","presence":"missing","lastSeen":"2027-01-15T07:00:00.000Z"},
    {"name":"c","presence":"present","lastSeen":"2027-01-15T08:05:00.000Z"}]})");
  const Findings all = judge_nodes(nodes, "u", kNow);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].seen, "1 of 3 nodes told lately");
  EXPECT_EQ(all[1].seen, "silent: b (missing for 1h)");
  EXPECT_EQ(all[2].seen, "clocks ahead of the server's: c (5m)");
  EXPECT_THAT(judge_nodes(JsonValue::parse(R"({"items":[]})"), "u", kNow).front().seen, HasSubstr("no node is known"));
}

TEST(ServerDoctor, SaysThatNobodyIsThere) {
  const Diagnosis nobody = examine_server({.url = "http://127.0.0.1:1"});
  EXPECT_EQ(nobody.exit_code(), 1);
  EXPECT_THAT(nobody.report.front().findings.front().advice, HasSubstr("--server URL"));
}

}  // namespace
}  // namespace tessera::cli
