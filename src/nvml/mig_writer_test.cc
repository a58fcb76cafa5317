#include "nvml/mig_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nvml/simulated.h"

namespace tessera::nvml {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::string_view kEmptyH100 = "      - {model: h100_sxm, mig: {layout: []}}\n";
constexpr std::string_view kShared = R"(
      - model: h100_sxm
        mig: {layout: [{profile: 3g.40gb, start: 4}, {profile: 2g.20gb, start: 0}, {profile: 1g.10gb, start: 2}]}
        processes: [{pid: 4101, command: python3, memory: 1GiB, instance: 0, compute: 0}]
)";

class WriteSimulated : public ReadSimulated {
 protected:
  void start(std::string_view gpus, std::string_view driver = "{}", std::string_view generation = "") {
    scenario(gpus, driver);
    open(options(generation));
    device = reader->collect().devices.at(0);
    auto opened = MigWriter::open(*Library::open(library(generation)), device.uuid);
    if (!opened) throw std::runtime_error(opened.error().what);
    writer.emplace(*std::move(opened));
  }

  const gpu::Profile& profile(std::string_view name) const {
    return *std::ranges::find(device.profiles, name, &gpu::Profile::name);
  }

  std::vector<StandingInstance> standing() const {
    auto all = writer->instances(device.profiles);
    if (!all) throw std::runtime_error(all.error().what);
    return *all;
  }

  StandingInstance at(unsigned start) const {
    for (const auto& one : standing())
      if (one.placement.start == start) return one;
    throw std::runtime_error("nothing there");
  }

  /// The sentence of a refusal, which begins with what was tried.
  static std::string said(const Result<void>& result, Code code) {
    if (result) return "no refusal";
    EXPECT_EQ(result.error().code, code) << result.error().what;
    return result.error().what;
  }

  gpu::Device device;
  std::optional<MigWriter> writer;
};

TEST_F(WriteSimulated, CreatesAtThePlacementThatIsAskedFor) {
  start(kEmptyH100);
  ASSERT_TRUE(writer->create(profile("2g.20gb"), {4, 2}));
  ASSERT_TRUE(writer->create(profile("1g.10gb"), {1, 1}));
  const auto now = standing();
  ASSERT_EQ(now.size(), 2U);
  EXPECT_EQ(now[0].placement, (gpu::Placement{1, 1}));
  EXPECT_EQ(now[1].placement, (gpu::Placement{4, 2}));
  EXPECT_THAT(now[0].compute_instances, SizeIs(1));
  const auto seen = reader->collect().devices.at(0).instances;
  ASSERT_EQ(seen.size(), 2U) << "MIG devices that a process can use";
  for (const auto& instance : seen) EXPECT_EQ(instance.compute_slices, instance.gi_compute_slices) << "all of it";
}

TEST_F(WriteSimulated, DestroysOneAndNoNeighbour) {
  start(kShared);
  const auto before = standing();
  ASSERT_TRUE(writer->destroy(at(0)));
  const auto after = standing();
  EXPECT_EQ(after, std::vector<StandingInstance>(before.begin() + 1, before.end()));
  EXPECT_EQ(reader->collect().devices.at(0).processes.size(), 1U);
}

TEST_F(WriteSimulated, SaysThatItIsInUse) {
  start(kShared);
  EXPECT_THAT(said(writer->destroy(at(4)), Code::Unavailable),
              AllOf(HasSubstr("destroying GPU instance"), HasSubstr(device.uuid), HasSubstr("In use"),
                    HasSubstr("nvidia-smi")));
  EXPECT_THAT(standing(), SizeIs(3)) << "nothing of it is lost";
  EXPECT_THAT(at(4).compute_instances, SizeIs(1));
}

TEST_F(WriteSimulated, SaysThatThereIsNoRoom) {
  start(kShared);
  EXPECT_THAT(said(writer->create(profile("4g.40gb"), {0, 4}), Code::Invalid),
              AllOf(HasSubstr("creating 4g.40gb at 0:4"), HasSubstr("Insufficient Resources"), HasSubstr("no room")));
}

TEST_F(WriteSimulated, SaysThatRightsAreMissing) {
  start(kShared);
  sim("fault denied");
  EXPECT_THAT(said(writer->create(profile("1g.10gb"), {3, 1}), Code::Denied),
              AllOf(HasSubstr("creating 1g.10gb at 3:1"), HasSubstr("Insufficient Permissions"), HasSubstr("root")));
  const auto listed = writer->instances(device.profiles);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Code::Denied);
}

