#include "fleet/cluster/parallelism.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

TEST(Parallelism, IsReadInEveryForm) {
  const struct {
    std::vector<std::string> words;
    Parallelism want;
  } kCases[] = {
      {{"vllm", "serve", "m", "--tensor-parallel-size", "4", "--pipeline-parallel-size=2"}, {4, 2, {}}},
      {{"vllm", "serve", "m", "-tp", "8", "-dp=2"}, {8, {}, 2}},
      {{"python3", "-m", "sglang.launch_server", "--tp", "2", "--dp-size", "3", "--pp_size=1"}, {2, 1, 3}},
      {{"sh", "-c", "exec vllm serve m --tensor_parallel_size=2 \\\n --max-model-len 4096"}, {2, {}, {}}},
      {{"vllm", "serve", "m"}, {}},
      {{"--tensor-parallel-size"}, {}},
      {{"--tensor-parallel-size", "$(TP)", "--dp", "0", "--pp", "-1"}, {}},
      {{"--tensor-parallel-sizes", "4", "tp", "2"}, {}},
  };
  for (const auto& c : kCases) EXPECT_EQ(parallelism_of(c.words), c.want) << c.words.front();
}

}  // namespace
}  // namespace tessera::fleet
