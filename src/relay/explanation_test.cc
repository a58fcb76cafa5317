#include "relay/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "relay/json.h"
#include "relay/overview_test.h"

namespace tessera::relay {
namespace {
using testing::HasSubstr;

TargetSpec spec(const SeenTarget& seen) {
  TargetSpec out;
  out.job_id = seen.target.job->id;
  out.url = seen.target.url;
  out.labels = seen.target.labels;
  return out;
}

/// One job that takes the pod, and two that do not, of which the last came further.
ExplainedPod explained(const TargetSpec& target) {
  return {"gpu",
          "dcgm-1",
          {{"far", {"r.yaml", 9}, {{{"namespace", false, "the pod is in 'gpu'", "add 'gpu'"}}, {}}},
           {"dcgm", {"r.yaml", 3}, {{{"namespace", true, "all", ""}}, {target}}},
           {"near", {}, {{{"namespace", true, "all", ""}, {"labels", false, "no app=x", "change it"}}, {}}}}};
}

TEST(Explanation, EndsWithWhatBecameOfEachTarget) {
  const Overview seen = sample_overview();
  TargetSpec unseen = spec(seen.targets[0]);
  unseen.url = "http://elsewhere/metrics";
  const struct {
    TargetSpec target;
    bool scraped;
    std::string detail;
  } kCases[] = {{spec(seen.targets[0]), true, "420 samples on the page, 400 kept after relabelling, in 0.250 s"},
                {spec(seen.targets[1]), true, "not scraped yet"},
                {spec(seen.targets[2]), false, "HTTP status 404"},
                {seen.dropped[0].target, false, "tessera-agent tells of this node"},
                {unseen, true, "share of another replica"}};
  for (const auto& c : kCases) {
    ExplainedPod pod = explained(c.target);
    add_outcomes(pod, seen.targets, seen.dropped);
    const Step& last = pod.jobs[1].walk.steps.back();
    EXPECT_THAT(last.detail, HasSubstr(c.detail));
    EXPECT_EQ(last.passed, c.scraped) << c.detail;
    EXPECT_EQ(last.change.empty(), c.scraped) << c.detail;
    EXPECT_EQ(is_scraped(pod), c.scraped) << c.detail;
  }
}

TEST(Explanation, AdvisesByTheError) {
  static constexpr struct {
    std::string_view error, advice;
  } kCases[] = {{"u: HTTP status 401 (200 expected)", "credentials"},
                {"u: HTTP status 404 (200 expected)", "path"},
                {"Failed to connect: Connection refused", "port"},
                {"u: line 3, column 1: a name expected", "no exposition"},
                {"timed out after 10s", "network policy"}};
  for (const auto& c : kCases) {
    TargetStatus down;
    down.health = Health::Down;
    down.error = c.error;
    EXPECT_THAT(scrape_step(down).change, HasSubstr(c.advice));
  }
  TargetStatus single;
  single.health = Health::Up;
  single.samples = single.kept = 1;
  EXPECT_THAT(scrape_step(single).detail, testing::StartsWith("1 sample on the page"));
  TargetStatus emptied;
  emptied.health = Health::Up;
  emptied.samples = 5;
  EXPECT_FALSE(scrape_step(emptied).passed) << "relabelling dropped every sample";
}

TEST(Explanation, TellsTheNearestJobFirst) {
  const Overview seen = sample_overview();
  ExplainedPod pod = explained(spec(seen.targets[0]));
  add_outcomes(pod, seen.targets, seen.dropped);
  const std::string text = explanation_text(pod);
  EXPECT_THAT(text, testing::StartsWith("pod gpu/dcgm-1: scraped, as one target\n\njob dcgm (r.yaml:3)\n"));
  EXPECT_LT(text.find("job near"), text.find("job far"));
  EXPECT_THAT(text, HasSubstr("STOP labels     no app=x\n"));
  EXPECT_THAT(text, HasSubstr("to change it: change it\n"));

  const auto json = nlohmann::json::parse(explanation_json(pod));
  EXPECT_EQ(json["scraped"], true);
  EXPECT_EQ(json["jobs"][0]["job"], "dcgm");
  EXPECT_EQ(json["jobs"][0]["targets"][0]["labels"]["instance"], "up-1");
  EXPECT_EQ(json["jobs"][1]["steps"][1]["change"], "change it");
  EXPECT_FALSE(json["jobs"][1]["steps"][0].contains("change"));
}

TEST(Explanation, SaysEachSentenceOnce) {
  const Step step{"relabel", false, "the rule dropped it", "change it"};
  const ExplainedPod twice{"gpu", "p", {{"j", {}, {{step, step}, {}}}}};
  const std::string text = explanation_text(twice);
  for (const auto* sentence : {"the rule dropped it", "to change it"})
    EXPECT_EQ(text.find(sentence), text.rfind(sentence)) << text;
}

TEST(Explanation, SumsUp) {
  EXPECT_EQ(summary({"a", "b", {}}), "the configuration has no job");
  ExplainedPod none = explained({});
  none.jobs[1].walk.targets.clear();
  EXPECT_EQ(summary(none), "no job scrapes it");
  const Overview seen = sample_overview();
  ExplainedPod down = explained(spec(seen.targets[2]));
  add_outcomes(down, seen.targets, seen.dropped);
  EXPECT_EQ(summary(down), "it is a target, but no samples come");
}

}  // namespace
}  // namespace tessera::relay
