#include "agent/layout/look.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/layout/report.h"
#include "agent/sample_test.h"

namespace tessera::agent::layout {
namespace {

using testing::HasSubstr;

class Look : public testing::Test {
 protected:
  Look() {
    mig().compute_capability = "9.0";
    for (const auto& instance : mig().instances)
      standing.push_back({instance.gpu_instance, instance.compute_slices == 1 ? 19U : 14U, *instance.placement, {0}});
  }
  gpu::Device& mig() { return seen.snapshot.devices[1]; }
  DeviceState look() {
    Listed listed;
    listed.emplace(mig().uuid, standing);
    return states_of(seen, listed).at(1);
  }
  const Standing& at(const DeviceState& device, unsigned start) const {
    for (const Standing& one : device.instances)
      if (one.place.placement.start == start) return one;
    throw std::runtime_error("nothing there");
  }
  void process(unsigned pid, std::optional<unsigned> instance) {
    gpu::Process one;
    one.pid = pid;
    one.gpu_instance = instance;
    mig().processes.push_back(one);
  }

  Observation seen = sample_observation();
  std::vector<nvml::StandingInstance> standing;
};

TEST_F(Look, TellsHowADeviceIsCutAndWhoUsesWhat) {
  process(4242, 1);
  seen.allocations.list.push_back(
      {subject_of(mig(), mig().instances[1]), kTrain, "nvidia.com/mig-2g.20gb", false, 0, {}});
  const auto device = look();
  EXPECT_EQ(device.unknown, "");
  EXPECT_EQ(device.holders_unknown, "");
  EXPECT_EQ(device.mig, true);
  EXPECT_FALSE(device.mode_needs_reset);
  EXPECT_FALSE(device.busy);
  ASSERT_EQ(device.instances.size(), 3U);
  EXPECT_EQ(device.instances[0].place, (Place{{0, 1}, "1g.10gb"}));
  EXPECT_EQ(device.instances[0].held_by, HeldBy::Process);
  EXPECT_EQ(device.instances[0].holder, "web/serve-0");
  EXPECT_EQ(at(device, 1).held_by, HeldBy::Nobody);
  EXPECT_EQ(at(device, 2).held_by, HeldBy::Pod);
  EXPECT_EQ(at(device, 2).holder, "ml/train-0");
  EXPECT_EQ(at(device, 2).compute_instances.at(0).uuid, mig().instances[1].uuid);
}

TEST_F(Look, TakesAHolderOfTheWholeDeviceForOneOfAll) {
  seen.allocations.list.push_back({subject_of(mig()), kTrain, "nvidia.com/gpu", false, 0, {}});
  EXPECT_TRUE(look().busy);
  process(1, std::nullopt);
  seen.allocations.list.clear();
  EXPECT_TRUE(look().busy) << "a process that the driver names no instance for";
}

TEST_F(Look, SeesAnInstanceThatNobodyCanUseYet) {
  standing.push_back({9, 14, {4, 2}, {}});
  const auto device = look();
  EXPECT_EQ(device.unknown, "");
  EXPECT_TRUE(at(device, 4).compute_instances.empty());
}

TEST_F(Look, IsNotSureWhereTheListsDiffer) {
  standing[0].compute_instances = {0, 1};
  EXPECT_THAT(look().unknown, HasSubstr("changed while"));
  standing[0].compute_instances = {};
  EXPECT_THAT(look().unknown, HasSubstr("changed while"));
}

TEST_F(Look, IsNotSureOfADeviceThatDoesNotAnswer) {
  mig().health = gpu::Health::Lost;
  mig().why = "it is lost";
  EXPECT_EQ(look().unknown, "it is lost");
  EXPECT_TRUE(look().instances.empty());
}

TEST_F(Look, IsNotSureWithoutRoot) {
  for (auto& profile : mig().profiles) profile.placements.clear();
  EXPECT_THAT(look().unknown, HasSubstr("needs root"));
}

TEST_F(Look, DoesNotKnowWhoHoldsWhatWithoutTheKubelet) {
  seen.allocations.problem = "connection refused";
  EXPECT_THAT(look().holders_unknown, HasSubstr("connection refused"));
  EXPECT_EQ(look().unknown, "");
  seen.allocations.problem.clear();
  seen.allocations.known = false;
  EXPECT_NE(look().holders_unknown, "");
  seen.kubernetes = false;
  EXPECT_EQ(look().holders_unknown, "");
}

TEST_F(Look, DoesNotKnowWhatANumberMeansThatNobodyTells) {
  seen.allocations.unmatched = 1;
  EXPECT_EQ(look().holders_unknown, "") << "it is held, but not here";
  mig().minor.reset();
  EXPECT_NE(look().holders_unknown, "");
}

TEST_F(Look, NeedsAResetBeforeHopperAndWhereNobodyKnows) {
  for (const auto& [capability, want] : std::initializer_list<std::pair<std::optional<std::string>, bool>>{
           {"8.0", true}, {"9.0", false}, {"10.0", false}, {"12.0", false}, {std::nullopt, true}, {"?", true}}) {
    mig().compute_capability = capability;
    EXPECT_EQ(look().mode_needs_reset, want) << capability.value_or("none");
  }
}

TEST_F(Look, RemembersSinceWhenAnInstanceIsIdle) {
  Tenure tenure;
  const auto since = [&](EpochMs now) {
    std::vector<DeviceState> devices{look()};
    tenure.note(devices, now);
    return devices[0].instances.empty() ? 0 : devices[0].instances[0].since;
  };
  EXPECT_EQ(since(1000), 1000);
  EXPECT_EQ(since(2000), 1000);
  process(4242, 1);
  EXPECT_EQ(since(3000), 3000);
  mig().health = gpu::Health::Slow;
  mig().why = "slow";
  since(4000);
  mig().health = gpu::Health::Up;
  EXPECT_EQ(since(5000), 3000) << "what was not seen has not ended";
  mig().instances[0].uuid = "MIG-another";
  EXPECT_EQ(since(6000), 6000);
}

TEST_F(Look, IsReportedAsTheContractSays) {
  process(4242, 1);
  seen.allocations.list.clear();
  const std::vector<DeviceState> devices{look()};
  const Reports reports{{mig().uuid,
                         {8,
                          Progress::Waiting,
                          "busy",
                          {{Action::Destroy, {{0, 1}, "1g.10gb"}, {}, StepState::Waiting, "busy"},
                           {Action::Mode, {}, false, StepState::Planned, ""}}}}};
  const auto json =
      nlohmann::json::parse(report_json({"default", "worker-01", "b00t", false}, {3, 8}, devices, reports));
  EXPECT_EQ(json["cluster"], "default");
  EXPECT_EQ(json["node"], "worker-01");
  EXPECT_EQ(json["bootId"], "b00t");
  EXPECT_EQ(json["mode"], "apply");
  EXPECT_EQ(json["newest"], (nlohmann::json{{"epoch", 3}, {"generation", 8}}));
  const auto first = nlohmann::json::parse(report_json({"default", "worker-01", "", true}, {}, devices, reports));
  EXPECT_FALSE(first.contains("newest")) << "it has acted on nothing";
  const auto& device = json["devices"][0];
  EXPECT_EQ(device["uuid"], mig().uuid);
  EXPECT_EQ(device["migMode"], (nlohmann::json{{"current", true}, {"pending", true}}));
  EXPECT_EQ(device["busy"], false);
  EXPECT_EQ(device["profiles"][0]["memoryMib"], 10240);
  EXPECT_EQ(device["profiles"][0]["instancesMax"], 7);
  EXPECT_EQ(device["profiles"][0]["placements"][1], (nlohmann::json{{"start", 1}, {"size", 1}}));
  const auto& instance = device["instances"][0];
  EXPECT_EQ(instance["gpuInstanceId"], 1);
  EXPECT_EQ(instance["profile"], "1g.10gb");
  EXPECT_EQ(instance["heldBy"], "process");
  EXPECT_EQ(instance["computeInstances"][0]["id"], 0);
  EXPECT_FALSE(device["instances"][1].contains("heldBy"));
  EXPECT_FALSE(device["instances"][1].contains("since")) << "not known is left out";
  EXPECT_EQ(device["report"]["state"], "waiting");
  EXPECT_EQ(device["report"]["generation"], 8);
  EXPECT_EQ(device["report"]["steps"][0]["action"], "destroy");
  EXPECT_EQ(device["report"]["steps"][0]["size"], 1);
  EXPECT_EQ(device["report"]["steps"][0]["reason"], "busy");
  EXPECT_EQ(device["report"]["steps"][1]["action"], "mode");
}

}  // namespace
}  // namespace tessera::agent::layout
