#include "fleet/inventory/meaning.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera::fleet {
namespace {
using gpu::Reading;

TEST(MeaningOf, TurnsIntoTheUnitOfTheReading) {
  EXPECT_EQ(factor_of(Scale::One), 1);
  EXPECT_EQ(factor_of(Scale::Hundred), 100);
  EXPECT_EQ(factor_of(Scale::Thousand), 1000);
  EXPECT_EQ(factor_of(Scale::Mebi), 1048576);
  EXPECT_EQ(factor_of(Scale::Millionth), 1e-6);
}

TEST(MeaningOf, KnowsBothSpellingsAndTheirUnits) {
  const Meaning temperature{Says::Reading, Reading::TemperatureCelsius, Scale::One};
  EXPECT_EQ(meaning_of("DCGM_FI_DEV_GPU_TEMP"), temperature);
  EXPECT_EQ(meaning_of("DCGM_FI_DEV_GPU_TEMP_CELSIUS"), temperature);
  EXPECT_EQ(meaning_of("DCGM_FI_DEV_GPU_UTIL_RATIO"), (Meaning{Says::Reading, Reading::GpuUtilPercent, Scale::One}))
      << "a percentage in spite of its name";
  EXPECT_EQ(meaning_of("DCGM_FI_DEV_FB_USED"), (Meaning{Says::Reading, Reading::MemoryUsedBytes, Scale::Mebi}));
  EXPECT_EQ(meaning_of("DCGM_FI_DEV_FAN_SPEED_RATIO"), (Meaning{Says::Reading, Reading::FanPercent, Scale::Hundred}));
  EXPECT_EQ(meaning_of("DCGM_FI_PROF_TENSOR_ACTIVE").reading, Reading::TensorActiveRatio);
  for (const auto* other : {"", "up", "DCGM_FI_DEV_GPU_UTI", "DCGM_FI_DEV_GPU_UTILX", "gpu_session_count"})
    EXPECT_EQ(meaning_of(other), Meaning{}) << other;
}

TEST(IdentityOf, PrefersWhoKnowsBest) {
  struct Case {
    std::vector<metrics::Label> labels;
    std::string_view node, uuid;
    std::optional<unsigned> index;
    Part part;
  };
  const Case kCases[] = {
      {{{"node", "n"}, {"Hostname", "h"}, {"instance", "i:1"}}, "n", "", {}, {}},
      {{{"Hostname", "h"}, {"instance", "i:1"}}, "h", "", {}, {}},
      {{{"hostname", "h"}}, "h", "", {}, {}},
      {{{"instance", "10.0.0.1:9400"}}, "10.0.0.1", "", {}, {}},
      {{{"instance", "[::1]:9400"}}, "::1", "", {}, {}},
      {{{"UUID", "GPU-1"}, {"gpu", "3"}}, "", "GPU-1", 3, {}},
      {{{"gpu", "1_2_0"}}, "", "", 1, {2, 0}},
      {{{"gpu", "1"}, {"GPU_I_ID", "7"}}, "", "", 1, {7, {}}},
      {{{"gpu", "1_2"}}, "", "", 1, {}},
      {{{"gpu", "x"}, {"GPU_I_ID", "-1"}}, "", "", {}, {}},
      {{{"exported_gpu", "5"}, {"gpu", "target's"}}, "", "", 5, {}},
  };
  for (const Case& c : kCases) {
    const Identity identity = identity_of(c.labels);
    EXPECT_EQ(identity.node, c.node);
    EXPECT_EQ(identity.uuid, c.uuid);
    EXPECT_EQ(identity.index, c.index);
    EXPECT_EQ(identity.part, c.part);
    EXPECT_EQ(identity.cluster, "default");
  }
}

}  // namespace
}  // namespace tessera::fleet
