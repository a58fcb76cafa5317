#include "fleet/decision/model_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::fleet::decision {
namespace {
using testing::Contains;
using testing::HasSubstr;

ModelSize size(std::string_view model, const Serving& serving) {
  const ModelShape* shape = find_model_shape(model);
  if (!shape) return {};
  const auto out = size_of_model(*shape, serving);
  return out ? *out : ModelSize{};
}

TEST(ModelSize, WeightsAndTokensAreAsPublished) {
  static const struct {
    std::string_view model, dtype;
    double weights_gib;
    std::uint64_t kv_bytes;
  } kCases[] = {{"meta-llama/Llama-3.1-8B-Instruct", "bfloat16", 15.0, 131'072},
                {"meta-llama/Llama-3.1-70B", "fp8", 65.7, 327'680},
                {"Qwen/Qwen2.5-7B-Instruct", "auto", 14.2, 57'344},
                {"Qwen/Qwen3-8B", "int4", 4.3, 147'456},
                {"mistralai/Mixtral-8x7B-v0.1", "bf16", 87.0, 131'072},
                {"deepseek-ai/DeepSeek-R1", "auto", 625, 70'272},
                {"openai/gpt-oss-20b", "auto", 12.8, 49'152},
                {"openai/gpt-oss-120b", "auto", 60.8, 73'728}};
  for (const auto& c : kCases) {
    const ModelSize of = size(c.model, {.dtype = std::string(c.dtype), .max_model_len = 1});
    EXPECT_NEAR(of.weights_gib, c.weights_gib, 0.01 * c.weights_gib) << c.model;
    EXPECT_EQ(of.kv_bytes_per_token, c.kv_bytes) << c.model;
  }
}

TEST(ModelSize, IsWhatTheTableOfFitsSays) {
  // Llama 3.1 8B in two bytes has 152 k tokens on 39.5 GiB, and does not fit on 16.
  const ModelSize fits = size("Llama-3.1-8B", {.max_model_len = 131'072});
  EXPECT_LE(fits.memory_mib, 39.5 * 1024);
  const ModelSize more = size("Llama-3.1-8B", {.max_model_len = 32'768, .concurrency = 5});
  EXPECT_GT(more.memory_mib, 39.5 * 1024);
  EXPECT_GT(size("Llama-3.1-8B", {.max_model_len = 2'048}).memory_mib, 16 * 1024);
}

TEST(ModelSize, SpreadsAModelOverDevicesButNotOverInstances) {
  // A public log of Qwen3-235B-A22B on four: 48,105 to 48,681 bytes a token on each.
  const ModelSize of = size("Qwen/Qwen3-235B-A22B", {.max_model_len = 32'768, .tensor_parallel = 4});
  EXPECT_EQ(of.kv_bytes_per_token, 48'128U);
  EXPECT_EQ(of.devices, 4U);
  EXPECT_FALSE(of.may_be_mig);
  EXPECT_THAT(of.assumed, Contains(HasSubstr("NVLink")));
  EXPECT_EQ(size("DeepSeek-V3", {.max_model_len = 1, .tensor_parallel = 8}).kv_bytes_per_token, 70'272U)
      << "a latent is on every rank";
}

TEST(ModelSize, FindsAModelByItsName) {
  static constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B"},
      {"NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO", "Mixtral-8x7B"},
      {"qwen3-30b-a3b-fp8", "Qwen3-30B-A3B"},
      {"deepseek-ai/DeepSeek-R1-0528", "DeepSeek-R1"},
      {"deepseek-ai/DeepSeek-R1-Distill-Qwen3-8B", "Qwen3-8B"},
      {"deepseek-ai/DeepSeek-R1-Distill-Llama-8B", ""},  // of which there are several
      {"qwen3-8bit", ""},
      {"xqwen3-8b", ""},
      {"", ""}};
  for (const auto& [name, shape] : kCases) {
    const ModelShape* found = find_model_shape(name);
    EXPECT_EQ(found ? found->name : "", shape) << name;
  }
}

TEST(ModelSize, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(find_model_shape("somebody/else-7b"), nullptr);
  const ModelShape& shape = *find_model_shape("Qwen3-8B");
  EXPECT_THAT(size_of_model(shape, {.dtype = "fp3", .max_model_len = 1}).error().what, HasSubstr("'fp3'"));
  EXPECT_FALSE(size_of_model(shape, {}));
  EXPECT_FALSE(size_of_model(shape, {.max_model_len = 1, .utilization = 0}));
}

}  // namespace
}  // namespace tessera::fleet::decision
