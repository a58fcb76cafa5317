// What the demo shows of its past: advice that names what is wasted there, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/e2e/child.h"
#include "tests/e2e/node.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

struct Demo : testing::Test {
  static constexpr auto kStart = 120s;   // four nodes, five weeks of costs and two of usage
  static constexpr auto kAdvice = 120s;  // the server looks each 20 s, and gives the first advice when it looks again

  Demo() : child({program("tessera"), "demo", "--address", "127.0.0.1:0"}) {
    EXPECT_TRUE(child.says("Ctrl-C ends it", kStart)) << child.output();
    const std::string line = child.after("dashboard: ");
    server = line.substr(0, line.find("/k8s-monitor"));
  }
  ~Demo() override { EXPECT_EQ(child.stop(), 0); }

  nlohmann::json get(const std::string& path) {
    http::Client client;
    http::ClientRequest request;
    request.url = server + "/k8s-monitor/api/v1" + path;
    const auto reply = client.send(request);
    return reply ? nlohmann::json::parse(reply->body, nullptr, false) : nlohmann::json();
  }
  Finished tessera(std::vector<std::string> words) const {
    words.insert(words.begin(), program("tessera"));
    words.insert(words.end(), {"--server", server});
    return run(words);
  }
  /// "kind namespace/name: aim" of all, once there is any.
  std::set<std::string> advised() {
    nlohmann::json items;
    EXPECT_TRUE(eventually(
        [&] {
          const auto reply = get("/advice");
          if (!reply.is_object() || reply.at("items").empty()) return false;
          items = reply.at("items");
          return true;
        },
        kAdvice))
        << child.output();
    std::set<std::string> out;
    for (const auto& one : items) {
      const auto& subject = one.at("subject");
      out.insert(one.at("kind").get<std::string>() + ' ' +
                 (subject.at("name").is_string()
                      ? subject.at("namespace").get<std::string>() + '/' + subject.at("name").get<std::string>()
                      : subject.dump()) +
                 ": " + one.at("aim").get<std::string>());
      ids[one.at("kind")] = one.at("id");
    }
    return out;
  }

  Child child;
  std::string server;
  std::map<std::string, std::string> ids;
};

TEST_F(Demo, AdviceNamesThePlantedWasteAndNothingElse) {
  ASSERT_THAT(advised(), UnorderedElementsAre("idle-held research/idle-holder: stopped",
                                              "over-provisioned research/notebook-0: 1g.20gb",
                                              "drop-unused ml/finetune-0: 1 GPUs a pod"));
  // A seventh of an H100 that does nothing, a seventh too many of another, and three RTX 4090.
  const auto saving = [&](const char* kind) { return get("/advice/" + ids.at(kind)).at("savingPerMonth"); };
  EXPECT_EQ(saving("drop-unused"), "4380.00");
  EXPECT_THAT(saving("idle-held").get<std::string>(), HasSubstr("834.28"));
  EXPECT_THAT(saving("over-provisioned").get<std::string>(), HasSubstr("834.28"));
  // The same by a person's command, and what he makes of it.
  const std::string idle = ids.at("idle-held");
  EXPECT_THAT(tessera({"advice"}).output, AllOf(HasSubstr(idle), HasSubstr("ml/finetune-0"), HasSubstr("4380.00 USD")));
  EXPECT_THAT(tessera({"advice", "show", idle}).output,
              AllOf(HasSubstr("To do (kubectl):\n  kubectl --namespace research get pod idle-holder"),
                    HasSubstr("To undo (kubectl):\n")));
  EXPECT_EQ(tessera({"advice", "dismiss", idle, "--reason", "it is a demonstration"}).code, 0);
  EXPECT_EQ(get("/advice/" + idle).at("state"), "dismissed");
  EXPECT_EQ(tessera({"advice", "snooze", idle, "--for", "14d"}).code, 0);
  EXPECT_EQ(get("/advice/" + idle).at("state"), "snoozed");
  EXPECT_EQ(tessera({"advice", "reopen", idle}).code, 0);
  EXPECT_EQ(get("/advice/" + idle).at("state"), "open");
  EXPECT_EQ(tessera({"advice", "accept", "idle-held-0"}).code, 1) << "there is none of that id";
}

}  // namespace
}  // namespace tessera::e2e
