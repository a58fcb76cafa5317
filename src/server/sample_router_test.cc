// Which labels of a batch are read, of series that are known.
#include "server/sample_router.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "wire/staleness.h"
#include "wire/write_request.h"

namespace tessera::server {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000, kInterval = 30'000;

wire::Series instance(const std::string& profile, unsigned start, unsigned size, std::vector<wire::Sample> samples) {
  std::vector<wire::Label> labels = {{"GPU_CI_ID", "0"},
                                     {"GPU_I_ID", "2"},
                                     {"GPU_I_PROFILE", profile},
                                     {"Hostname", "node"},
                                     {"UUID", "GPU-1"},
                                     {"__name__", "gpu_instance_info"},
                                     {"gpu", "0"},
                                     {"size", std::to_string(size)},
                                     {"start", std::to_string(start)}};
  return {std::move(labels), std::move(samples), {}, {}};
}

Batch batch_of(wire::Protocol protocol, std::vector<wire::Series> series) {
  wire::WriteRequest request;
  request.series = std::move(series);
  JudgedSeries judged;
  LeftOut left_out;
  const EpochMs now = kStart + 100 * kInterval;
  auto batch = read_batch(protocol, wire::encode(protocol, request), {}, {now, now}, judged, left_out);
  EXPECT_TRUE(batch) << (batch ? "" : batch.error().what);
  return *std::move(batch);
}

struct SampleRouterTest : testing::TestWithParam<wire::Protocol> {
  fleet::Fleet fleet{fleet::FleetOptions{.interval = Milliseconds(kInterval)}};
  fleet::Serving serving;
  SampleRouter router{fleet, serving, 1'000};

  std::string standing(EpochMs now) {
    std::string out;
    const auto view = fleet.publish(now);
    for (const auto& node : view->nodes)
      for (const fleet::Device& device : node->devices)
        for (const fleet::Instance& one : device.instances)
          out += fmt::format("{}@{} ", one.facts->profile, one.facts->placement ? one.facts->placement->start : 99);
    return out;
  }
};

// A backlog: in one request the one ends and the other begins, and the first comes back.
TEST_P(SampleRouterTest, ReadsLabelsAnewOfWhatComesBack) {
  const double stale = wire::stale_marker();
  const auto at = [](int interval) { return kStart + interval * kInterval; };
  router.apply(batch_of(
      GetParam(), {instance("3g.40gb", 4, 4, {{1, at(0)}}), instance("1g.10gb", 6, 1, {{1, at(0)}, {stale, at(1)}})}));
  router.apply(
      batch_of(GetParam(), {instance("3g.40gb", 4, 4, {{stale, at(2)}}), instance("1g.10gb", 6, 1, {{1, at(2)}})}));
  EXPECT_EQ(standing(at(2)), "1g.10gb@6 ");
  router.apply(batch_of(GetParam(), {instance("1g.10gb", 6, 1, {{stale, at(3)}}),
                                     instance("3g.40gb", 4, 4, {{1, at(3)}, {stale, at(4)}, {1, at(5)}})}));
  EXPECT_EQ(standing(at(5)), "3g.40gb@4 ");
}

INSTANTIATE_TEST_SUITE_P(Protocols, SampleRouterTest, testing::Values(wire::Protocol::V1, wire::Protocol::V2));

}  // namespace
}  // namespace tessera::server