TEST_F(WriteSimulated, SaysThatTheBoardCannot) {
  start("      - {model: l40s}\n");
  EXPECT_THAT(said(writer->set_mode(true), Code::Invalid),
              AllOf(HasSubstr("turning MIG mode on"), HasSubstr("Not Supported")));
}

TEST_F(WriteSimulated, SaysThatTheDriverIsTooOld) {
  start(kShared);
  sim("fault return --symbol nvmlDeviceCreateGpuInstanceWithPlacement --code 13");
  EXPECT_THAT(said(writer->create(profile("1g.10gb"), {3, 1}), Code::Invalid),
              AllOf(HasSubstr("nvmlDeviceCreateGpuInstanceWithPlacement"), HasSubstr("update the driver")));
}

TEST(MigWriter, CallsNoFunctionThatTheDriverLacks) {
  const auto opened = MigWriter::open(Library::around({}), "GPU-1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Invalid);
  EXPECT_THAT(opened.error().what, AllOf(HasSubstr("nvmlDeviceGetHandleByUUID"), HasSubstr("update the driver")));
}

TEST_F(WriteSimulated, TakesAnInstanceBackThatGetsNoComputeInstance) {
  start(kEmptyH100);
  sim("fault return --symbol nvmlGpuInstanceCreateComputeInstance --code 23");
  EXPECT_THAT(said(writer->create(profile("1g.10gb"), {0, 1}), Code::Invalid), HasSubstr("its compute instance"));
  EXPECT_THAT(standing(), SizeIs(0));
  sim("fault return --symbol nvmlGpuInstanceDestroy --code 19");
  EXPECT_THAT(said(writer->create(profile("1g.10gb"), {0, 1}), Code::Invalid), HasSubstr("stands without a compute"));
  EXPECT_THAT(standing(), SizeIs(1)) << "as after a crash between the two";
}

TEST_F(WriteSimulated, CompletesWhatACrashLeftWithoutComputeInstance) {
  start(kEmptyH100);
  sim("mig create --gpu 0 --profile 3g.40gb --start 4 --no-compute");
  EXPECT_THAT(reader->collect().devices.at(0).instances, SizeIs(0)) << "no MIG device";
  ASSERT_THAT(at(4).compute_instances, SizeIs(0));
  ASSERT_TRUE(writer->complete(at(4)));
  EXPECT_THAT(at(4).compute_instances, SizeIs(1));
  EXPECT_EQ(reader->collect().devices.at(0).instances.at(0).profile, "3g.40gb");
}

TEST_F(WriteSimulated, DoesNotDestroyWhatTookTheNumberMeanwhile) {
  start(kShared);
  auto other = at(0);
  other.placement = {2, 2};
  EXPECT_THAT(said(writer->destroy(other), Code::NotFound), HasSubstr("somebody else"));
  const auto gone = at(2);
  ASSERT_TRUE(writer->destroy(gone));
  EXPECT_THAT(said(writer->destroy(gone), Code::NotFound), HasSubstr("it is gone"));
}

TEST_F(WriteSimulated, SwitchesTheModeOfAnEmptyHopper) {
  start("      - {model: h100_sxm}\n");
  EXPECT_THAT(standing(), SizeIs(0)) << "without MIG mode there are none, which is no error";
  ASSERT_TRUE(writer->set_mode(true));
  EXPECT_EQ(reader->collect().devices.at(0).mig_enabled, true);
  ASSERT_TRUE(writer->set_mode(false));
  EXPECT_EQ(reader->collect().devices.at(0).mig_enabled, false);
}

TEST_F(WriteSimulated, DoesNotSwitchTheModeOfAUsedOne) {
  start("      - {model: h100_sxm, processes: [{pid: 4101, command: python3, memory: 1GiB}]}\n");
  EXPECT_THAT(said(writer->set_mode(true), Code::Unavailable), HasSubstr("In use"));
}

TEST_F(WriteSimulated, SaysThatAnAmpereNeedsAReset) {
  start("      - {model: a100_sxm4_80gb}\n");
  EXPECT_THAT(said(writer->set_mode(true), Code::Unavailable), HasSubstr("reset"));
}

}  // namespace
}  // namespace tessera::nvml
