#include "server/advice/benchmarked.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::server {
namespace {
using fleet::advice::Alternative;
using fleet::benchmarks::Record;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kNow = 1'800'000'000'000;
constexpr std::string_view kBoards[] = {"NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "NVIDIA L40S"};

struct BenchmarkedTest : testing::Test {
  BenchmarkedTest() {
    for (std::size_t i = 0; i < std::size(kBoards); ++i)
      told.scrape(kNow, fmt::format(R"(node="w-{}",cluster="prod",job="agent")", i),
                  fmt::format("gpu_device_info{{gpu=\"0\",UUID=\"GPU-{0}\",model=\"{1}\"}} 1\n"
                              "DCGM_FI_DEV_FB_TOTAL{{gpu=\"0\",UUID=\"GPU-{0}\"}} 40960\n",
                              i, kBoards[i]));
    known.view = told.fleet.publish(kNow);
    fleet::advice::Workload one;
    one.cluster = "prod";
    one.holds.resize(2);
    for (auto& hold : one.holds) hold.model = "H100_80GB";
    one.serves.emplace();
    one.serves->model = "meta-llama/Llama-3.1-8B-Instruct";
    facts.workloads.push_back(one);
  }

  void runs(const std::string& model, double value, int count = 3, const std::string& name = "llama-3.1-8b tokens",
            const std::string& version = "1", const std::string& unit = "tokens/s") {
    for (int i = 0; i < count; ++i)
      records.push_back({model, "", name, version, value, unit, fleet::benchmarks::Better::Higher, "lab",
                         kNow - 1'000 + ++times, std::nullopt});
  }
  const fleet::advice::Serves& look() {
    facts.workloads.front().serves->alternatives.clear();
    facts.workloads.front().serves->benchmarked.reset();
    add_alternatives(facts, known, rates, records, kNow);
    return *facts.workloads.front().serves;
  }

  fleet::ToldPages told;
  Published known;
  fleet::advice::Facts facts;
  fleet::RateBook rates = *fleet::RateBook::of(fleet::default_rates());
  std::vector<Record> records;
  int times = 0;
};

TEST_F(BenchmarkedTest, OtherModelsAreThoseThatRanWhatIsServed) {
  runs("H100_80GB", 3'000);
  runs("A100_80GB", 2'000);
  const auto& found = look();
  EXPECT_EQ(found.benchmarked, 3'000);
  ASSERT_THAT(found.alternatives, SizeIs(1));
  const Alternative& a100 = found.alternatives.front();
  EXPECT_EQ(a100.model, "A100_80GB");
  EXPECT_EQ(a100.product, "") << "no node has the label, and none is made up";
  EXPECT_EQ(a100.per_hour, 6 * fleet::kUnit);
  EXPECT_EQ(a100.tokens_per_second, 2'000);
  EXPECT_EQ(a100.memory_bytes, std::uint64_t{40} << 30U);
  EXPECT_EQ(a100.benchmark, "llama-3.1-8b tokens 1");
}

TEST_F(BenchmarkedTest, TheProductIsWhatTheNodeSays) {
  runs("H100_80GB", 3'000);
  runs("A100_80GB", 2'000);
  fleet::ClusterView cluster;
  cluster.watched = true;
  cluster.cluster = "prod";
  fleet::ClusterNode node;
  node.name = "w-1";
  node.labels = {{"nvidia.com/gpu.product", "A100-SHARED"}};
  cluster.nodes["w-1"] = std::make_shared<const fleet::ClusterNode>(node);
  known.cluster = std::make_shared<const fleet::ClusterView>(cluster);
  ASSERT_THAT(look().alternatives, SizeIs(1));
  EXPECT_EQ(look().alternatives.front().product, "A100-SHARED");
}

TEST_F(BenchmarkedTest, NothingIsSaidOfWhatWasNotMeasuredAlike) {
  runs("A100_80GB", 2'000);
  EXPECT_THAT(look().alternatives, IsEmpty()) << "its own model has no runs";
  runs("H100_80GB", 3'000, 2);
  EXPECT_THAT(look().alternatives, IsEmpty()) << "two runs are too few";
  runs("H100_80GB", 3'000, 1);
  EXPECT_THAT(look().alternatives, SizeIs(1));
  runs("L40S", 1'000);
  EXPECT_THAT(look().alternatives, SizeIs(1)) << "it has no rate";
  facts.workloads.front().cluster = "other";
  EXPECT_THAT(look().alternatives, IsEmpty()) << "its cluster has none";
  facts.workloads.front().cluster = "prod";
  facts.workloads.front().holds.front().profile = "1g.10gb";
  EXPECT_THAT(look().alternatives, IsEmpty()) << "a part is no device";
  facts.workloads.front().holds.front().profile = "";
  facts.workloads.front().serves->model = "Qwen2.5-7B";
  EXPECT_THAT(look().alternatives, IsEmpty()) << "something else is served";
  facts.workloads.front().serves.reset();
  add_alternatives(facts, known, rates, records, kNow);
  EXPECT_FALSE(facts.workloads.front().serves);
}

TEST_F(BenchmarkedTest, TheBenchmarkThatRanLastCounts) {
  runs("A100_80GB", 2'000);
  runs("H100_80GB", 3'000);
  runs("A100_80GB", 1'500, 3, "llama-3.1-8b tokens", "2");
  runs("H100_80GB", 3'500, 3, "llama-3.1-8b tokens", "2");
  runs("A100_80GB", 9'999, 3, "llama-3.1-8b requests", "1", "requests/s");
  runs("H100_80GB", 9'999, 3, "llama-3.1-8b requests", "1", "requests/s");
  ASSERT_THAT(look().alternatives, SizeIs(1));
  EXPECT_EQ(look().alternatives.front().tokens_per_second, 1'500);
  EXPECT_EQ(look().benchmarked, 3'500);
}

}  // namespace
}  // namespace tessera::server
