// What is asked for: names that nobody has told of, the same once more, and what it would be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/allocations_fixture.h"

namespace tessera::server {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// As who is shown the refusal reads it.
Json refusal_of(const http::Response& reply) {
  EXPECT_EQ(reply.status, 409) << reply.body;
  return Json::parse(reply.body)["refusal"];
}

TEST_F(AllocationsTest, ANodeThatNobodyToldOfIsNamedWithThoseThatThereAre) {
  const std::string elsewhere = body("p", R"(,"nodeName":"w-01")");
  for (const char* query : {"", "dryRun=true"}) {
    const Json refusal = refusal_of(ask(elsewhere, query));
    EXPECT_EQ(refusal["sentence"], "Nothing has been told of a GPU on a node 'w-01'");
    EXPECT_EQ(refusal["remedies"][0]["kind"], "name_another");
    EXPECT_EQ(refusal["remedies"][0]["sentence"], "nodeName: GPUs are told of with the names w-1");
  }
  const Json waits = asked(body("p", R"(,"nodeName":"w-01","wait":true)"), 202);
  EXPECT_EQ(waits["reason"], "Nothing has been told of a GPU on a node 'w-01'");
  look("", 400);
  EXPECT_EQ(shown(waits)["reason"], waits["reason"]) << "the queue says it too";
  EXPECT_THAT(shown(waits)["decision"]["remedies"].dump(), HasSubstr("the names w-1"));
}

TEST_F(AllocationsTest, AModelThatNoDeviceHasIsNamedWithThoseThatThereAre) {
  const Json refusal = refusal_of(ask(body("p", R"(,"models":["H100","L40S","H100_80GB"],"computeSlices":8)")));
  EXPECT_THAT(refusal["sentence"].get<std::string>(),
              HasSubstr(". Nothing has been told of a GPU of model H100 and L40S"));
  EXPECT_EQ(refusal["remedies"][0]["sentence"], "models: GPUs are told of with the names H100_80GB");
  EXPECT_THAT(refusal_of(ask(body("p", R"(,"models":["H100_80GB"],"computeSlices":8)"))).dump(),
              AllOf(Not(HasSubstr("Nothing has been told")), Not(HasSubstr("name_another"))));
}

TEST_F(AllocationsTest, WhoIsRestrictedIsNotToldTheNamesOfOthers) {
  auto viewer = std::make_shared<Viewer>();
  viewer->caller = viewer->actor = "key:b bob";
  viewer->spaces = {"ml"};
  const auto reply = send("POST", "/gpu/allocations", body("p", R"(,"nodeName":"w-01")"), "", viewer);
  EXPECT_EQ(reply.status, 409);
  EXPECT_THAT(reply.body, AllOf(HasSubstr("on a node 'w-01'"), Not(HasSubstr("w-1"))));
}

TEST_F(AllocationsTest, TheSameIsTheSameHoweverItIsWritten) {
  const std::string twenty = R"({"namespace":"ml","podName":"p","useMig":true,"computeSlices":2,)";
  const Json made = asked(twenty + R"("requiredMemoryGb":20})");
  for (const char* again :
       {R"("requiredMemoryGb":20.0})", R"("requiredMemoryMib":19074})", R"("requiredMemory":"20G","priority":0})",
        R"("requiredMemoryGb":20,"cluster":"default","devices":1,"leaseSeconds":600,"policy":"default","wait":false})"})
    EXPECT_EQ(asked(twenty + again, 200)["id"], made["id"]) << again;
  for (const char* other :
       {R"("requiredMemoryGb":19})", R"("requiredMemoryGb":20,"priority":1})",
        R"("requiredMemoryGb":20,"nodeName":"w-1"})", R"("requiredMemoryGb":20,"wait":true})",
        R"("requiredMemoryGb":20,"policy":"spread"})", R"("requiredMemoryGb":20,"leaseSeconds":60})"})
    EXPECT_THAT(ask(twenty + other).body, HasSubstr("already-allocated")) << other;
}

TEST_F(AllocationsTest, APreviewOfWhatAPodHasIsItsOwn) {
  const Json made = asked(body("p"));
  asked(body("q"));
  asked(body("r"));
  ASSERT_EQ(ask(body("s"), "dryRun=true").status, 409) << "there is no room for another one";
  const auto again = ask(body("p"), "dryRun=true");
  ASSERT_EQ(again.status, 200) << again.body;
  const Json own = Json::parse(again.body);
  EXPECT_EQ(own["dryRun"], true);
  EXPECT_EQ(own["allocationId"], made["id"]);
  EXPECT_EQ(own["decision"], made["decision"]);
  const auto otherwise = ask(body("p", R"(,"priority":3)"), "dryRun=true");
  EXPECT_EQ(otherwise.status, 409);
  EXPECT_THAT(otherwise.body, AllOf(HasSubstr("already-allocated"), HasSubstr(made["id"].get<std::string>())));
}

TEST_F(AllocationsTest, APreviewOfOneThatWaitsDecidesAboutItInItsTurn) {
  options.keep_room_after = Milliseconds(1);
  open();
  const Json first = asked(body("p"));
  asked(body("q"));
  asked(body("r"));
  const std::string waits = body("s", R"(,"wait":true)");
  asked(waits, 202);
  look("", 5);
  EXPECT_EQ(ask(waits, "dryRun=true").status, 409) << "it is no room";
  // Before the thread has looked there is room, and none is kept from him for himself.
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + first["id"].get<std::string>()).status, 204);
  const auto now = ask(waits, "dryRun=true");
  EXPECT_EQ(now.status, 200) << now.body;
  EXPECT_EQ(ask(body("t"), "dryRun=true").status, 409) << "others are kept from it";
}

}  // namespace
}  // namespace tessera::server
