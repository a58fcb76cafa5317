// When XIDs came, as the agent's counts and dcgm-exporter's last code tell it.
#include "fleet/inventory/xids.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'800'000'000'000, kRound = 30'000;

struct Xids : testing::Test {
  /// The next scrape of a device, with this in it too.
  std::vector<XidsSeen> told(const std::string& lines) {
    pages.scrape(now += kRound, R"(node="a",job="x")", "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 40\n" + lines);
    return pages.fleet.take_xids();
  }
  std::vector<XidsSeen> counted(unsigned code, int count) {
    return told(fmt::format("gpu_xid_errors_total{{gpu=\"0\",UUID=\"GPU-1\",xid=\"{}\"}} {}\n", code, count));
  }
  std::vector<XidsSeen> last(int code) {
    return told(fmt::format("DCGM_FI_DEV_XID_ERRORS{{gpu=\"0\",UUID=\"GPU-1\"}} {}\n", code));
  }
  void expect(const std::vector<XidsSeen>& seen, unsigned code, std::uint64_t events) const {
    EXPECT_THAT(seen, ElementsAre(XidsSeen{"default", "GPU-1", code, now, events}));
  }
  ToldPages pages;
  EpochMs now = kStart;
};

TEST_F(Xids, OfBeforeItWasHeardOfHaveNoTime) {
  EXPECT_THAT(counted(79, 3), IsEmpty());
  EXPECT_THAT(counted(79, 3), IsEmpty());
  expect(counted(79, 5), 79, 2);
}

TEST_F(Xids, AnotherCodeHasComeSinceTheScrapeBefore) {
  told("");
  told("");
  expect(counted(13, 2), 13, 2);
}

TEST_F(Xids, WhatAnotherSourceHasToldBeforeSaysNothing) {
  for (int i = 0; i < 3; ++i)
    pages.scrape(now += kRound, R"(node="a",job="dcgm-exporter")",
                 "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"GPU-1\"} 9\n");
  EXPECT_THAT(counted(79, 3), IsEmpty()) << "the agent's first page";
  EXPECT_THAT(counted(79, 3), IsEmpty());
}

TEST_F(Xids, ASourceIsRememberedBesideManyThatHaveGone) {
  for (int pod = 0; pod < 20; ++pod) {
    pages.scrape(now, fmt::format(R"(node="a",job="dcgm",instance="10.0.0.{}:9400")", pod),
                 "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"GPU-1\"} 9\n");
    told("");
  }
  expect(counted(13, 2), 13, 2);
}

TEST_F(Xids, OfTheFirstTimesAPartMayHaveBeenToldBefore) {
  told("");  // after a restart: another part of this page had been taken before it
  EXPECT_THAT(counted(79, 3), IsEmpty());
}

TEST_F(Xids, AfterALongSilenceNobodyKnowsWhenTheyCame) {
  told("");
  told("");
  now += 10 * kRound;
  EXPECT_THAT(counted(13, 2), IsEmpty());
  expect(counted(13, 3), 13, 1);
}

TEST_F(Xids, AnAgentThatBeganAnewCountsFromNothing) {
  counted(79, 3);
  expect(counted(79, 1), 79, 1);
}

TEST_F(Xids, TheLastCodeTellsOfAnotherOne) {
  EXPECT_THAT(last(31), IsEmpty());
  EXPECT_THAT(last(31), IsEmpty());
  expect(last(48), 48, 1);
  EXPECT_THAT(last(0), IsEmpty()) << "the driver was loaded anew";
  expect(last(48), 48, 1);
}

TEST_F(Xids, WhereTheyAreCountedTheLastCodeSaysNothingMore) {
  const auto both = [&](int count, int code) {
    return told(
        fmt::format("gpu_xid_errors_total{{gpu=\"0\",UUID=\"GPU-1\",xid=\"79\"}} {}\n"
                    "DCGM_FI_DEV_XID_ERRORS{{gpu=\"0\",UUID=\"GPU-1\"}} {}\n",
                    count, code));
  };
  both(1, 31);
  expect(both(2, 79), 79, 1);
}

}  // namespace
}  // namespace tessera::fleet
