#include "server/cost/export.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>

#include "base/text.h"
#include "fleet/cost/ledger.h"
#include "http/router.h"
#include "server/api_cost.h"
#include "server/cost/told_history.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define TESSERA_ASAN
#endif
#endif
#ifdef TESSERA_ASAN
#include <sanitizer/allocator_interface.h>
#endif

namespace tessera::server {
namespace {
using testing::HasSubstr;

/// That this process has on its heap.
std::size_t held_bytes() {
#ifdef TESSERA_ASAN
  return __sanitizer_get_current_allocated_bytes();
#else
  return ::mallinfo2().uordblks;
#endif
}

/// A ledger of some days, with so many lines in one quarter of an hour of each.
struct CostExportTest : testing::Test {
  static constexpr EpochMs kDay = 86'400'000, kBegin = 1'798'761'600'000;  // midnight UTC

  void fill(int days, int lines) {
    store::CostWriter writer(*history.database);
    for (int day = 0; day < days; ++day) {
      std::vector<store::CostPosting> postings;
      for (int i = 0; i < lines; ++i) postings.push_back(posting(i));
      const auto closed = writer.close(kBegin + day * kDay, postings, kBegin);
      if (!closed) throw std::runtime_error(closed.error().what);
    }
    history.publish(kBegin + days * kDay);
    costs.emplace(CostsOptions{}, history.published, history.readers);
    router.emplace(*http::Router::build(cost_routes(history.published, &*costs, "/api")));
  }
  static store::CostPosting posting(int number) {
    store::CostPosting out;
    out.subject.node = fmt::format("worker-{}", number % 50);
    out.subject.model = "H100_80GB";
    out.subject.device_uuid = fmt::format("GPU-{}", number % 400);
    out.owner = fleet::CostOwner{"c", "ml", fmt::format("{:x>200}-{}", "", number), "u", "vision", "", ""};
    out.kind = fleet::CostKind::Used;
    out.basis = fleet::CostBasis::Held;
    out.amount = {1'000 + number, 900, 0};
    return out;
  }
  http::Response ask(const std::string& query) {
    http::Request request;
    request.method = "GET";
    request.path = "/api/cost/export";
    request.query = query;
    return std::get<http::Router::Match>(router->find("GET", request.path)).route->handle(request);
  }
  static std::string window(int days) {
    return fmt::format("window={},{}", format_time(kBegin), format_time(kBegin + days * kDay));
  }

  ToldHistory history;
  std::optional<Costs> costs;
  std::optional<http::Router> router;
};

TEST_F(CostExportTest, AFileOfAnyLengthIsMadeInAFewMegabytes) {
  constexpr int kDays = 16, kLines = 1'000;
  fill(kDays, kLines);
  const auto reads = [&] { return history.readers.stats().reads; };
  const std::uint64_t before = reads();
  auto reply = ask(window(kDays) + "&format=focus");
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_TRUE(reply.pieces);
  EXPECT_EQ(reads(), before + 1) << "one day is read, for the first part";
  std::size_t bytes = 0, lines = 0, most = 0, longest = 0;
  const std::size_t held = held_bytes();
  for (;;) {
    const auto piece = reply.pieces();
    ASSERT_TRUE(piece) << piece.error().what;
    if (piece->empty()) break;
    bytes += piece->size();
    lines += static_cast<std::size_t>(std::ranges::count(*piece, '\n'));
    longest = std::max(longest, piece->size());
    most = std::max(most, held_bytes());
  }
  EXPECT_EQ(lines, 1U + kDays * kLines);
  EXPECT_GT(bytes, std::size_t{16} << 20U);
  EXPECT_LT(longest, costs->limits().file_part_bytes + 8'192) << "a line more than it takes";
  EXPECT_LT(most, held + (std::size_t{8} << 20U)) << "of " << bytes;
  EXPECT_EQ(reads(), before + kDays);
  RecordProperty("file_bytes", std::to_string(bytes));
  RecordProperty("heap_bytes", std::to_string(most - std::min(most, held)));
}

TEST_F(CostExportTest, PartsComeToTheWholeLedger) {
  fill(3, 700);
  for (const char* form : {"csv", "focus"}) {
    auto reply = ask(window(3) + "&format=" + form);
    std::string file;
    int parts = 0;
    for (std::string piece = " "; !piece.empty(); file += piece, ++parts) piece = *reply.pieces();
    EXPECT_GT(parts, 3) << form;
    const auto lines = split(std::string_view(file), '\n');
    ASSERT_EQ(lines.size(), 3U * 700 + 2) << form;
    EXPECT_EQ(std::ranges::count(lines, lines.front()), 1) << "one head";
  }
  auto reply = ask(window(3));
  std::string file;
  for (std::string piece = " "; !piece.empty(); file += piece) piece = *reply.pieces();
  fleet::Micros sum = 0;
  for (const std::string_view line : split(std::string_view(file), '\n')) {
    const auto cells = split(line, ',');
    if (cells.size() < 2) continue;
    if (const auto cost = fleet::parse_decimal(cells[cells.size() - 2])) sum += *cost;  // before the labels
  }
  EXPECT_EQ(sum, 3 * (700 * 1'000 + 699 * 700 / 2));
}

TEST_F(CostExportTest, WhatCannotBeReadMidwayIsAnErrorAndNoEnd) {
  fill(3, 700);
  auto reply = ask(window(3));
  ASSERT_TRUE(reply.pieces());
  ASSERT_TRUE(history.database->run("ALTER TABLE cost_entry RENAME TO cost_entry_away"));
  for (int i = 0; i < 100; ++i) {
    const auto piece = reply.pieces();
    if (!piece) return;
    ASSERT_FALSE(piece->empty()) << "the file ends as if all were there";
  }
  FAIL() << "it goes on without its table";
}

TEST_F(CostExportTest, WhatCannotBeReadAtAllHasAStatus) {
  fill(1, 3);
  ASSERT_TRUE(history.database->run("ALTER TABLE cost_entry RENAME TO cost_entry_away"));
  const auto reply = ask(window(1));
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("database-unavailable"));
  EXPECT_FALSE(reply.pieces);
}

}  // namespace
}  // namespace tessera::server
