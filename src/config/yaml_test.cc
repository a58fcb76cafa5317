#include "config/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/files.h"

namespace tessera::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using namespace std::chrono_literals;

Node loaded(std::string_view text) {
  auto node = load(text, "f.yaml");
  if (!node) throw std::runtime_error(node.error().what);
  return *std::move(node);
}

TEST(Yaml, ReadsEveryType) {
  const Node root = loaded(R"(
text: plain words
quoted: "true"
yes: yes
off: OFF
integer: -7
number: 1.5e3
duration: 1h30m
list: [a, "b", 3]
map: {x: 1, y: two}
nothing:
tilde: ~
block: |
  two
  lines
tagged: !!str 12
)");
  EXPECT_EQ(*root.find("text")->text(), "plain words");
  EXPECT_EQ(*root.find("quoted")->text(), "true");
  EXPECT_TRUE(*root.find("yes")->flag());
  EXPECT_FALSE(*root.find("off")->flag());
  EXPECT_EQ(*root.find("integer")->integer(), -7);
  EXPECT_EQ(*root.find("integer")->text(), "-7");
  EXPECT_EQ(*root.find("number")->number(), 1500);
  EXPECT_EQ(*root.find("duration")->duration(), 90min);
  EXPECT_THAT(*root.find("list")->texts(), ElementsAre("a", "b", "3"));
  EXPECT_THAT(*root.find("map")->text_map(), ElementsAre(Pair("x", "1"), Pair("y", "two")));
  EXPECT_TRUE(root.find("nothing")->is_null());
  EXPECT_TRUE(root.find("tilde")->is_null());
  EXPECT_TRUE(root.find("nothing")->list()->empty());
  EXPECT_TRUE(root.find("nothing")->entries()->empty());
  EXPECT_EQ(*root.find("block")->text(), "two\nlines\n");
  EXPECT_EQ(*root.find("tagged")->text(), "12");
  EXPECT_FALSE(root.find("absent"));
  EXPECT_EQ(root.find("map")->find("y")->path(), "map.y");
  EXPECT_EQ(root.find("map")->find("y")->line(), 10);
  EXPECT_EQ(root.find("map")->find("y")->column(), 16);
  EXPECT_EQ((*root.entries())[0].key, "text");
}

TEST(Yaml, AnEmptyDocumentIsNothing) {
  for (const auto* text : {"", "\n", "# comment\n", "---\n", "null"}) {
    EXPECT_TRUE(loaded(text).is_null()) << text;
    EXPECT_TRUE(loaded(text).only({"a"})) << text;
  }
}

TEST(Yaml, SaysWhereAndWhatWasExpected) {
  static const struct {
    std::string_view text;
    std::function<Result<void>(const Node&)> ask;
    std::string_view says;
  } kCases[] = {
      {"a: [1, {b: x}]",
       [](const Node& n) -> Result<void> {
         const auto list = TRY(n.find("a")->list());
         TRY(list[1].find("b")->integer(0, 9));
         return {};
       },
       "f.yaml:1:12: a[1].b: expected a whole number from 0 to 9, found 'x'"},
      {"a: 10",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->integer(0, 9));
         return {};
       },
       "f.yaml:1:4: a: expected a whole number from 0 to 9, found '10'"},
      {"a: 1.5",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->integer(1));
         return {};
       },
       "expected a whole number of at least 1, found '1.5'"},
      {"a: .nan",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->number());
         return {};
       },
       "expected a number, found '.nan'"},
      {"a: nan",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->number());
         return {};
       },
       "expected a number, found 'nan'"},
      {"\n\na: \"true\"",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->flag());
         return {};
       },
       "f.yaml:3:4: a: expected true or false, found 'true'"},
      {"a: 5 minutes",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->duration());
         return {};
       },
       "f.yaml:1:4: a: duration '5 minutes': one of"},
      {"a: {}",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->text());
         return {};
       },
       "a: expected text, found a map"},
      {"a:",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->text());
         return {};
       },
       "a: expected text, found nothing"},
      {"a: 1",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->list());
         return {};
       },
       "a: expected a list, found '1'"},
      {"- 1", [](const Node& n) { return n.only({"x"}); }, "f.yaml:1:1: expected a map with keys of x, found a list"},
      {"a:\n  intreval: 1", [](const Node& n) { return n.find("a")->only({"address", "interval"}); },
       "f.yaml:2:3: a.intreval: this key is not known; did you mean 'interval'?"},
      {"q: 1", [](const Node& n) { return n.only({"address", "interval"}); },
       "q: this key is not known; known are: address, interval"},
      {"a: josn",
       [](const Node& n) -> Result<void> {
         TRY(n.find("a")->word({"text", "json"}));
         return {};
       },
       "a: expected one of text, json, found 'josn'"},
  };
  for (const auto& c : kCases) {
    const auto result = c.ask(loaded(c.text));
    ASSERT_FALSE(result) << c.text;
    EXPECT_EQ(result.error().code, Code::Invalid);
    EXPECT_THAT(result.error().what, HasSubstr(std::string(c.says)));
  }
}

