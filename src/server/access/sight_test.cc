#include "server/access/sight.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::server {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;

struct SightTest : testing::Test {
  /// A board of ours beside one of others.
  std::shared_ptr<const Published> view_at(EpochMs time) {
    const auto page = [](const char* uuid, const char* space) {
      return fmt::format("DCGM_FI_DEV_GPU_UTIL{{gpu=\"0\",UUID=\"{}\",pod=\"p\",namespace=\"{}\",container=\"c\"}} 5\n",
                         uuid, space);
    };
    told.scrape(time, "node=\"a\"", page("GPU-a", "ml"));
    told.scrape(time, "node=\"b\"", page("GPU-b", "hidden"));
    auto out = std::make_shared<Published>();
    out->view = told.fleet.publish(time);
    return out;
  }
  static Viewer ml() {
    Viewer out = everybody();
    out.spaces = {"ml"};
    return out;
  }
  fleet::ToldPages told;
  Sight sight;
};

TEST_F(SightTest, OneViewIsWorkedOutOnce) {
  const auto view = view_at(kStart);
  const auto seen = sight.of(view, ml());
  ASSERT_EQ(seen->view->nodes.size(), 1U);
  EXPECT_EQ(seen->view->nodes[0]->name, "a");
  EXPECT_EQ(sight.of(view, ml()), seen);
  EXPECT_NE(sight.of(view_at(kStart + 30'000), ml()), seen);
}

// There may be many viewers, and a fleet of 80,000 devices is large.
TEST_F(SightTest, AFleetIsNotHeldForWhoAsksNoMore) {
  auto view = view_at(kStart);
  const std::weak_ptr<const Published> whole = view;
  const std::weak_ptr<const fleet::Node> others = view->view->nodes.at(1);
  sight.of(view, ml());
  view = view_at(kStart + 30'000);
  EXPECT_TRUE(whole.expired());
  EXPECT_TRUE(others.expired());
}

}  // namespace
}  // namespace tessera::server
