#include "cli/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"

namespace tessera::cli {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* kIdle = R"({"id":"idle-held-0123456789abcdef","kind":"idle-held","state":"snoozed",
 "standing":true,"reopened":false,"savingPerMonth":"834.28","currency":"USD","sentence":"Pod idle holds a GPU.",
 "aim":"stopped","subject":{"cluster":"c","namespace":"research","kind":"Pod","name":"idle","deviceId":null,
 "model":"H100_80GB","pods":["idle"]},"evidence":{"from":"2027-01-01T00:00:00.000Z","to":"2027-01-15T00:00:00.000Z",
 "observedShare":0.98,"numbers":[{"name":"quiet","value":336.0,"unit":"hours"}]},
 "reckoned":"all that it holds, 1.14 an hour, for 730 hours","confidence":0.98,"confidenceWord":"high",
 "risk":"Ask its owner first.","change":{"by":"kubectl","text":"kubectl a\nkubectl b"},
 "undo":{"by":"hand","text":"Make it anew."},"realised":null,
 "answer":{"time":"2027-01-15T01:00:00.000Z","by":"key:1","until":"2027-02-01T00:00:00.000Z","reason":"it waits",
 "savingPerMonth":"834.28"}})";

TEST(AdviceTable, HasALineForEach) {
  const JsonValue sick = JsonValue::parse(R"({"id":"hardware-1","kind":"hardware","state":"open","reopened":true,
   "savingPerMonth":null,"currency":"USD","confidence":1.0,"confidenceWord":"high","aim":"GPUThermalThrottling",
   "subject":{"namespace":null,"name":null,"deviceId":"worker-01-GPU-00","model":"H100_80GB"}})");
  EXPECT_EQ(advice_table({{"items", JsonValue::array({JsonValue::parse(kIdle), sick})}}),
            "ID                          KIND       SUBJECT           SAVES A MONTH  CONFIDENCE  STATE       AIM\n"
            "idle-held-0123456789abcdef  idle-held  research/idle        834.28 USD  0.98 high   snoozed     stopped\n"
            "hardware-1                  hardware   worker-01-GPU-00              –  1.00 high   open again  "
            "GPUThermalThrottling\n");
  JsonValue dear = sick;
  dear["costPerMonth"] = "5840.00";
  EXPECT_THAT(advice_table({{"items", JsonValue::array({dear})}}), HasSubstr("  costs 5840.00 USD  "));
  EXPECT_THAT(advice_table({{"items", JsonValue::array()}}), HasSubstr("There is no advice"));
}

TEST(AdviceText, SaysAllThatSomebodyNeedsToDoIt) {
  const std::string text = advice_text(JsonValue::parse(kIdle));
  EXPECT_THAT(text, AllOf(HasSubstr("Pod idle holds a GPU.\n\n"),
                          HasSubstr("2027-01-01T00:00:00.000Z to 2027-01-15T00:00:00.000Z, 98 % of it told\n"),
                          HasSubstr("  quiet        336 hours\n"),
                          HasSubstr("834.28 USD (all that it holds, 1.14 an hour, for 730 hours)\n"),
                          HasSubstr("0.98 high\n"), HasSubstr("Ask its owner first.\n")));
  EXPECT_THAT(text, HasSubstr("by key:1, until 2027-02-01T00:00:00.000Z: it waits\n"));
  EXPECT_THAT(text, HasSubstr("\nTo do (kubectl):\n  kubectl a\n  kubectl b\n\nTo undo (hand):\n  Make it anew.\n"));
  JsonValue accepted = JsonValue::parse(kIdle);
  accepted["realised"] = JsonValue::parse(R"({"known":false,"to":"2027-01-23T00:00:00.000Z","savingPerMonth":null})");
  EXPECT_THAT(advice_text(accepted), HasSubstr("not known before 2027-01-23T00:00:00.000Z\n"));
  accepted["realised"] =
      JsonValue::parse(R"({"known":true,"savingPerMonth":"365.00","before":"168.00","after":"84.00"})");
  EXPECT_THAT(advice_text(accepted), HasSubstr("365.00 USD a month: 168.00 in the week before, 84.00 in the week"));
}

