// What the demo shows: money that adds up, a budget that is crossed, a forecast with its error, an alert that fires and
// resolves in an Alertmanager, and advice that names what is wasted there and nothing else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "fleet/cost/money.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"
#include "tests/e2e_server/alertmanager.h"
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
  static constexpr auto kAlert = 120s;   // ten seconds of heat, which are looked at each ten; on a busy machine

  explicit Demo(const std::vector<std::string>& more = {}) : child(words(more)) {
    EXPECT_TRUE(child.says("Ctrl-C ends it", kStart)) << child.output();
    const std::string line = child.after("dashboard: ");
    server = line.substr(0, line.find("/k8s-monitor"));
  }
  ~Demo() override { EXPECT_EQ(child.stop(), 0); }

  static std::vector<std::string> words(const std::vector<std::string>& more) {
    std::vector<std::string> out{program("tessera"), "demo", "--address", "127.0.0.1:0"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  nlohmann::json get(const std::string& path) {
    http::Client client;
    http::ClientRequest request;
    request.url = server + "/k8s-monitor/api/v1" + path;
    const auto reply = client.send(request);
    return reply ? nlohmann::json::parse(reply->body, nullptr, false) : nlohmann::json();
  }
  std::string metrics() const {
    http::Client client;
    http::ClientRequest request;
    request.url = server + "/metrics";
    const auto reply = client.send(request);
    return reply ? reply->body : reply.error().what;
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

fleet::Micros micros(const nlohmann::json& amount) {
  const auto out = fleet::parse_decimal(amount.get<std::string>());
  EXPECT_TRUE(out) << amount;
  return out ? *out : 0;
}

/// Of everything that somebody had, and of what nobody had.
fleet::Micros sum_of_groups(const nlohmann::json& told) {
  fleet::Micros out = 0;
  for (const auto& one : told.at("items")) out += micros(one.at("cost"));
  for (const auto& one : told.at("nobodys")) out += micros(one);
  return out;
}

TEST_F(Demo, MoneyAddsUp) {
  // A whole day, whose account is closed.
  const auto day = get("/cost/teams?window=7d").at("window").at("start").get<std::string>().substr(0, 10);
  const auto teams = get("/cost/teams?window=" + day);
  EXPECT_EQ(teams.at("all"), "1248.00") << "two H100, three A100 and nine RTX 4090 for a day; an L40S has no rate: "
                                        << teams;
  for (const char* const grouping : {"/cost/teams", "/cost/projects"}) {
    const auto told = get(grouping + ("?window=" + day));
    EXPECT_GT(told.at("items").size(), 1U) << told;
    EXPECT_EQ(sum_of_groups(told), micros(teams.at("all"))) << told;
    for (const auto& one : told.at("items")) {
      fleet::Micros parts = 0;
      for (const char* const part : {"used", "heldIdle", "heldUnknown", "sharedIdle"}) parts += micros(one.at(part));
      EXPECT_EQ(parts, micros(one.at("cost"))) << one;
    }
  }
  fleet::Micros hours = 0;
  const auto trend = get("/cost/trend?step=1h&window=" + day);
  for (const auto& one : trend.at("items")) hours += micros(one.at("all"));
  EXPECT_EQ(hours, micros(teams.at("all")));
  EXPECT_THAT(tessera({"cost", "--window", day}).output, HasSubstr("1248.00"));
}

TEST_F(Demo, ABudgetIsCrossed) {
  nlohmann::json standing;
  ASSERT_TRUE(eventually(
      [&] {
        standing = get("/budgets").at("items").at(0).at("standing");
        return standing.is_object() && !standing.at("crossings").empty();
      },
      kAdvice));
  // By the forecast at any time of the day; by what is spent from its first quarter of an hour on.
  std::map<std::string, nlohmann::json> crossed;
  for (const auto& one : standing.at("crossings"))
    crossed[std::to_string(one.at("percent").get<int>()) + ' ' + one.at("on").get<std::string>()] = one;
  ASSERT_TRUE(crossed.contains("100 forecast")) << standing;
  EXPECT_EQ(crossed.at("100 forecast").at("amount"), "800.00");
  EXPECT_GT(micros(crossed.at("100 forecast").at("reached")), 800'000'000);
  EXPECT_EQ(crossed.contains("1 actual"), micros(standing.at("spent")) >= 8'000'000) << standing;
  ASSERT_TRUE(eventually(
      [&] { return get("/alerts?state=firing&alert=BudgetThresholdCrossed").at("total") == crossed.size(); }, kAdvice))
      << get("/alerts");
}

TEST_F(Demo, AForecastTellsOfItsError) {
  nlohmann::json told;
  ASSERT_TRUE(eventually(
      [&] {
        told = get("/forecast/cost?scope=team:vision&horizon=48h");
        return told.value("state", "") == "forecast";
      },
      kAdvice))
      << told;
  ASSERT_EQ(told.at("items").size(), 48U);
  for (const auto& one : told.at("items")) {
    EXPECT_LE(micros(one.at("low")), micros(one.at("value"))) << one;
    EXPECT_LE(micros(one.at("value")), micros(one.at("high"))) << one;
  }
  // It is off by something, for its past is no clockwork; and by less than what no forecast is needed for.
  const auto& error = told.at("error");
  EXPECT_GT(error.at("judgedHours"), 0);
  EXPECT_GT(micros(error.at("mean")), 0) << error;
  EXPECT_LT(micros(error.at("mean")), micros(error.at("sameHourYesterday"))) << error;
  EXPECT_THAT(tessera({"forecast", "cost", "--scope", "team:vision"}).output,
              HasSubstr(error.at("mean").get<std::string>().substr(0, 4)));
}

TEST_F(Demo, AdviceNamesThePlantedWasteAndNothingElse) {
  ASSERT_THAT(advised(), UnorderedElementsAre("idle-held research/idle-holder: stopped",
                                              "over-provisioned research/notebook-0: 1g.20gb",
                                              "drop-unused ml/finetune-0: 1 GPUs a pod"));
  // By now the server has looked through its ledger for what has to be corrected: of a past that it does not know
  // itself, nothing.
  EXPECT_THAT(metrics(), AllOf(HasSubstr("\ntessera_server_cost_closed_until_timestamp_seconds "),
                               HasSubstr("\ntessera_server_cost_late_buckets 0\n"),
                               HasSubstr("\ntessera_server_cost_buckets_corrected_total 0\n")));
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

/// The demo that tells an Alertmanager, and what it says to do with a simulated GPU.
struct ToldDemo : Demo {
  static constexpr int kNobody = 1;  // a port; whom Alertmanager tells is not looked at here

  ToldDemo() : ToldDemo(Alertmanager::telling(fmt::format("http://127.0.0.1:{}/", kNobody), free_port())) {}
  explicit ToldDemo(std::unique_ptr<Alertmanager> one)
      : Demo(one ? std::vector<std::string>{"--alertmanager", one->url()} : std::vector<std::string>{}),
        alertmanager(std::move(one)) {}

  /// As the demo prints it, from a shell beside its programs.
  std::string printed(const std::string& what) const {
    const std::string all = child.output();
    const std::size_t at = all.find(what);
    const std::size_t begin = all.rfind("tessera-sim", at), end = all.find('\n', at);
    return at == std::string::npos ? "" : all.substr(begin, end - begin);
  }
  static void follow(const std::string& command) {
    const auto bin = std::filesystem::path(program("tessera-sim")).parent_path().string();
    const Finished done = run({"sh", "-c", command}, {{"PATH", bin + ":/usr/bin:/bin"}});
    EXPECT_EQ(done.code, 0) << command << '\n' << done.output;
  }
  std::set<std::string> hot() const {
    std::set<std::string> out;
    for (const auto& one : alertmanager->active("GPUOverheating")) out.insert(one.at("labels").at("device_id"));
    return out;
  }

  std::unique_ptr<Alertmanager> alertmanager;
};

TEST_F(ToldDemo, AnAlertFiresInAlertmanagerWhenAGpuOverheatsAndIsResolvedThere) {
  if (!alertmanager) GTEST_SKIP() << "no Alertmanager on this machine: ./dev unpacks it";
  EXPECT_TRUE(hot().empty());
  const std::string heat = printed("fault temperature");
  ASSERT_THAT(heat, HasSubstr("--celsius 95")) << child.output();
  follow(heat);
  ASSERT_TRUE(eventually([&] { return hot() == std::set<std::string>{"worker-01-GPU-01"}; }, kAlert)) << get("/alerts");
  follow(heat.substr(0, heat.find("--celsius")) + "--off");
  ASSERT_TRUE(eventually([&] { return hot().empty(); }, kAlert)) << get("/alerts");
  // It was told of the end, and has not only heard nothing for a while.
  const auto history = get("/alerts/history?alert=GPUOverheating").at("items");
  ASSERT_EQ(history.size(), 2U) << history;
  EXPECT_EQ(history.at(0).at("state"), "resolved");
  EXPECT_EQ(history.at(1).at("state"), "firing");
}

}  // namespace
}  // namespace tessera::e2e
