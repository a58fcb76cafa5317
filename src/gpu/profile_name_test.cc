#include "gpu/profile_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::gpu {
namespace {

TEST(ProfileName, ReadsAndWritesEveryForm) {
  static const struct {
    std::string_view text;
    ProfileName want;
    std::string_view resource;
  } kCases[] = {
      {"1g.10gb", {1, 1, 10, ""}, "nvidia.com/mig-1g.10gb"},
      {"7g.141gb", {7, 7, 141, ""}, "nvidia.com/mig-7g.141gb"},
      {"1c.3g.40gb", {1, 3, 40, ""}, "nvidia.com/mig-1c.3g.40gb"},
      {"1g.10gb+me", {1, 1, 10, "+me"}, "nvidia.com/mig-1g.10gb.me"},
      {"1g.24gb+me.all", {1, 1, 24, "+me.all"}, "nvidia.com/mig-1g.24gb.me.all"},
      {"4g.96gb+gfx", {4, 4, 96, "+gfx"}, "nvidia.com/mig-4g.96gb.gfx"},
      {"2g.48gb-me", {2, 2, 48, "-me"}, "nvidia.com/mig-2g.48gb-me"},
  };
  for (const auto& c : kCases) {
    const auto parsed = parse_profile_name(c.text);
    ASSERT_TRUE(parsed) << parsed.error().what;
    EXPECT_EQ(*parsed, c.want) << c.text;
    EXPECT_EQ(format_profile_name(c.want), c.text);
    EXPECT_EQ(format_resource_name(c.want), c.resource);
    const auto from_resource = parse_resource_name(c.resource);
    ASSERT_TRUE(from_resource) << from_resource.error().what;
    EXPECT_EQ(*from_resource, c.want) << c.resource;
  }
  EXPECT_EQ(format_profile_name(*parse_profile_name("3c.3g.40gb")), "3g.40gb");
}

TEST(ProfileName, IsFoundInTheDriversTexts) {
  static const struct {
    std::string_view text;
    std::optional<ProfileName> want;
  } kCases[] = {
      {"NVIDIA H100 80GB HBM3 MIG 1g.10gb", ProfileName{1, 1, 10, ""}},
      {"NVIDIA A100-SXM4-80GB MIG 1c.3g.40gb", ProfileName{1, 3, 40, ""}},
      {"MIG 1g.10gb+me", ProfileName{1, 1, 10, "+me"}},
      {"MIG 1g.24gb+me.all", ProfileName{1, 1, 24, "+me.all"}},
      {"1g.24gb-me", ProfileName{1, 1, 24, "-me"}},
      {"7g.80gb", ProfileName{7, 7, 80, ""}},
      {"NVIDIA H100 80GB HBM3", std::nullopt},
      {"MIG ", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& c : kCases) EXPECT_EQ(find_profile_name(c.text), c.want) << c.text;
}

TEST(ProfileName, SaysWhereItStopped) {
  static constexpr struct {
    std::string_view text;
    std::string_view want;
  } kCases[] = {
      {"", "compute slices expected at ''"},
      {"10gb", "compute slices expected at '10gb'"},
      {"g.10gb", "compute slices expected at 'g.10gb'"},
      {"0g.10gb", "compute slices expected at '0g.10gb'"},
      {"01g.10gb", "compute slices expected at '01g.10gb'"},
      {"-1g.10gb", "compute slices expected at '-1g.10gb'"},
      {"1c.10gb", "compute slices expected at '10gb'"},
      {"4294967296g.10gb", "compute slices expected"},
      {"1g.gb", "memory expected at 'gb'"},
      {"1g.10GB", "memory expected at '10GB'"},
      {"1g.10", "memory expected at '10'"},
      {"1g.10gb.me", "+ or - and a word expected at '.me'"},
      {"1g.10gb+", "+ or - and a word expected at '+'"},
      {"1g.10gb+me-gfx", "+ or - and a word expected at '+me-gfx'"},
      {"1g.10gb+me..all", "+ or - and a word expected"},
      {"1g.10gb+me.", "+ or - and a word expected"},
      {"1g.10gb ", "+ or - and a word expected at ' '"},
      {"4c.3g.40gb", "a compute instance of 4 slices does not fit into 3"},
  };
  for (const auto& c : kCases) {
    const auto parsed = parse_profile_name(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_THAT(parsed.error().what, testing::HasSubstr(c.want));
  }
  EXPECT_EQ(parse_resource_name("nvidia.com/gpu").error().code, Code::NotFound);
  EXPECT_EQ(parse_resource_name("nvidia.com/mig-all").error().code, Code::Invalid);
}

TEST(ProfileGigabytes, FollowsNvidiasRule) {
  constexpr std::uint64_t kGib = 1024;
  static constexpr struct {
    std::uint64_t device_gib;
    unsigned names[4];  // of an eighth, a quarter, a half and the whole
  } kShares[] = {{180, {23, 45, 90, 180}}, {186, {23, 47, 93, 186}},  {141, {18, 35, 71, 141}},
                 {94, {12, 24, 47, 94}},   {269, {34, 67, 135, 269}}, {80, {10, 20, 40, 80}}};
  for (const auto& c : kShares)
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(profile_gigabytes((c.device_gib * kGib) >> (3 - i), c.device_gib * kGib), c.names[i])
          << c.device_gib << " " << i;
  // Memory as boards report it: instances are somewhat smaller than their share, devices than what is sold.
  static constexpr struct {
    std::uint64_t instance_mib;
    std::uint64_t device_mib;
    unsigned want;
  } kBoards[] = {{4864, 40960, 5},    {9856, 40960, 10},   {19968, 40960, 20},  {40192, 40960, 40},
                 {9856, 81920, 10},   {19968, 81920, 20},  {40192, 81920, 40},  {80384, 81920, 80},
                 {16384, 143771, 18}, {33024, 143771, 35}, {71168, 143771, 71}, {5836, 24576, 6},
                 {11672, 24576, 12},  {23344, 24576, 24},  {24187, 97887, 24},  {48517, 97887, 48}};
  for (const auto& c : kBoards) EXPECT_EQ(profile_gigabytes(c.instance_mib, c.device_mib), c.want) << c.instance_mib;
}

}  // namespace
}  // namespace tessera::gpu
