#include "server/paging.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tessera::server {
namespace {

struct Row {
  int id;
  std::optional<double> number;
  std::string text;
};

constexpr SortColumn<Row> kColumns[] = {
    {"id", [](const Row& r) { return SortValue(static_cast<double>(r.id)); }},
    {"number", [](const Row& r) { return SortValue(r.number); }},
    {"text", [](const Row& r) { return SortValue(r.text); }},
};

http::Request request_of(const std::string& query) {
  http::Request request;
  request.path = "/rows";
  request.query = query;
  return request;
}

TEST(Compare, PutsNullLastEitherWay) {
  const SortValue null, low(1.0), high(2.0);
  for (const bool descending : {false, true}) {
    EXPECT_LT(compare(low, null, descending), 0);
    EXPECT_GT(compare(null, high, descending), 0);
    EXPECT_EQ(compare(null, null, descending), 0);
  }
  EXPECT_LT(compare(low, high, false), 0);
  EXPECT_GT(compare(low, high, true), 0);
  EXPECT_LT(compare(SortValue("a"), SortValue("b"), false), 0);
}

// Rows that come and go between two pages make no other row appear twice or be left out.
TEST(Pager, IsNotMovedByOtherRows) {
  std::mt19937 random(7);
  const auto any = [&](int least, int most) { return std::uniform_int_distribution(least, most)(random); };
  for (const char* sort : {"sort=id", "sort=-number", "sort=number,-text", "sort=-text"}) {
    std::vector<Row> stay, passing;
    for (int i = 0; i < 60; ++i) {
      Row row{i, any(0, 3) == 0 ? std::nullopt : std::optional(any(0, 5) / 2.0),
              std::string(1, static_cast<char>('a' + any(0, 3)))};
      (i % 3 == 0 ? passing : stay).push_back(row);
    }
    std::vector<int> seen;
    std::string cursor;
    do {
      const auto request = request_of(std::string(sort) + "&limit=7" + (cursor.empty() ? "" : "&cursor=" + cursor));
      Query query(request);
      const Pager<Row> pager(query, kColumns, "id", "id");
      ASSERT_TRUE(query.finish()) << query.problem()->detail;
      std::vector<Row> rows = stay;
      for (const Row& row : passing)
        if (any(0, 1) == 0) rows.push_back(row);
      std::ranges::shuffle(rows, random);
      cursor = pager.cut(rows);
      EXPECT_LE(rows.size(), 7U);
      for (const Row& row : rows)
        if (row.id % 3 != 0) seen.push_back(row.id);
    } while (!cursor.empty());
    EXPECT_EQ(seen.size(), stay.size()) << sort;
    std::ranges::sort(seen);
    EXPECT_TRUE(std::ranges::adjacent_find(seen) == seen.end()) << sort;
  }
}

// What is known of the rows' order saves comparisons and changes nothing.
TEST(Pager, IsTheSameForRowsThatComeInOrder) {
  std::mt19937 random(11);
  std::vector<Row> rows;
  for (int i = 0; i < 200; ++i)
    rows.push_back({static_cast<int>(i / 3), random() % 4 == 0 ? std::nullopt : std::optional(random() % 3 * 1.0),
                    std::string(1, static_cast<char>('a' + i % 3))});
  for (const char* sort : {"sort=id", "sort=-id", "sort=number", "sort=-number", "sort=text", "sort=-text,id",
                           "sort=number,-id", "sort=number,text", "sort=number,id"}) {
    std::string cursor;
    int pages = 0;
    do {
      const auto request = request_of(std::string(sort) + "&limit=30" + (cursor.empty() ? "" : "&cursor=" + cursor));
      const auto page = [&](RowsCome come) {
        Query query(request);
        const Pager<Row> pager(query, kColumns, "id,text", "id,text", come);
        EXPECT_TRUE(query.finish());
        std::vector<Row> of = rows;
        std::string next = pager.cut(of);
        for (const Row& row : of) next += " " + std::to_string(row.id) + row.text;
        return next;
      };
      const std::string known = page(RowsCome::InOrder);
      ASSERT_EQ(known, page(RowsCome::AnyHow)) << sort << ", page " << pages;
      cursor = known.substr(0, known.find(' '));
      ++pages;
    } while (!cursor.empty());
    EXPECT_EQ(pages, 7) << sort;
  }
}

// Pages of one view in a row, of whatever length, are those that were cut of all rows each time, and cost one look at
// all rows as long as they lie in the head.
TEST(Pager, CutsTheSameOfAHead) {
  std::mt19937 random(3);
  for (const std::size_t count : {0U, 1U, 1'999U, 2'000U, 2'001U, 5'000U}) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < count; ++i)
      rows.push_back({static_cast<int>(i), random() % 4 == 0 ? std::nullopt : std::optional(random() % 50 * 1.0),
                      std::string(1, static_cast<char>('a' + random() % 3))});
    for (const char* sort : {"sort=id", "sort=-number", "sort=text,-number"}) {
      ListHeads heads;
      std::size_t seen = 0;
      std::string cursor;
      do {
        const std::size_t limit = 1 + random() % 900;
        const auto request =
            request_of(fmt::format("{}&limit={}{}{}", sort, limit, cursor.empty() ? "" : "&cursor=", cursor));
        Query query(request);
        const Pager<Row> pager(query, kColumns, "id", "id");
        ASSERT_TRUE(query.finish()) << query.problem()->detail;
        std::size_t looks = 0;
        const auto cut = pager.page(heads, [&] { return ++looks, rows; });
        std::vector<Row> wanted = rows;
        ASSERT_EQ(cut.next, pager.cut(wanted)) << count << ' ' << sort;
        ASSERT_TRUE(std::ranges::equal(cut.rows, wanted, {}, &Row::id, &Row::id)) << count << ' ' << sort;
        EXPECT_EQ(cut.total, count);
        const bool is_first = cursor.empty();
        seen += cut.rows.size();
        cursor = cut.next;
        if (seen < Pager<Row>::kHeadRows || count <= Pager<Row>::kHeadRows) EXPECT_EQ(looks, is_first ? 1U : 0U);
      } while (!cursor.empty());
      EXPECT_EQ(seen, count);
    }
  }
}

TEST(ListHeads, AreOfOneListEach) {
  ListHeads heads;
  const auto make = [](int id) { return [id] { return ListHead<Row>{{{id, std::nullopt, ""}}, 1}; }; };
  EXPECT_EQ(heads.of<Row>("/rows sort=id", make(1))->rows[0].id, 1);
  EXPECT_EQ(heads.of<Row>("/rows sort=-id", make(2))->rows[0].id, 2);
  EXPECT_EQ(heads.of<Row>("/rows sort=id", make(3))->rows[0].id, 1);
  for (std::size_t i = 0; i < 2 * ListHeads::kMost; ++i) heads.of<Row>("/rows search=" + std::to_string(i), make(4));
  EXPECT_EQ(heads.of<Row>("/rows search=0", make(5))->rows[0].id, 4);
  EXPECT_EQ(heads.of<Row>("/rows search=100", make(5))->rows[0].id, 5) << "there are only so many";
}

}  // namespace
}  // namespace tessera::server
