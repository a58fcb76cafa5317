#include "gpu/models.h"

#include <gtest/gtest.h>

namespace tessera::gpu {
namespace {

TEST(ModelKey, KnowsEverySpelling) {
  static constexpr struct {
    std::string_view name;
    std::string_view want;
  } kCases[] = {
      {"NVIDIA H100 80GB HBM3", "H100_80GB"},
      {"NVIDIA H100 PCIe", "H100_80GB"},
      {"NVIDIA H100 80GB HBM3 MIG 1g.10gb", "H100_80GB"},
      {"NVIDIA-H100-80GB-HBM3", "H100_80GB"},
      {"NVIDIA H100 NVL", "H100_94GB"},
      {"NVIDIA A100-SXM4-80GB", "A100_80GB"},
      {"NVIDIA A100 80GB PCIe", "A100_80GB"},
      {"NVIDIA_A100_80GB_PCIe", "A100_80GB"},
      {"A100-SXM4-40GB", "A100_40GB"},
      {"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "A100_40GB"},
      {"NVIDIA A100-PCIE-40GB", "A100_40GB"},
      {"GeForce GTX 1080 Ti", "GTX1080TI"},
      {"NVIDIA GeForce GTX 1080 Ti", "GTX1080TI"},
      {"NVIDIA GeForce GTX 1080", "GTX1080"},
      {"NVIDIA TITAN Xp", "TITANXP"},
      {"Tesla V100-SXM2-16GB", "V100_16GB"},
      {"Tesla V100-PCIE-32GB", "V100_32GB"},
      {"Tesla T4", "T4"},
      {"NVIDIA T4", "T4"},
      {"NVIDIA GeForce RTX 4090", "RTX4090"},
      {"NVIDIA L40S", "L40S"},
      {"NVIDIA H200", "H200_141GB"},
      {"NVIDIA B200", "B200_180GB"},
      {"NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "RTXPRO6000"},
  };
  for (const auto& c : kCases) EXPECT_EQ(model_key(c.name), c.want) << c.name;
}

TEST(ModelKey, GuessesNothing) {
  for (const auto* name :
       {"", "NVIDIA", "NVIDIA H100", "NVIDIA A100", "GeForce RTX 4090 D", "NVIDIA L40S-2", "AMD Instinct MI300X"})
    EXPECT_FALSE(model_key(name)) << name;
}

}  // namespace
}  // namespace tessera::gpu
