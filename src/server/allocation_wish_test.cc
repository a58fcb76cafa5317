#include "server/allocation_wish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using fleet::decision::MigUse;
using fleet::decision::WorkloadType;
using testing::ElementsAre;
using testing::HasSubstr;

std::string with(const std::string& more) {
  return R"({"namespace":"ml","podName":"p-0")" + (more.empty() ? "" : "," + more) + "}";
}

TEST(AllocationWish, MemoryIsExact) {
  const std::pair<const char*, std::uint64_t> rows[] = {
      {R"("requiredMemoryGb":20)", 19'074},  // decimal: it fits 2g.20gb, which has 19,968 MiB
      {R"("requiredMemoryGb":0.5)", 477},    // rounded up
      {R"("requiredMemory":"20G")", 19'074},   {R"("requiredMemory":"20Gi")", 20'480},  // binary: it does not
      {R"("requiredMemory":"512Mi")", 512},    {R"("requiredMemory":"1.5Gi")", 1'536},
      {R"("requiredMemoryMib":19968)", 19'968}};
  for (const auto& [member, mib] : rows) {
    const auto wish = parse_allocation_wish(with(member));
    ASSERT_TRUE(wish) << member << ": " << wish.error().what;
    EXPECT_EQ(wish->need.memory_mib, mib) << member;
  }
  EXPECT_FALSE(parse_allocation_wish(with(""))->need.memory_mib) << "a whole device";
}

TEST(AllocationWish, ReadsAllOfIt) {
  const auto wish = parse_allocation_wish(
      with(R"("cluster":"c","workloadType":"Training","useMig":false,"requiredMemoryGb":40,"devices":2,"sameNode":false,
              "models":["H100_80GB"],"nodeName":"w-1","team":"vision","priority":-5,"maxPricePerHour":"2.50",
              "leaseSeconds":60,"wait":true,"mayMove":true,"dryRun":true)"));
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_EQ(wish->cluster, "c");
  EXPECT_EQ(wish->need.type, WorkloadType::Training);
  EXPECT_EQ(wish->need.mig, MigUse::Never);
  EXPECT_EQ(wish->need.devices, 2U);
  EXPECT_FALSE(wish->need.same_node);
  EXPECT_TRUE(parse_allocation_wish(with(R"("devices":2)"))->need.same_node);
  EXPECT_THAT(wish->need.models, ElementsAre("H100_80GB"));
  EXPECT_EQ(wish->need.owner, "ml/p-0");
  EXPECT_EQ(wish->need.priority, -5);
  EXPECT_EQ(wish->need.most_price_micros, 2'500'000);
  EXPECT_EQ(wish->node, "w-1");
  EXPECT_EQ(wish->team, "vision");
  EXPECT_EQ(wish->lease, Milliseconds(60'000));
  EXPECT_TRUE(wish->waits && wish->may_move && wish->dry_run);
  const auto again = parse_allocation_wish(wish->asked);
  ASSERT_TRUE(again) << "what is kept is read again";
  EXPECT_EQ(again->asked, wish->asked);
  EXPECT_EQ(again->need, wish->need);
  EXPECT_FALSE(again->dry_run);
}

TEST(AllocationWish, AResourceIsThatAndNothingElse) {
  const auto instance = parse_allocation_wish(with(R"("resource":"nvidia.com/mig-1g.10gb.me")"));
  ASSERT_TRUE(instance) << instance.error().what;
  EXPECT_EQ(instance->need.profile, "1g.10gb+me");
  EXPECT_EQ(instance->need.mig, MigUse::Required);
  EXPECT_FALSE(instance->need.whole());
  const auto device = parse_allocation_wish(with(R"("resource":"nvidia.com/gpu","devices":2)"));
  ASSERT_TRUE(device) << device.error().what;
  EXPECT_EQ(device->need.profile, "");
  EXPECT_EQ(device->need.mig, MigUse::Never);
  EXPECT_TRUE(device->need.whole());
}

TEST(AllocationWish, APolicyIsOneThatThereIs) {
  EXPECT_EQ(parse_allocation_wish(with(""))->policy, "") << "the server's";
  const auto wish = parse_allocation_wish(with(R"("policy":"spread")"));
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_EQ(wish->policy, "spread");
  EXPECT_THAT(wish->asked, HasSubstr("spread")) << "who waits is served by it too";
  const auto refused = parse_allocation_wish(with(R"("policy":"fdg")"));
  EXPECT_THAT(refused.error().what,
              HasSubstr("policy: \"fdg\", but one of firstfit, packing, bestfit, fragmentation, fgd, cost, spread, "
                        "default is expected"));
}

TEST(AllocationWish, AModelIsSized) {
  const auto wish = parse_allocation_wish(with(R"("model":"meta-llama/Llama-3.1-8B-Instruct","maxModelLen":8192)"));
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_GT(wish->need.memory_mib, 19'000U);
  EXPECT_THAT(wish->assumed, HasSubstr("8.03 billion parameters of 2 bytes"));
  // A latent is on each device whole, and its weights are published in one byte.
  const auto spread = parse_allocation_wish(with(R"("model":"deepseek-ai/DeepSeek-V3","devices":16)"));
  ASSERT_TRUE(spread) << spread.error().what;
  EXPECT_EQ(spread->need.mig, MigUse::Never) << "no tensor parallelism over instances";
  EXPECT_LT(spread->need.memory_mib, 60'000U);
  EXPECT_GT(spread->need.memory_mib, 40'000U);
}

TEST(AllocationWish, MoreTokensThanAModelIsPublishedWithAreSaidToBe) {
  const auto stretched = parse_allocation_wish(with(R"("model":"Qwen3-8B","maxModelLen":1000000)"));
  ASSERT_TRUE(stretched) << "an engine may be told to";
  EXPECT_THAT(stretched->assumed, HasSubstr("1,000,000 tokens are more than the 40,960 that Qwen3-8B"));
  const auto plain = parse_allocation_wish(with(R"("model":"Qwen3-8B","maxModelLen":40960)"));
  EXPECT_THAT(plain->assumed, testing::Not(HasSubstr("are more than")));
}

TEST(AllocationWish, WhatAnEarlierVersionTookIsReadStill) {
  const auto kept = read_kept_wish(with(R"("concurrency":4,"requiredMemoryMib":100)"));
  ASSERT_TRUE(kept) << kept.error().what;
  EXPECT_EQ(kept->need.memory_mib, 100U);
  EXPECT_TRUE(ask_the_same(with(R"("concurrency":4,"requiredMemoryMib":100)"), with(R"("requiredMemoryMib":100)"), ""));
  const std::string unread = with(R"("ofALaterVersion":1)");
  EXPECT_TRUE(ask_the_same(unread, unread, ""));
  EXPECT_FALSE(ask_the_same(unread, with(""), ""));
  EXPECT_TRUE(ask_the_same(with(R"("models":["A","B"])"), with(R"("models":["B","A","B"])"), ""));
}

TEST(AllocationWish, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> rows[] = {
      {"[]", "no JSON object"},
      {R"({"podName":"p"})", "namespace: it is missing"},
      {R"({"namespace":"ml"})", "podName: it is missing"},
      {R"({"namespace":"ml","podName":"a/b"})", "podName"},
      {with(R"("requiredMemoryGB":20)"), "requiredMemoryGB: there is no such member"},
      {with(R"("requiredMemoryGb":"20")"), "a number of GB"},
      {with(R"("requiredMemoryGb":-1)"), "more than nothing"},
      {with(R"("requiredMemoryGb":1e300)"), "at most"},
      {with(R"("requiredMemory":"20")"), "a number with its unit"},
      {with(R"("requiredMemory":"nanGi")"), "a number with its unit"},
      {with(R"("requiredMemoryGb":20,"requiredMemoryMib":20)"), "give one of them"},
      {with(R"("workloadType":"inference")"), "Training, Inference, Batch or Interactive"},
      {with(R"("useMig":"yes")"), "true or false"},
      {with(R"("devices":0)"), "a whole number from 1"},
      {with(R"("devices":2,"useMig":true)"), "NVLink"},
      {with(R"("model":"qwen3-8b","devices":2,"useMig":true)"), "tensor parallelism"},
      {with(R"("model":"nobody/knows")"), "is not known here"},
      {with(R"("model":"qwen3-8b","dtype":"float7")"), "dtype 'float7'"},
      {with(R"("maxModelLen":100)"), "belong to a model"},
      {with(R"("concurrency":4)"), "belong to a model"},
      {with(R"("resource":"amd.com/gpu")"), "nvidia.com/gpu, nvidia.com/gpu.shared or one such as"},
      {with(R"("resource":7)"), "nvidia.com/gpu, nvidia.com/gpu.shared or one such as"},
      {with(R"("resource":"nvidia.com/gpu","useMig":true)"), "against useMig"},
      {with(R"("resource":"nvidia.com/mig-2g.20gb","useMig":false)"), "against useMig"},
      {with(R"("resource":"nvidia.com/mig-2g.20gb","devices":2)"), "NVLink"},
      {with(R"("leaseSeconds":0)"), "leaseSeconds"},
      {with(R"("maxPricePerHour":"free")"), "an amount of money"}};
  for (const auto& [body, what] : rows) {
    const auto wish = parse_allocation_wish(body);
    ASSERT_FALSE(wish) << body;
    EXPECT_THAT(wish.error().what, HasSubstr(what)) << body;
  }
}

}  // namespace
}  // namespace tessera::server
