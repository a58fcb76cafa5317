#include "fleet/advice/served_need.h"

#include <gtest/gtest.h>

namespace tessera::fleet::advice {
namespace {

std::optional<ServedNeed> need(const std::string& arguments, const std::string& model = "Qwen/Qwen2.5-7B-Instruct",
                               Engine engine = Engine::Vllm) {
  const std::string words[] = {arguments};
  return served_need(model, engine, engine_arguments_of(words));
}

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(std::uint64_t{1} << 30U); }

TEST(ServedNeed, IsByTheCommandLine) {
  const auto plain = need("vllm serve m --max-model-len 32k");
  ASSERT_TRUE(plain);
  EXPECT_NEAR(gib(plain->fixed_bytes), 14.2 + 2, 0.1);
  EXPECT_EQ(plain->bytes_per_token, 57'344U);
  EXPECT_EQ(plain->context_tokens, 32'000U);
  EXPECT_EQ(plain->utilization, 0.9);
  EXPECT_EQ(need("vllm serve m --gpu-memory-utilization 0.7")->utilization, 0.7);
  EXPECT_EQ(need("vllm serve m --kv-cache-dtype fp8")->bytes_per_token, 57'344U / 2);
  EXPECT_NEAR(gib(need("vllm serve m --quantization awq_marlin")->fixed_bytes), 4.0 + 2, 0.1);
  EXPECT_NEAR(gib(need("vllm serve m -q fp8")->fixed_bytes), 14.2 + 2, 0.1) << "it may be loaded as it is published";
  EXPECT_NEAR(gib(need("vllm serve m -q fp8", "x/Qwen2.5-7B-FP8")->fixed_bytes), 7.1 + 2, 0.1);
}

TEST(ServedNeed, HasTheModelsOwnLengthWhereNoneIsSaid) {
  EXPECT_EQ(need("vllm serve m", "meta-llama/Llama-3.1-8B-Instruct")->context_tokens, 131'072U);
  EXPECT_EQ(need("--model m", "Qwen/Qwen3-8B")->context_tokens, 40'960U);
}

TEST(ServedNeed, IsAbsentWhereAnythingOfItIsNotKnown) {
  for (const char* const arguments :
       {"", "sleep infinity", "vllm serve m --config /etc/vllm.yaml", "vllm serve m --max-model-len $(LENGTH)",
        "vllm serve m --quantization gptq", "vllm serve m --dtype float32", "vllm serve m --kv-cache-dtype int4"})
    EXPECT_FALSE(need(arguments)) << arguments;
  EXPECT_FALSE(need("vllm serve m", "my-own/model"));
  EXPECT_FALSE(need("--model-path m", "Qwen/Qwen3-8B", Engine::Sglang)) << "it chooses its share by the GPU";
  EXPECT_TRUE(need("--model-path m --mem-fraction-static 0.8", "Qwen/Qwen3-8B", Engine::Sglang));
}

}  // namespace
}  // namespace tessera::fleet::advice
