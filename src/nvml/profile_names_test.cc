#include "nvml/profile_names.h"

#include <gtest/gtest.h>

#include "nvml/abi.h"

namespace tessera::nvml {
namespace {

TEST(GpuInstanceProfile, IsNamedByTheRule) {
  EXPECT_EQ(gpu_instance_profile(1, 9984, 81559), "1g.10gb");
  EXPECT_EQ(gpu_instance_profile(1, 20096, 81559), "1g.20gb");
  EXPECT_EQ(gpu_instance_profile(1, 9984, 81559, "+me"), "1g.10gb+me");
  EXPECT_EQ(gpu_instance_profile(1, 16384, 143771), "1g.18gb");
  EXPECT_EQ(gpu_instance_profile(1, 9984, std::nullopt), "1g.10gb") << "its own size where the device's is not known";
}

TEST(ProfileSuffix, FollowsTheDriversIndex) {
  EXPECT_EQ(profile_suffix(abi::kGi1Slice), "");
  EXPECT_EQ(profile_suffix(abi::kGi1SliceMedia), "+me");
  EXPECT_EQ(profile_suffix(abi::kGi1SliceDoubleMemory), "");
  EXPECT_EQ(profile_suffix(abi::kGi4SliceGraphics), "+gfx");
  EXPECT_EQ(profile_suffix(abi::kGi2SliceNoMedia), "-me");
  EXPECT_EQ(profile_suffix(abi::kGi1SliceAllMedia), "+me.all");
  EXPECT_EQ(profile_suffix(0x1f), "");
}

TEST(ComputeInstanceProfile, NamesThePartOnlyWhereItIsOne) {
  EXPECT_EQ(compute_instance_profile("3g.40gb", 3, 3), "3g.40gb");
  EXPECT_EQ(compute_instance_profile("3g.40gb", 1, 3), "1c.3g.40gb");
}

TEST(GpuInstanceProfileIn, FindsTheProfileInTheDriversTexts) {
  struct Case {
    std::string_view text;
    std::optional<std::string> want;
  };
  const Case kCases[] = {
      {"NVIDIA H100 80GB HBM3 MIG 1g.10gb", "1g.10gb"},
      {"NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb", "3g.40gb"},
      {"MIG 1g.10gb+me", "1g.10gb+me"},
      {"MIG 1g.24gb+me.all", "1g.24gb+me.all"},
      {"1g.24gb-me", "1g.24gb-me"},
      {"7g.80gb", "7g.80gb"},
      {"NVIDIA H100 80GB HBM3", std::nullopt},
      {"MIG ", std::nullopt},
      {"", std::nullopt},
  };
  for (const Case& c : kCases) EXPECT_EQ(gpu_instance_profile_in(c.text), c.want) << c.text;
}

}  // namespace
}  // namespace tessera::nvml
