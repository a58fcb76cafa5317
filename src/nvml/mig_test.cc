#include "nvml/mig.h"

#include <gtest/gtest.h>

#include "nvml/abi.h"

namespace tessera::nvml {
namespace {

TEST(ProfileByRule, NamesWhatTheDriverDoesNot) {
  EXPECT_EQ(profile_by_rule(1, 9984, 81559), "1g.10gb");
  EXPECT_EQ(profile_by_rule(1, 20096, 81559), "1g.20gb");
  EXPECT_EQ(profile_by_rule(1, 9984, 81559, "+me"), "1g.10gb+me");
  EXPECT_EQ(profile_by_rule(1, 16384, 143771), "1g.18gb");
  EXPECT_EQ(profile_by_rule(1, 9984, 0), "1g.10gb") << "its own size where the device's is not known";
}

TEST(ProfileAttribute, FollowsTheDriversIndex) {
  EXPECT_EQ(profile_attribute(abi::kGi1Slice), "");
  EXPECT_EQ(profile_attribute(abi::kGi1SliceMedia), "+me");
  EXPECT_EQ(profile_attribute(abi::kGi1SliceDoubleMemory), "");
  EXPECT_EQ(profile_attribute(abi::kGi4SliceGraphics), "+gfx");
  EXPECT_EQ(profile_attribute(abi::kGi2SliceNoMedia), "-me");
  EXPECT_EQ(profile_attribute(abi::kGi1SliceAllMedia), "+me.all");
  EXPECT_EQ(profile_attribute(0x1f), "");
}

}  // namespace
}  // namespace tessera::nvml
