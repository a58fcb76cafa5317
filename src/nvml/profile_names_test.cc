#include "nvml/profile_names.h"

#include <gtest/gtest.h>

#include "nvml/abi.h"

namespace tessera::nvml {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

TEST(ProfileName, FollowsTheRuleOfEighths) {
  struct Case {
    unsigned slices;
    double instance_gib;
    std::uint64_t device_mib;
    std::string_view want;
  };
  static constexpr Case kCases[] = {
      {1, 4.75, 40960, "1g.5gb"},    {2, 9.62, 40960, "2g.10gb"},    {3, 19.5, 40960, "3g.20gb"},
      {7, 39.25, 40960, "7g.40gb"},  {1, 9.75, 81559, "1g.10gb"},    {1, 19.62, 81559, "1g.20gb"},
      {3, 39.5, 81559, "3g.40gb"},   {7, 79.25, 81559, "7g.80gb"},   {1, 10.75, 95830, "1g.12gb"},
      {3, 46.38, 95830, "3g.47gb"},  {1, 16.0, 143771, "1g.18gb"},   {2, 32.25, 143771, "2g.35gb"},
      {3, 69.5, 143771, "3g.71gb"},  {1, 22.0, 183359, "1g.23gb"},   {1, 20.5, 183359, "1g.23gb"},
      {2, 44.25, 183359, "2g.45gb"}, {1, 5.7, 24576, "1g.6gb"},      {2, 11.4, 24576, "2g.12gb"},
      {1, 23.62, 97887, "1g.24gb"},  {2, 47.38, 97887, "2g.48gb"},   {4, 95.0, 97887, "4g.96gb"},
      {1, 33.0, 275040, "1g.34gb"},  {3, 134.0, 275040, "3g.135gb"},
  };
  for (const Case& c : kCases) {
    const auto mib = static_cast<std::uint64_t>(c.instance_gib * 1024);
    EXPECT_EQ(profile_name(c.slices, mib, c.device_mib * kMib), c.want);
  }
}

TEST(ProfileName, SaysNoMemoryThatItDoesNotKnow) { EXPECT_EQ(profile_name(2, 9856, 0, "+me"), "2g+me"); }

TEST(ProfileSuffix, FollowsTheDriversIndex) {
  EXPECT_EQ(profile_suffix(abi::kGi1Slice), "");
  EXPECT_EQ(profile_suffix(abi::kGi1SliceMedia), "+me");
  EXPECT_EQ(profile_suffix(abi::kGi1SliceDoubleMemory), "");
  EXPECT_EQ(profile_suffix(abi::kGi4SliceGraphics), "+gfx");
  EXPECT_EQ(profile_suffix(abi::kGi2SliceNoMedia), "-me");
  EXPECT_EQ(profile_suffix(abi::kGi1SliceAllMedia), "+me.all");
  EXPECT_EQ(profile_suffix(0x1f), "");
}

TEST(InstanceProfile, NamesThePartOnlyWhereItIsOne) {
  EXPECT_EQ(instance_profile("3g.40gb", 3, 3), "3g.40gb");
  EXPECT_EQ(instance_profile("3g.40gb", 1, 3), "1c.3g.40gb");
  EXPECT_EQ(without_compute_part("1c.3g.40gb"), "3g.40gb");
  EXPECT_EQ(without_compute_part("3g.40gb"), "3g.40gb");
  EXPECT_EQ(without_compute_part(""), "");
}

TEST(ProfileIn, FindsTheProfileInTheDriversTexts) {
  struct Case {
    std::string_view text;
    std::optional<std::string> want;
  };
  const Case kCases[] = {
      {"NVIDIA H100 80GB HBM3 MIG 1g.10gb", "1g.10gb"},
      {"NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb", "1c.3g.40gb"},
      {"MIG 1g.10gb+me", "1g.10gb+me"},
      {"MIG 1g.24gb+me.all", "1g.24gb+me.all"},
      {"1g.24gb-me", "1g.24gb-me"},
      {"7g.80gb", "7g.80gb"},
      {"NVIDIA H100 80GB HBM3", std::nullopt},
      {"MIG ", std::nullopt},
      {"", std::nullopt},
      {"12", std::nullopt},
      {"1g", std::nullopt},
      {"10gb", std::nullopt},
  };
  for (const Case& c : kCases) EXPECT_EQ(profile_in(c.text), c.want) << c.text;
}

}  // namespace
}  // namespace tessera::nvml
