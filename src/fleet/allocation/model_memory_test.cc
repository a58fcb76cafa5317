#include "fleet/allocation/model_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {
using testing::HasSubstr;

/// Weights in GiB and the bytes of keys and values of a token are the models' own figures.
TEST(ModelMemory, IsWeightsAndCacheAndTheEngine) {
  struct Row {
    const char* model;
    const char* dtype;
    std::uint64_t tokens, concurrency;
    unsigned devices;
    std::uint64_t mib;
  };
  const Row rows[] = {
      // (15,316 + 1,024 + 2,048) / 0.9
      {"meta-llama/Llama-3.1-8B-Instruct", "", 8'192, 1, 1, 20'431},
      {"llama-3.1-8b", "fp8", 8'192, 1, 1, 11'922},
      {"Qwen/Qwen2.5-7B-Instruct", "bfloat16", 32'768, 4, 1, 26'389},
      // (67,282 + 1,280 + 2,048) / 0.9 on each of two
      {"meta-llama/Llama-3.3-70B-Instruct", "bf16", 8'192, 1, 2, 78'456},
  };
  for (const Row& row : rows) {
    const auto of = memory_of_model(row.model, row.dtype, row.tokens, row.concurrency, row.devices);
    ASSERT_TRUE(of) << of.error().what;
    EXPECT_NEAR(static_cast<double>(of->mib), static_cast<double>(row.mib), 3) << row.model << ": " << of->assumed;
  }
  EXPECT_THAT(memory_of_model("qwen3-8b", "", 0, 1)->assumed, HasSubstr("8192 tokens"));
}

TEST(ModelMemory, SaysWhichThereAre) {
  EXPECT_THAT(memory_of_model("gpt-9", "", 0, 1).error().what, HasSubstr("qwen3-8b"));
  EXPECT_THAT(memory_of_model("qwen3-8b", "fp3", 0, 1).error().what, HasSubstr("int4"));
}

}  // namespace
}  // namespace tessera::fleet
