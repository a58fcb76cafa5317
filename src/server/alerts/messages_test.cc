#include "server/alerts/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/api_json.h"

namespace tessera::server {
namespace {
using testing::SizeIs;

TEST(Messages, AreWhatReceiversTake) {
  const ToldAlert one{"A",
                      {{"alertname", "A"}, {"cluster", "c"}, {"gpu", "0"}, {"severity", "critical"}},
                      "GPU 0 is <hot>.",
                      "docs/alerts.md#a",
                      90,
                      1'000,
                      2'000,
                      false};
  ToldAlert other = one;
  other.labels[2].second = "1";
  other.resolved = true;
  ToldAlert elsewhere = one;
  elsewhere.labels[1].second = "d";
  const std::vector<ToldAlert> all = {one, elsewhere, other};
  const Json posted = Json::parse(alertmanager_body(all));
  ASSERT_EQ(posted.size(), 3U);
  EXPECT_EQ(posted[0]["labels"]["alertname"], "A");
  EXPECT_EQ(posted[0]["startsAt"], "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(posted[0]["endsAt"], "1970-01-01T00:00:02.000Z");
  EXPECT_EQ(posted[0]["annotations"]["summary"], "GPU 0 is <hot>.");
  ToldAlert backwards = one;
  backwards.ends = 500;
  EXPECT_EQ(Json::parse(alertmanager_body(std::span(&backwards, 1)))[0]["endsAt"], "1970-01-01T00:00:01.000Z")
      << "a clock was set back";
  const auto groups = grouped(all);
  ASSERT_THAT(groups, SizeIs(2));
  const Json hook = Json::parse(webhook_body(groups[0], "r"));
  EXPECT_EQ(hook["version"], "4");
  EXPECT_EQ(hook["status"], "firing");
  EXPECT_EQ(hook["commonLabels"], Json({{"alertname", "A"}, {"cluster", "c"}, {"severity", "critical"}}));
  EXPECT_EQ(hook["groupKey"], "{}:{alertname=\"A\", cluster=\"c\"}");
  EXPECT_EQ(hook["alerts"][1]["status"], "resolved");
  EXPECT_EQ(Json::parse(slack_body(groups[0]))["text"],
            ":fire: *A* (critical)\nGPU 0 is &lt;hot&gt;.\nresolved: GPU 0 is &lt;hot&gt;.\ndocs/alerts.md#a");
}

}  // namespace
}  // namespace tessera::server