TEST(Yaml, RefusesWhatIsNoSettingsFile) {
  static constexpr struct {
    std::string_view text, says;
  } kCases[] = {
      {"a: 1\nb: 2\na: 3", "f.yaml:3:1: the key 'a' is there twice"},
      {"a: [1", "f.yaml:1:"},
      {"a: 'x", "f.yaml:1:"},
      {"\ta: 1", "f.yaml:1:"},
      {"a: b: c", "f.yaml:1:"},
      {"a: 1\n---\nb: 2", "a second document"},
      {"[a]: 1", "a key must be a single value"},
      {"~: 1", "a key must be a single value"},
      {"a: &x {b: 1}\nc: {<<: *x}", "f.yaml:2:5: merge keys"},
      {"a: *nobody", "f.yaml:1:"},
      {"a: &x [*x]", "f.yaml:1:8: this alias stands inside"},
      {"a: !env HOME", "the tag '!env' means nothing here"},
      {"a: !!binary aGk=", "means nothing here"},
  };
  for (const auto& c : kCases) {
    const auto result = load(c.text, "f.yaml");
    ASSERT_FALSE(result) << c.text;
    EXPECT_EQ(result.error().code, Code::Invalid);
    EXPECT_THAT(result.error().what, HasSubstr(std::string(c.says))) << c.text;
  }
}

TEST(Yaml, AliasesAreWhatTheyStandFor) {
  const Node root = loaded("a: &x {b: [1, 2]}\nc: *x\n");
  EXPECT_THAT(*root.find("c")->find("b")->texts(), ElementsAre("1", "2"));
  EXPECT_EQ(root.find("c")->find("b")->path(), "c.b");
}

TEST(Yaml, HostileInputHasLimits) {
  std::string laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'j'; ++c) {
    laughs += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) laughs += std::string(i ? ", *" : "*") + static_cast<char>(c - 1);
    laughs += "]\n";
  }
  std::string many = "a:\n";
  for (int i = 0; i < 100'001; ++i) many += "- x\n";
  std::string aliases = "k0: &k0 [x]\n";  // deep by aliases, though the text has one level
  for (int i = 1; i < 100; ++i)
    aliases += "k" + std::to_string(i) + ": &k" + std::to_string(i) + " [*k" + std::to_string(i - 1) + "]\n";
  static const struct {
    std::string text;
    std::string_view says;
  } kCases[] = {
      {laughs, "more than 100000 values"},
      {many, "more than 100000 values"},
      {aliases, "more than 64 levels"},
      {std::string(65, '[') + std::string(65, ']'), "more than 64 levels"},
      {std::string(1'000'000, '['), "f.yaml:"},
      {std::string(300'000, '{'), "f.yaml:"},
      {std::string((4U << 20U) + 1, ' '), "longer than 4 MiB"},
  };
  for (const auto& c : kCases) {
    const auto result = load(c.text, "f.yaml");
    ASSERT_FALSE(result) << c.says;
    EXPECT_THAT(result.error().what, HasSubstr(std::string(c.says)));
  }
  EXPECT_TRUE(load(std::string(64, '[') + std::string(64, ']'), "f.yaml"));
}

TEST(Yaml, ReadsIntoVariablesAndLeavesTheRest) {
  const Node root = loaded("name: x\non: true\nwait: 5s\nlist: [a]\nmap: {k: v}\nnothing:\n");
  std::string name = "before", absent = "before", nothing = "before";
  bool on = false;
  Milliseconds wait{1};
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  EXPECT_TRUE(root.read("name", name));
  EXPECT_TRUE(root.read("absent", absent));
  EXPECT_TRUE(root.read("nothing", nothing));
  EXPECT_TRUE(root.read("on", on));
  EXPECT_TRUE(root.read("wait", wait));
  EXPECT_TRUE(root.read("list", list));
  EXPECT_TRUE(root.read("map", map));
  EXPECT_EQ(name, "x");
  EXPECT_EQ(absent, "before");
  EXPECT_EQ(nothing, "before");
  EXPECT_TRUE(on);
  EXPECT_EQ(wait, 5s);
  EXPECT_THAT(list, ElementsAre("a"));
  EXPECT_THAT(map, ElementsAre(Pair("k", "v")));
  EXPECT_FALSE(root.read("list", name));
  EXPECT_EQ(name, "x");
}

TEST(Yaml, LoadsAFile) {
  const TempDir dir;
  const std::string path = (dir.path() / "a.yaml").string();
  const auto absent = load_file(path);
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().what, HasSubstr(path));
  ASSERT_TRUE(write_file_atomically(path, "a: 1\n"));
  const auto node = load_file(path);
  ASSERT_TRUE(node);
  EXPECT_EQ(*node->find("a")->integer(), 1);
  EXPECT_THAT(node->find("a")->error("no").what, HasSubstr(path + ":1:4: a: no"));
}

}  // namespace
}  // namespace tessera::config
