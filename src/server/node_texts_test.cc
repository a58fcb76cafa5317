#include "server/node_texts.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fleet/inventory/told_pages.h"
#include "server/api_rows.h"

namespace tessera::server {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;

std::string page_of(const std::string& node, unsigned percent) {
  return R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",modelName="Tesla T4",UUID="GPU-)" + node + "\"} " + std::to_string(percent);
}

struct NodeTextsTest : testing::Test {
  void tell(const std::string& node, unsigned percent) {
    time += 1'000;
    told.scrape(time, "node=\"" + node + '"', page_of(node, percent));
  }
  std::shared_ptr<const fleet::View> view() { return told.fleet.publish(time); }
  std::string row(const std::shared_ptr<const fleet::Node>& node) { return *texts.device(node, node->devices.front()); }

  EpochMs time = kStart;
  fleet::ToldPages told;
  NodeTexts texts;
};

TEST_F(NodeTextsTest, ARowIsWrittenOnceForEachStateOfItsNode) {
  tell("a", 10);
  tell("b", 20);
  const auto first = view();
  const auto &a = first->nodes[0], &b = first->nodes[1];
  EXPECT_EQ(row(a), json_text(device_json(*a, a->devices.front())));
  EXPECT_EQ(row(b), json_text(device_json(*b, b->devices.front())));
  EXPECT_EQ(texts.device(a, a->devices.front()).get(), texts.device(a, a->devices.front()).get())
      << "the same text, not another";

  tell("a", 90);
  const auto second = view();
  EXPECT_NE(row(second->nodes[0]), row(a)) << "what was is still told as it was to whoever has the old view";
  EXPECT_EQ(texts.device(second->nodes[1], b->devices.front()).get(), texts.device(b, b->devices.front()).get())
      << "a node that has not changed";
}

TEST_F(NodeTextsTest, StatesThatNobodyHoldsGo) {
  for (unsigned i = 0; i < 1'000; ++i) {
    tell("a", i % 100);
    row(view()->nodes.front());
  }
  EXPECT_LE(texts.states(), 65U);
}

}  // namespace
}  // namespace tessera::server
