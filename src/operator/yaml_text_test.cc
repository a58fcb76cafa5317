#include "operator/yaml_text.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

TEST(YamlText, IsWhatAPersonWouldWrite) {
  const Json value{{"kind", "ConfigMap"},
                   {"args", {"--config=/etc/x.yaml", "a: b"}},
                   {"list", Json::array({{{"name", "http"}, {"port", 80}}, Json::object()})},
                   {"data", {{"a.csv", "one\n\n  two\n"}, {"empty", ""}}},
                   {"none", nullptr},
                   {"on", true}};
  EXPECT_EQ(yaml_text(value), R"(kind: ConfigMap
args:
  - --config=/etc/x.yaml
  - "a: b"
list:
  - name: http
    port: 80
  - {}
data:
  a.csv: |
    one

      two
  empty: ""
none: null
"on": true
)");
}

TEST(YamlText, ReadsBackAsTheSameValue) {
  static constexpr std::string_view kTexts[] = {"true",
                                                "no",
                                                "null",
                                                "~",
                                                "1",
                                                "1.5",
                                                "1e3",
                                                "0x1f",
                                                "12:30",
                                                "15s",
                                                "-",
                                                "- a",
                                                "a: b",
                                                "a:b",
                                                "a:",
                                                "#a",
                                                "a #b",
                                                "a#b",
                                                "'a'",
                                                "\"a\"",
                                                "*a",
                                                "&a",
                                                "!a",
                                                "|",
                                                ">",
                                                "%a",
                                                "@a",
                                                "`a`",
                                                "{a}",
                                                "[a]",
                                                "a,b",
                                                "a ",
                                                " a",
                                                "",
                                                "a\nb",
                                                "a\nb\n",
                                                "a\n\n",
                                                "\n",
                                                "\na\n",
                                                " a\nb\n",
                                                "a\tb",
                                                "\x01",
                                                ".nan",
                                                ".5",
                                                "=",
                                                "<<",
                                                "2026-01-01",
                                                "é\n",
                                                "über",
                                                "\\",
                                                "$(POD_INDEX)/3",
                                                "/metrics",
                                                "http://a:1/b?c=d&e"};
  Json all = Json::array();
  for (const auto text : kTexts) {
    all.push_back(text);
    all.push_back({{std::string(text), Json::array({text, Json::array({text})})}});
  }
  const std::string text = yaml_text(all);
  EXPECT_EQ(json_of(text), all) << text;
}

TEST(YamlText, SeparatesDocuments) {
  EXPECT_EQ(yaml_text(std::vector<Json>{{{"a", 1}}, {{"b", 2}}}), "a: 1\n---\nb: 2\n");
}

}  // namespace
}  // namespace tessera::operate
