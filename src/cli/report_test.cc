#include "cli/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tessera::cli {
namespace {

Report sample() {
  return {{"driver", {{Status::Ok, "/lib/x.so", "driver 550.54", "", {}}}},
          {"empty", {}},
          {"mig",
           {{Status::Warning, "GPU 1", "no instance", "Carve some.", {"nvidia-smi mig -lgip", "true"}},
            {Status::Note, "GPU 2", "GPU 2 is new", "Nothing to do.", {}}}},
          {"agent", {{Status::Problem, "http://x", "not ready", "See its log.", {}}}}};
}

TEST(RenderText, GivesALineAFindingAndTheAdviceBelow) {
  EXPECT_EQ(render_text(sample(), false),
            "ok    driver             /lib/x.so: driver 550.54\n"
            "WARN  mig                GPU 1: no instance\n"
            "                         → Carve some.\n"
            "                           $ nvidia-smi mig -lgip\n"
            "                           $ true\n"
            "note  mig                GPU 2 is new\n"
            "                         → Nothing to do.\n"
            "FAIL  agent              http://x: not ready\n"
            "                         → See its log.\n"
            "\n1 ok, 1 note, 1 warning, 1 problem\n");
  EXPECT_EQ(render_text({}, false), "\n0 ok, 0 notes, 0 warnings, 0 problems\n");
}

TEST(RenderText, ColoursMarksOnly) {
  const auto coloured = render_text(sample(), true);
  EXPECT_NE(coloured.find("\x1b[1;31mFAIL\x1b[0m  agent"), std::string::npos);
  EXPECT_EQ(render_text(sample(), false).find('\x1b'), std::string::npos);
}

TEST(RenderText, LetsNobodySteerTheTerminal) {
  const Report report{
      {"agent", {{Status::Problem, "http://x", "evil \x1b[2J\x07\r\ntext\xff", "see \x1b]0;t\x07", {"a\nb"}}}}};
  const auto text = render_text(report, false);
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
  EXPECT_TRUE(is_utf8(text));
  EXPECT_NE(text.find("$ a b\n"), std::string::npos);
}

TEST(RenderText, BreaksLinesButNotCommands) {
  std::string prose;
  for (int i = 0; i < 60; ++i) prose += "wörd ";
  const std::string command(200, 'x');
  const auto text = render_text({{"c", {{Status::Note, "there", prose, prose, {command}}}}}, false, 80);
  for (const auto line : split(text, '\n'))
    if (line.find(command) == std::string_view::npos) {
      EXPECT_LE(line.size(), 80U + 12U) << line;  // ö has two bytes
    }
  EXPECT_NE(text.find(command), std::string::npos);
}

TEST(RenderJson, IsForScripts) {
  const auto json = nlohmann::json::parse(render_json(sample()));
  ASSERT_EQ(json["findings"].size(), 4U);
  EXPECT_EQ(json["findings"][1]["check"], "mig");
  EXPECT_EQ(json["findings"][1]["status"], "warning");
  EXPECT_EQ(json["findings"][1]["lookedAt"], "GPU 1");
  EXPECT_EQ(json["findings"][1]["whatToDo"], "Carve some.");
  EXPECT_EQ(json["findings"][1]["commands"][1], "true");
  EXPECT_FALSE(json["findings"][0].contains("whatToDo"));
  EXPECT_EQ(json["summary"]["problems"], 1);
  EXPECT_EQ(json["summary"]["warnings"], 1);
  EXPECT_TRUE(json["version"].is_string());
}

TEST(RenderJson, IsValidWhateverWasSeen) {
  const auto text = render_json({{"x", {{Status::Note, "\xff\xfe", "a\"b\n\x01", "c", {}}}}});
  EXPECT_TRUE(nlohmann::json::accept(text)) << text;
}

}  // namespace
}  // namespace tessera::cli
