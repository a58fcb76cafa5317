#include "relay/forward.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/files.h"

namespace tessera::relay {
namespace {

/// Series of which each costs more than one usually does, because nothing in them can be compressed.
void fill(Batch& batch, std::size_t samples) {
  std::mt19937_64 random(1);
  const auto text = [&] { return fmt::format("{:016x}{:016x}", random(), random()); };
  const EpochMs now = now_epoch_ms();
  for (std::size_t i = 0; i < samples; ++i) {
    batch.want_metadata();
    const std::string value = text();
    const metrics::Label labels[] = {{"pod", value}};
    auto& writer = batch.writer();
    const auto metric = writer.metric(fmt::format("m_{}", i), metrics::Kind::Gauge, text(), "");
    writer.sample(metric, writer.labels(labels), static_cast<double>(random()), now);
    batch.wrote(now, std::chrono::steady_clock::now());
  }
  batch.seal();
}

/// What is configured at the least: queues of 256 KiB, which ten thousand samples do not fit into at once.
TEST(Forward, NoRequestIsTooLargeForItsQueue) {
  for (const Protocol protocol : {Protocol::V1, Protocol::V2}) {
    const TempDir data;
    Destination destination;
    destination.name = "away";
    destination.url = "http://127.0.0.1:1/";
    destination.protocol = protocol;
    destination.queue.max_bytes = 1U << 20U;
    const auto forward = Forward::open(destination, data.path());
    ASSERT_TRUE(forward) << forward.error().what;
    constexpr std::size_t kSamples = 10'000;
    fill(*(*forward)->outgoing().shards.at(0), kSamples);
    EXPECT_EQ((*forward)->lost_unqueued(), 0U);
    const journal::Stats queue = (*forward)->queues().at(0);
    EXPECT_EQ(queue.appended.items, kSamples);
    EXPECT_GE(queue.pending.records, 3U) << "a drop costs a part";
    EXPECT_LE(queue.disk_bytes, destination.queue.max_bytes / 4);
    (*forward)->finish(std::chrono::steady_clock::now());
  }
}

}  // namespace
}  // namespace tessera::relay
