#include "agent/by_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

class OnTwoDevices : public ::testing::Test {
 protected:
  OnTwoDevices() {
    seen_.snapshot.devices = {whole_device(0), mig_device(1)};
    whole_ = subject_of(seen_.snapshot.devices[0]);
    first_instance_ = subject_of(seen_.snapshot.devices[1], seen_.snapshot.devices[1].instances[0]);
    second_instance_ = subject_of(seen_.snapshot.devices[1], seen_.snapshot.devices[1].instances[1]);
  }
  static Allocation held(const Subject& subject) { return {subject, kTrain, "nvidia.com/gpu", false, 0, true}; }

  Observation seen_;
  Subject whole_, first_instance_, second_instance_;
};

TEST_F(OnTwoDevices, EachHasItsOwnInTheirOrderHoweverTheyAreMixed) {
  seen_.sessions = {session(first_instance_, 1, kTrain), session(whole_, 2, kTrain),
                    session(second_instance_, 3, kServe), session(whole_, 4, kServe)};
  seen_.allocations.list = {held(whole_), held(second_instance_), held(first_instance_)};
  auto& sessions = seen_.sessions;
  auto& list = seen_.allocations.list;

  const ByDevice devices(seen_);
  EXPECT_THAT(devices.at(whole_.uuid).sessions, ElementsAre(&sessions[1], &sessions[3]));
  EXPECT_THAT(devices.at(whole_.uuid).holders, ElementsAre(&list[0]));
  EXPECT_THAT(devices.at(first_instance_.uuid).sessions, ElementsAre(&sessions[0], &sessions[2]))
      << "all instances of the device";
  EXPECT_THAT(devices.at(first_instance_.uuid).holders, ElementsAre(&list[1], &list[2]));
}

TEST_F(OnTwoDevices, WhatIsOnlyHeldOrOnlyUsedIsThereToo) {
  seen_.sessions = {session(whole_, 1, kTrain)};
  seen_.allocations.list = {held(first_instance_)};
  const ByDevice devices(seen_);
  EXPECT_EQ(devices.at(whole_.uuid).sessions.size(), 1U);
  EXPECT_THAT(devices.at(whole_.uuid).holders, IsEmpty());
  EXPECT_THAT(devices.at(first_instance_.uuid).sessions, IsEmpty());
  EXPECT_EQ(devices.at(first_instance_.uuid).holders.size(), 1U);
}

TEST_F(OnTwoDevices, NothingStandsWhereNothingWasSeen) {
  const ByDevice devices(seen_);
  for (const auto* uuid : {whole_.uuid.c_str(), "", "GPU-ffffffff-0000-0000-0000-000000000000"}) {
    EXPECT_THAT(devices.at(uuid).sessions, IsEmpty()) << uuid;
    EXPECT_THAT(devices.at(uuid).holders, IsEmpty()) << uuid;
  }
}

}  // namespace
}  // namespace tessera::agent