TEST(AdviceText, SaysWhatItCostsWhereItSavesNothing) {
  JsonValue costs = JsonValue::parse(kIdle);
  costs["savingPerMonth"] = nullptr;
  costs["costPerMonth"] = "1460.00";
  EXPECT_THAT(advice_text(costs), AllOf(HasSubstr("costs a month  1460.00 USD (all"), Not(HasSubstr("saves a month"))));
}

AdviceCommand parsed(const std::vector<std::string>& words) {
  const auto command = parse_arguments(words);
  EXPECT_TRUE(command) << (command ? "" : command.error().what);
  const auto* out = command ? std::get_if<AdviceCommand>(&*command) : nullptr;
  EXPECT_TRUE(out);
  return out ? *out : AdviceCommand();
}

TEST(AdviceCommandLine, AsksForAllOrOne) {
  EXPECT_EQ(parsed({"advice"}).word, nullptr);
  EXPECT_EQ(parsed({"advice", "-o", "json"}).form, CostForm::Json);
  EXPECT_EQ(parsed({"advice", "--csv"}).form, CostForm::Csv);
  EXPECT_THAT(parsed({"advice", "--state", "open", "-n", "ml"}).query,
              UnorderedElementsAre(Pair("state", "open"), Pair("namespace", "ml")));
  const AdviceCommand shown = parsed({"advice", "show", "x-1", "--server", "http://a", "-o", "json"});
  ASSERT_TRUE(shown.word);
  EXPECT_EQ(shown.word->word, "show");
  EXPECT_EQ(shown.id, "x-1");
  EXPECT_EQ(shown.server.url, "http://a");
  EXPECT_EQ(shown.form, CostForm::Json);
}

TEST(AdviceCommandLine, SaysWhatIsMadeOfOne) {
  EXPECT_EQ(parsed({"advice", "accept", "x-1"}).word->word, "accept");
  EXPECT_EQ(parsed({"advice", "reopen", "x-1"}).word->word, "reopen");
  EXPECT_EQ(parsed({"advice", "snooze", "x-1", "--for", "14d"}).span, "14d");
  EXPECT_EQ(parsed({"advice", "snooze", "x-1", "--until", "2027-02-01T00:00:00Z"}).until, "2027-02-01T00:00:00Z");
  EXPECT_EQ(parsed({"advice", "dismiss", "x-1", "--reason", "it waits"}).reason, "it waits");
}

TEST(AdviceCommandLine, RefusesWhatTheServerWouldNotTake) {
  static const struct {
    std::vector<std::string> words;
    const char* why;
  } kCases[] = {{{"advice", "accept"}, "id is required"},
                {{"advice", "accept", "x-1", "--for", "1d"}, "--for"},
                {{"advice", "snooze", "x-1"}, "--for DURATION or --until TIME is expected"},
                {{"advice", "snooze", "x-1", "--for", "soon"}, "soon"},
                {{"advice", "snooze", "x-1", "--for", "1d", "--until", "2027-02-01T00:00:00Z"}, "excludes"},
                {{"advice", "dismiss", "x-1"}, "--reason is required"},
                {{"advice", "show", "x-1", "--csv"}, "one advice is no table"},
                {{"advice", "show", "x-1", "--kind", "share"}, "--kind is of the list"},
                {{"advice", "accpet", "x-1"}, "accept"}};
  for (const auto& one : kCases) {
    const auto command = parse_arguments(one.words);
    ASSERT_FALSE(command) << one.why;
    EXPECT_THAT(command.error().what, HasSubstr(one.why));
  }
}

TEST(AdviceCommandLine, AnIdIsNoPath) {
  AdviceCommand command;
  command.word = advice_words().data();
  command.id = "../budgets";
  EXPECT_THAT(run_advice(command).error().what, HasSubstr("an id as idle-held-"));
}

}  // namespace
}  // namespace tessera::cli
