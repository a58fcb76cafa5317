#include "fleet/cluster/engine_arguments.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

EngineArguments over(std::optional<unsigned> tensor, std::optional<unsigned> pipeline, std::optional<unsigned> data) {
  EngineArguments out;
  out.tensor = tensor;
  out.pipeline = pipeline;
  out.data = data;
  return out;
}

TEST(EngineArguments, SayOverHowManyGpusInEveryForm) {
  const struct {
    std::vector<std::string> words;
    EngineArguments want;
    bool says_more = false;
  } kCases[] = {
      {{"vllm", "run", "m", "--tensor-parallel-size", "4", "--pipeline-parallel-size=2"}, over(4, 2, {})},
      {{"vllm", "run", "m", "-tp", "8", "-dp=2"}, over(8, {}, 2)},
      {{"python3", "-m", "sglang.launch_server", "--tp", "2", "--dp-size", "3", "--pp_size=1"}, over(2, 1, 3)},
      {{"sh", "-c", "exec vllm run m --tensor_parallel_size=2 \\\n --port 8000"}, over(2, {}, {})},
      {{"vllm", "run", "m"}, {}},
      {{"--tensor-parallel-size"}, {}, true},
      {{"--tensor-parallel-size", "$(TP)", "--dp", "0", "--pp", "-1"}, {}, true},
      {{"--tensor-parallel-sizes", "4", "tp", "2"}, {}},
  };
  for (const auto& c : kCases) {
    EngineArguments want = c.want;
    want.says_more = c.says_more;
    EXPECT_EQ(engine_arguments_of(c.words), want) << c.words.front();
  }
}

TEST(EngineArguments, SayHowLongARequestMayBe) {
  const struct {
    const char* text;
    std::optional<unsigned> want;
  } kCases[] = {
      {"--max-model-len 32768", 32'768}, {"--max_model_len=32K", 32'768}, {"--max-model-len=25.6k", 25'600},
      {"--context-length 8192", 8'192},  {"--max-model-len auto", {}},    {"--max-model-len $(LEN)", {}},
      {"--max-model-len -1", {}},        {"--max-model-len", {}},         {"--max-model-len 99999999999", {}}};
  for (const auto& c : kCases) {
    const std::string words[] = {c.text};
    const EngineArguments said = engine_arguments_of(words);
    EXPECT_EQ(said.context_tokens, c.want) << c.text;
    EXPECT_EQ(said.says_more, !c.want) << c.text;
  }
}

TEST(EngineArguments, SayOfWhatTheMemoryIs) {
  const std::string words[] = {
      "vllm",    "serve", "m", "--gpu-memory-utilization=0.8", "-q", "AWQ", "--dtype", "half", "--kv-cache-dtype",
      "fp8_e5m2"};
  const EngineArguments said = engine_arguments_of(words);
  EXPECT_EQ(said.memory_share, 0.8);
  EXPECT_EQ(said.quantization, "awq");
  EXPECT_EQ(said.dtype, "half");
  EXPECT_EQ(said.kv_cache_dtype, "fp8_e5m2");
  EXPECT_TRUE(said.names_model);
  EXPECT_FALSE(said.says_more);
  const std::string static_share[] = {"--model-path m --mem-fraction-static 0.75"};
  EXPECT_EQ(engine_arguments_of(static_share).memory_share, 0.75);
  EXPECT_TRUE(engine_arguments_of(static_share).names_model);
  const std::string other[] = {"sleep", "infinity"};
  EXPECT_FALSE(engine_arguments_of(other).names_model);
}

TEST(EngineArguments, SayThatThereIsMoreThanIsRead) {
  for (const std::string text :
       {"--config /etc/vllm.yaml", "--hf-overrides.rope_scaling.factor 4", "--speculative-config={}", "--enable-lora",
        "--kv-cache-memory-bytes 1G", "--gpu-memory-utilization 1.2", "--dtype $(DTYPE)"}) {
    const std::string words[] = {"vllm serve m", text};
    EXPECT_TRUE(engine_arguments_of(words).says_more) << text;
  }
}

}  // namespace
}  // namespace tessera::fleet
