#include "server/senders.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

http::Request from(const std::string& peer, const std::string& agent) {
  http::Request out;
  out.peer = peer;
  out.headers = {{"User-Agent", agent}};
  return out;
}

TEST(Senders, AreToldApartByAddressAndProgram) {
  Senders senders;
  senders.took(from("10.0.0.1", "tessera-relay/1"), 10, 2, 900, 1'000);
  senders.took(from("10.0.0.1", "Prometheus/2.42"), 5, 0, 950, 1'100);
  senders.took(from("10.0.0.1", "tessera-relay/1"), 10, 0, std::nullopt, 2'000);
  senders.refused(from("10.0.0.2", ""), "too much", 1'500);
  const auto all = senders.all();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].agent, "tessera-relay/1");
  EXPECT_EQ(all[0].requests, 2U);
  EXPECT_EQ(all[0].samples, 20U);
  EXPECT_EQ(all[0].left_out, 2U);
  EXPECT_EQ(all[0].newest, 900) << "a request without samples says nothing of their time";
  EXPECT_EQ(all[1].peer, "10.0.0.2");
  EXPECT_EQ(all[1].refused, 1U);
  EXPECT_EQ(all[1].last_refusal, "too much");
  EXPECT_EQ(all[1].newest, std::nullopt);
  EXPECT_EQ(all[2].agent, "Prometheus/2.42");
}

TEST(Senders, WhoHasBeenSilentForLongestMakesRoom) {
  Senders senders;
  for (std::size_t i = 0; i <= Senders::kMost; ++i)
    senders.took(from(std::to_string(i), "x"), 1, 0, 1, static_cast<EpochMs>(i));
  const auto all = senders.all();
  EXPECT_EQ(all.size(), Senders::kMost);
  EXPECT_EQ(all.front().peer, std::to_string(Senders::kMost));
  EXPECT_EQ(all.back().peer, "1");
}

}  // namespace
}  // namespace tessera::server
