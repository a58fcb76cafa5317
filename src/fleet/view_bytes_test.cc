#include "fleet/view_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

/// Every member says something.
Node full_node() {
  gpu::Readings readings;
  readings.set(gpu::Reading::PowerWatts, 0.1);
  readings.set(gpu::Reading::Fp16ActiveRatio, 1);
  const gpu::Profile profile{19, "1g.10gb", 1, 16, 10ULL << 30U, 7, {{0, 1}, {1, 1}}};
  const DeviceFacts device{"GPU-1",
                           3,
                           "NVIDIA H100",
                           "0000:3B",
                           "s-1",
                           "Hopper",
                           "9.0",
                           "570.1",
                           true,
                           false,
                           7,
                           132,
                           80ULL << 30U,
                           std::make_shared<const std::vector<gpu::Profile>>(1, profile)};
  const InstanceFacts instance{"MIG-1", "1g.10gb", gpu::Placement{2, 1}, 1, 16, 10ULL << 30U};
  const Workload pod{"ml", "trainer-0", "main", "uid-1"};
  Device one;
  one.facts = std::make_shared<const DeviceFacts>(device);
  one.presence = Presence::Stale;
  one.up = false;
  one.readings = readings;
  one.quiet_since = 5;
  one.instances = {{{1, 0}, std::make_shared<const InstanceFacts>(instance), readings, 6, 7, 8}};
  one.sessions = {{9,
                   {1, 0},
                   std::make_shared<const SessionFacts>(SessionFacts{4101, "python3", "C", "pod", pod}),
                   10,
                   11,
                   12,
                   13,
                   14,
                   15.5,
                   16.5,
                   17.5,
                   18,
                   {}}};
  one.allocations = {{19,
                      {1, {}},
                      std::make_shared<const AllocationFacts>(AllocationFacts{pod, "nvidia.com/gpu", true, 4}),
                      true,
                      20,
                      21}};
  one.xids = {{79, 2}, {48, 1}};
  one.widest_link = 16;
  one.heard = 23;
  one.live = true;
  one.first_seen = 22;
  one.last_seen = 1'793'210'400'123;
  return {"c", "worker-01", {one, one}, 24};
}

TEST(NodeBytes, AreTheNode) {
  const std::string bytes = to_bytes(full_node());
  const auto read = node_from_bytes(bytes);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(to_bytes(*read), bytes);
  ASSERT_EQ(read->devices.size(), 2U);
  const Device &device = read->devices[1], wanted = full_node().devices[1];
  EXPECT_EQ(device.facts->uuid, "GPU-1");
  EXPECT_EQ(device.facts->profiles->at(0).placements, wanted.facts->profiles->at(0).placements);
  EXPECT_EQ(device.presence, Presence::Stale);
  EXPECT_EQ(device.up, false);
  EXPECT_EQ(device.readings, wanted.readings);
  EXPECT_EQ(*device.instances[0].facts, *wanted.instances[0].facts);
  EXPECT_EQ(device.instances[0].part, wanted.instances[0].part);
  EXPECT_EQ(*device.sessions[0].facts, *wanted.sessions[0].facts);
  EXPECT_EQ(device.sessions[0].util_percent, 15.5);
  EXPECT_EQ(device.sessions[0].util_samples, 18U);
  EXPECT_EQ(*device.allocations[0].facts, *wanted.allocations[0].facts);
  EXPECT_EQ(device.allocations[0].part, wanted.allocations[0].part);
  EXPECT_EQ(device.xids, wanted.xids);
  EXPECT_EQ(device.widest_link, 16);
  EXPECT_EQ(device.heard, 23);
  EXPECT_TRUE(device.live);
  EXPECT_EQ(device.last_seen, wanted.last_seen);
  EXPECT_EQ(read->last_seen, 24);
}

TEST(NodeBytes, AbsentStaysAbsent) {
  Node node{"c", "n", {{}}, 0};
  node.devices[0].facts = std::make_shared<const DeviceFacts>();
  const auto read = node_from_bytes(to_bytes(node));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->devices[0].up, std::nullopt);
  EXPECT_EQ(read->devices[0].readings, gpu::Readings());
  EXPECT_EQ(*read->devices[0].facts, DeviceFacts());
}

TEST(NodeBytes, OtherBytesAreRefused) {
  const std::string bytes = to_bytes(full_node());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(node_from_bytes(bytes.substr(0, size))) << size;
  EXPECT_FALSE(node_from_bytes(bytes + "x"));
  std::string later = bytes;
  ++later[0];
  EXPECT_THAT(node_from_bytes(later).error().what, testing::HasSubstr("another version"));
  Node headless{"c", "n", {{}}, 0};
  EXPECT_FALSE(node_from_bytes(to_bytes(headless))) << "a device without facts";
}

/// Every member says something.
Served full_engine() {
  return {"c",
          "serving",
          "llm-0",
          "uid-2",
          "vllm",
          "worker-01",
          "10.0.0.1:8000",
          Engine::Sglang,
          "llama",
          "decode",
          2,
          1.5,
          2.5,
          0.3,
          4e5,
          false,
          300,
          10,
          20,
          0.5,
          0.9,
          3,
          {1, 2, 3, 4},
          {5, 6, 7, 8},
          {9, 10, 11, 12},
          {13, {}, {}, 14},
          25,
          26};
}

TEST(EngineBytes, AreTheEngine) {
  const Served wanted = full_engine();
  const std::string bytes = to_bytes(wanted);
  const auto read = engine_from_bytes(bytes);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(to_bytes(*read), bytes);
  EXPECT_EQ(engine_key(*read), engine_key(wanted));
  EXPECT_EQ(read->engine, Engine::Sglang);
  EXPECT_EQ(read->kv_used_ratio, 0.3);
  EXPECT_EQ(read->asleep, false);
  EXPECT_EQ(read->queue, wanted.queue);
  EXPECT_EQ(read->last_seen, 26);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(engine_from_bytes(bytes.substr(0, size))) << size;
  Served unknown = wanted;
  unknown.engine = static_cast<Engine>(kEngines);
  EXPECT_FALSE(engine_from_bytes(to_bytes(unknown)));
}

}  // namespace
}  // namespace tessera::fleet
