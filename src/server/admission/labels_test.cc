#include "server/admission/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using fleet::decision::MigUse;
using fleet::decision::WorkloadType;
using testing::ElementsAre;
using testing::HasSubstr;

const Asking kAsking{.cluster = "default", .space = "ml", .pod = "p"};

TEST(PodLabels, AreTheMembersOfAWish) {
  const auto wish =
      wish_of_labels({{"app", "x"},
                      {"tessera.dev/gpu-memory", "20G"},
                      {"tessera.dev/gpu-model", "H100_80GB"},
                      {"tessera.dev/gpu-mig", "true"},
                      {"tessera.dev/gpu-max-price", "2.50"},
                      {"tessera.dev/workload-type", "Training"}},
                     {.cluster = "c", .space = "ml", .pod = "p", .priority = 2'000'001'000, .team = "ü x"});
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_EQ(wish->cluster, "c");
  EXPECT_EQ(wish->need.memory_mib, 19'074U);
  EXPECT_THAT(wish->need.models, ElementsAre("H100_80GB"));
  EXPECT_EQ(wish->need.mig, MigUse::Required);
  EXPECT_EQ(wish->need.type, WorkloadType::Training);
  EXPECT_EQ(wish->need.most_price_micros, 2'500'000);
  EXPECT_EQ(wish->need.priority, 2'000'000'000) << "the highest that there is";
  EXPECT_EQ(wish->team, "ü x");
  EXPECT_TRUE(wish->waits);
  EXPECT_TRUE(parse_allocation_wish(wish->asked)) << "the queue reads it again";
}

TEST(PodLabels, APriorityBelowAllIsTheLowest) {
  const auto wish = wish_of_labels({{"tessera.dev/gpu-memory", "20G"}},
                                   {.cluster = "c", .space = "ml", .pod = "p", .priority = -2'147'483'648});
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_EQ(wish->need.priority, -1'000'000'000);
}

TEST(PodLabels, AModelThatIsServedIsSized) {
  const auto wish = wish_of_labels({{"tessera.dev/serving-model", "Llama-3.1-8B-Instruct"},
                                    {"tessera.dev/serving-dtype", "fp8"},
                                    {"tessera.dev/serving-max-model-len", "4096"},
                                    {"tessera.dev/serving-concurrency", "4"}},
                                   kAsking);
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_GT(wish->need.memory_mib, 8'000U);
}

TEST(PodLabels, SlicesAreAnInstances) {
  EXPECT_EQ(wish_of_labels({{"tessera.dev/gpu-compute-slices", "2"}}, kAsking)->need.mig, MigUse::Required);
  EXPECT_EQ(wish_of_labels({{"tessera.dev/gpu-memory", "2G"}}, kAsking)->need.mig, MigUse::Allowed);
}

TEST(PodLabels, TheResourceOfThePodBinds) {
  Asking asking = kAsking;
  asking.resource = "nvidia.com/mig-1g.10gb.me";
  const auto wish = wish_of_labels({{"tessera.dev/gpu-memory", "5G"}}, asking);
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_EQ(wish->need.profile, "1g.10gb+me");
}

TEST(PodLabels, AShareIsAPartOfADeviceByTheNameThatThePodHas) {
  Asking asking = kAsking;
  asking.resource = "nvidia.com/gpu.shared";
  const auto wish = wish_of_labels({{"tessera.dev/gpu-share", "0.25"}}, asking);
  ASSERT_TRUE(wish) << wish.error().what;
  EXPECT_EQ(wish->need.compute_milli, 250U);
  EXPECT_EQ(wish->need.resource, "nvidia.com/gpu.shared");
  EXPECT_EQ(wish->need.mig, MigUse::Never);
  EXPECT_FALSE(wish->need.whole());
}

TEST(PodLabels, SayWhichOfThemIsWrong) {
  const struct {
    fleet::LabelMap labels;
    const char* what;
  } kCases[] = {
      {{{"tessera.dev/gpu-memory", "20"}}, "label tessera.dev/gpu-memory: '20', but a number with its unit"},
      {{{"tessera.dev/gpu-memory", ""}}, "label tessera.dev/gpu-memory: ''"},
      {{{"tessera.dev/gpu-count", "two"}}, "label tessera.dev/gpu-count: 'two', but a whole number"},
      {{{"tessera.dev/gpu-count", "0"}}, "label tessera.dev/gpu-count: 0"},
      {{{"tessera.dev/gpu-share", "a-half"}}, "label tessera.dev/gpu-share: \"a-half\", but a part of a device"},
      {{{"tessera.dev/gpu-share", "1.5"}}, "label tessera.dev/gpu-share: \"1.5\""},
      {{{"tessera.dev/gpu-share", "0"}}, "label tessera.dev/gpu-share: \"0\""},
      {{{"tessera.dev/gpu-mig", "yes"}}, "label tessera.dev/gpu-mig: 'yes', but true or false"},
      {{{"tessera.dev/workload-type", "training"}}, "label tessera.dev/workload-type: \"training\""},
      {{{"tessera.dev/serving-model", "nobody-knows"}}, "label tessera.dev/serving-model: "},
      {{{"tessera.dev/gpu-model", "\xff"}}, "label tessera.dev/gpu-model: "},
      {{{"tessera.dev/gpu-count", "2"}, {"tessera.dev/gpu-mig", "true"}}, "NVLink"},
      {{{"tessera.dev/gpu-memory", "2G"}, {"tessera.dev/serving-model", "x"}}, "give one of them"}};
  for (const auto& c : kCases) {
    const auto wish = wish_of_labels(c.labels, kAsking);
    ASSERT_FALSE(wish) << c.what;
    EXPECT_THAT(wish.error().what, HasSubstr(c.what));
  }
}

TEST(PodLabels, SomeAskAndTheOthersSayMore) {
  for (const LabelRow& row : label_rows()) EXPECT_EQ(asks_by_label({{std::string(row.label), "x"}}), row.asks);
  EXPECT_FALSE(asks_by_label({{"app", "x"}, {"tessera.dev/node-group", "a"}}));
}

TEST(PodLabels, AStrangeOneIsNamedWithTheNearest) {
  EXPECT_THAT(*strange_label({{"tessera.dev/gpu-memroy", "2G"}}), HasSubstr("did you mean tessera.dev/gpu-memory?"));
  EXPECT_THAT(*strange_label({{"tessera.dev/serving-precision", "2"}}), HasSubstr("there is no such label"));
  EXPECT_FALSE(strange_label({{"tessera.dev/gpu-memory", "2G"},
                              {"tessera.dev/gpu-container", "main"},
                              {"tessera.dev/node-group", "a"},
                              {"app", "gpu-x"}}));
}

TEST(PodLabels, TextIsClippedBetweenItsCharacters) {
  EXPECT_EQ(clipped("abc", 3), "abc");
  EXPECT_EQ(clipped("aüc", 2), "a");
  EXPECT_EQ(clipped("aüc", 3), "aü");
  EXPECT_EQ(clipped("a\xff", 9), "a\uFFFD");
  EXPECT_EQ(clipped("ü", 1), "");
}

}  // namespace
}  // namespace tessera::server
