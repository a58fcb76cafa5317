#include "agent/layout/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/layout/acceptance.h"
#include "agent/layout/sample_device.h"

namespace tessera::agent::layout {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kDocument = R"({"cluster":"default","node":"worker-01","generation":8,"epoch":3,
  "issuedAt":"2026-01-31T09:30:00Z","expiresAt":"2026-01-31T09:40:00Z","later":{"members":["are passed over"]},
  "devices":[{"uuid":"GPU-1","generation":8,"mode":"mig","plannedFrom":[{"profile":"1g.10gb","start":1,"size":1},
  {"profile":"1g.10gb","start":0,"size":1}],"instances":[{"profile":"2g.20gb","start":0,"size":2}]}]})";

std::string with(std::string_view part, std::string_view instead) {
  std::string out(kDocument);
  const auto at = out.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return out.replace(at, part.size(), instead);
}

TEST(ParseDocument, ReadsWhatIsWanted) {
  const auto document = parse_document(kDocument);
  ASSERT_TRUE(document) << document.error().what;
  EXPECT_EQ(document->cluster, "default");
  EXPECT_EQ(document->node, "worker-01");
  EXPECT_EQ(document->generation, 8U);
  EXPECT_EQ(document->epoch, 3U);
  EXPECT_EQ(document->expires_at - document->issued_at, Milliseconds(10min).count());
  EXPECT_EQ(document->devices, (std::vector<WantedDevice>{{"GPU-1", 8, {one(0), one(1)}, true, {two(0)}}}));
}

TEST(ParseDocument, TellsAbsentModeFromWhole) {
  EXPECT_EQ(parse_document(with(R"("mode":"mig",)", ""))->devices[0].mig, std::nullopt);
  EXPECT_EQ(parse_document(with(R"("mode":"mig",)", ""))->devices[0].instances.size(), 1U);
  EXPECT_THAT(parse_document(with(R"("mig")", R"("whole")")).error().what,
              HasSubstr("devices[0].instances: a device that is whole has none"));
}

TEST(ParseDocument, SaysWhatIsWrongAndWhere) {
  const struct {
    std::string json, want;
  } kCases[] = {
      {"", "a JSON object is expected"},
      {"[]", "a JSON object is expected"},
      {std::string(100'000, '['), "a JSON object is expected"},
      {"{}", "cluster is missing"},
      {with(R"("expiresAt":"2026-01-31T09:40:00Z",)", ""), "expiresAt is missing"},
      {with("09:40:00Z", "09:40"), "expiresAt: a time as 2026-01-31T09:30:00Z is expected"},
      {with(R"("epoch":3)", R"("epoch":-3)"), "epoch: a whole number from 0"},
      {with(R"("epoch":3)", R"("epoch":3.5)"), "epoch: a whole number from 0"},
      {with(R"("epoch":3)", R"("epoch":18446744073709551615)"), "epoch: a whole number from 0"},
      {with(R"("uuid":"GPU-1","generation":8)", R"("uuid":"GPU-1","generation":9)"),
       "devices[0].generation: a whole number from 0 to 8"},
      {with(R"("start":1)", R"("start":"1")"), "devices[0].plannedFrom[0].start: a whole number"},
      {with(R"("mode":"mig")", R"("mode":"MIG")"), "devices[0].mode: mig or whole is expected"},
      {with(R"("profile":"2g.20gb",)", ""), "devices[0].instances[0].profile is missing"},
      {with(R"({"uuid":"GPU-1")", R"({"uuid":"GPU-1","generation":8,"plannedFrom":[],"instances":[]},{"uuid":"GPU-1")"),
       "devices[1].uuid: GPU-1 stands there twice"}};
  for (const auto& c : kCases) {
    const auto document = parse_document(c.json);
    ASSERT_FALSE(document) << c.want;
    EXPECT_EQ(document.error().code, Code::Invalid);
    EXPECT_THAT(document.error().what, HasSubstr(c.want));
  }
}

class Accept : public testing::Test {
 protected:
  Accept() : document(*parse_document(kDocument)) {}
  Result<Milliseconds> accepted() { return accept(document, {"default", "worker-01"}, newest, now, devices); }
  std::string why() {
    const auto out = accepted();
    return out ? "accepted" : out.error().what;
  }
  Document document;
  Newest newest{3, 8};
  EpochMs now = document.issued_at;
  std::vector<DeviceState> devices{cut({one(0), one(1)})};
};

TEST_F(Accept, TakesTheNewestAgain) { EXPECT_EQ(*accepted(), 10min); }

TEST_F(Accept, RefusesAnotherNodesDocument) {
  document.node = "worker-02";
  EXPECT_THAT(why(), HasSubstr("for node worker-02"));
  document.node = "worker-01";
  document.cluster = "east";
  EXPECT_THAT(why(), HasSubstr("of cluster east"));
}

TEST_F(Accept, RefusesAnOlderLeaderOrGeneration) {
  newest.epoch = 4;
  EXPECT_THAT(why(), HasSubstr("epoch 3, where 4"));
  newest = {3, 9};
  EXPECT_THAT(why(), HasSubstr("generation 8, where 9"));
  EXPECT_THAT(why(), HasSubstr("operations.md"));
}

TEST_F(Accept, RefusesOneThatIsExpiredOrWouldHoldTooLong) {
  document.expires_at = document.issued_at;
  EXPECT_THAT(why(), HasSubstr("expired"));
  document.expires_at = document.issued_at + Milliseconds(1h).count();
  EXPECT_EQ(*accepted(), 1h);
  document.expires_at += 1;
  EXPECT_THAT(why(), HasSubstr("longer than 1h"));
}

TEST_F(Accept, AsksTheWallClockOnlyWhetherItIsAReplay) {
  now = document.issued_at + Milliseconds(10min).count();
  EXPECT_EQ(*accepted(), 10min) << "expired by this clock, which alone says nothing";
  now += 1;
  EXPECT_THAT(why(), HasSubstr("an old one, or one of the clocks is wrong"));
  now = document.issued_at - Milliseconds(11min).count();
  EXPECT_THAT(why(), HasSubstr("10m"));
}

TEST_F(Accept, RefusesALayoutThatTheDriverCannotHave) {
  document.devices[0].instances = {two(1)};
  EXPECT_THAT(why(), HasSubstr("illegal for this driver: 2g.20gb at 1:2"));
  document.devices[0].uuid = "GPU-elsewhere";
  EXPECT_EQ(why(), "accepted") << "no device of that name is here, so nothing happens to it";
}

TEST_F(Accept, RefusesInstancesOnADeviceWithoutMig) {
  devices[0].mig.reset();
  EXPECT_THAT(why(), HasSubstr("has no MIG"));
}

}  // namespace
}  // namespace tessera::agent::layout
