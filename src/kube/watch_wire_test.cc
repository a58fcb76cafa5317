#include "kube/watch_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/json_slice.h"
#include "kube/known_objects.h"

namespace tessera::kube {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(JsonSlice, FindsMembers) {
  static const struct {
    std::string_view object, name, want;
  } kCases[] = {{R"({"a":1,"b":{"a":2}})", "a", "1"},
                {R"({"b":{"a":2},"a":"x,}"})", "a", R"("x,}")"},
                {R"({"b":[{"a":1},"]"], "a" : [1, 2] })", "a", "[1, 2]"},
                {R"({"b":"\\\"a\":1","a":null})", "a", "null"},
                {R"({"a":1})", "b", ""},
                {R"({})", "a", ""},
                {R"(["a",1])", "a", ""},
                {R"({"a)", "a", ""},
                {R"({"a":)", "a", ""},
                {R"({"a":"\)", "a", R"("\)"},
                {"", "a", ""}};
  for (const auto& c : kCases) EXPECT_EQ(member(c.object, c.name).value_or(""), c.want) << c.object;
}

TEST(JsonSlice, WritesOutEscapes) {
  EXPECT_EQ(text_member(R"({"a":"plain"})", "a"), "plain");
  EXPECT_EQ(text_member(R"({"a":"\u00e9\n\"<"})", "a"), "\u00e9\n\"<");
  EXPECT_EQ(text_member(R"({"a":1})", "a"), "");
}

TEST(JsonSlice, WalksItems) {
  std::vector<std::string> items;
  each_item(R"([ {"a":[1]}, "]" ,3])", [&](std::string_view item) { items.emplace_back(item); });
  EXPECT_THAT(items, ElementsAre(R"({"a":[1]})", R"("]")", "3"));
}

TEST(LineCutter, CutsTheSameLinesFromAnyChunks) {
  const std::string text = "{\"a\":1}\r\n\n{\"b\":2}\nhalf";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineCutter cutter(10);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at += size) {
      const auto fed = cutter.feed(std::string_view(text).substr(at, size), [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      });
      ASSERT_TRUE(fed) << fed.error().what;
    }
    EXPECT_THAT(lines, ElementsAre("{\"a\":1}", "{\"b\":2}")) << size;
    EXPECT_TRUE(cutter.inside_line());
  }
}

TEST(LineCutter, BoundsALineAndObeysAnEnd) {
  const auto all = [](std::string_view) { return true; };
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}}) {
    LineCutter cutter(5);
    Result<void> fed;
    for (std::size_t at = 0; at < 6 && fed; at += size)
      fed = cutter.feed(std::string_view("sixsix").substr(at, size), all);
    EXPECT_FALSE(fed);
  }
  LineCutter cutter(5);
  int heard = 0;
  ASSERT_TRUE(cutter.feed("a\nb\n", [&](std::string_view) { return ++heard, false; }));
  EXPECT_EQ(heard, 1);
}

TEST(ReadWatchLine, ReadsEvents) {
  const auto event = read_watch_line(R"({"type":"DELETED","object":{"metadata":{"name":"p","namespace":"a","uid":"u",)"
                                     R"("resourceVersion":"7"}}})");
  ASSERT_TRUE(event) << event.error().what;
  EXPECT_EQ(event->type, WatchLine::Type::Deleted);
  const auto object = read_object(event->object);
  ASSERT_TRUE(object);
  EXPECT_EQ(object->key, "a/p");
  EXPECT_EQ(object->uid, "u");
  EXPECT_EQ(object->version, "7");
  EXPECT_EQ(read_object(R"({"metadata":{"name":"n"}})")->key, "n");
  for (const auto* bad : {"", "<html>", "{}", R"({"type":"SPLIT","object":{}})", R"({"type":"ADDED","object":[]})",
                          R"({"type":"ADDED","object":{"metadata":)"})
    EXPECT_FALSE(read_watch_line(bad)) << bad;
  EXPECT_FALSE(read_object("{}"));
}

TEST(ReadListPage, ReadsItems) {
  const auto page = read_list_page(R"({"kind":"PodList","metadata":{"resourceVersion":"9","continue":"c"},
    "items":[{"metadata":{"name":"p1"}},{"metadata":{"name":"p2"},"spec":{}}]})");
  ASSERT_TRUE(page) << page.error().what;
  EXPECT_EQ(page->version, "9");
  EXPECT_EQ(page->continue_, "c");
  ASSERT_EQ(page->items.size(), 2);
  EXPECT_EQ(page->items[1].json, R"({"metadata":{"name":"p2"},"spec":{}})");
  EXPECT_TRUE(read_list_page(R"({"metadata":{},"items":null})"));  // none
  for (const auto* bad : {"", "{}", R"({"items":[]})", R"({"metadata":{},"items":[{}]})"})
    EXPECT_FALSE(read_list_page(bad)) << bad;
}

/// What was told, one word each.
class Told {
 public:
  KnownObjects known{[this](const Event& event) {
    words_.push_back(std::string(1, "AMDS"[static_cast<int>(event.type)]) + " " + event.key + " " + event.uid);
  }};
  std::vector<std::string> take() { return std::exchange(words_, {}); }

 private:
  std::vector<std::string> words_;
};

ObjectText object(std::string key, std::string uid, std::string version) {
  return {std::move(key), std::move(uid), std::move(version), "{}"};
}

TEST(KnownObjects, TellsEachChangeOnce) {
  Told told;
  told.known.begin_list();
  told.known.present(object("a", "1", "1"));
  told.known.present(object("b", "1", "2"));
  told.known.end_list();
  EXPECT_THAT(told.take(), ElementsAre("A a 1", "A b 1", "S  "));
  told.known.present(object("a", "1", "1"));  // once more
  told.known.gone(object("c", "1", "3"));     // never seen
  told.known.gone(object("a", "2", "3"));     // another of that name
  EXPECT_THAT(told.take(), IsEmpty());
  told.known.present(object("a", "1", "4"));
  told.known.present(object("b", "2", "5"));
  EXPECT_THAT(told.take(), ElementsAre("M a 1", "D b 1", "A b 2"));
}

TEST(KnownObjects, FindsWhatAListLacks) {
  Told told;
  told.known.begin_list();
  for (const auto* key : {"a", "b", "c"}) told.known.present(object(key, "1", "1"));
  told.known.end_list();
  told.take();
  told.known.begin_list();
  told.known.present(object("a", "1", "1"));
  told.known.begin_list();  // the first try failed
  told.known.present(object("b", "1", "1"));
  told.known.present(object("c", "2", "2"));
  told.known.end_list();
  EXPECT_THAT(told.take(), ElementsAre("D c 1", "A c 2", "D a 1", "S  "));
  EXPECT_EQ(told.known.size(), 2);
}

}  // namespace
}  // namespace tessera::kube
