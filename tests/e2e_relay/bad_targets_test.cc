// Targets that hang, flood, lie and break: each is told as down with its reason, and harms no other.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "http/client.h"
#include "http/raw_server.h"
#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using http::RawServer;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n";

std::string address(const RawServer& server) {
  const std::string url = server.url();
  return url.substr(7, url.rfind('/') - 7);
}

/// A byte now and then, for ever.
void drip(RawServer::Peer& peer) {
  peer.read_request();
  peer.send(fmt::format("{}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", kHead));
  peer.wait_for_end();
}

/// `line(n)` for ever, as a body without a length.
template <class Line>
std::function<void(RawServer::Peer&)> endless(Line line) {
  return [line](RawServer::Peer& peer) {
    peer.read_request();
    if (!peer.send(fmt::format("{}{}", kHead, "\r\n"))) return;
    for (std::uint64_t number = 0;;) {
      std::string block;
      while (block.size() < 64U << 10U) block += line(number++);
      if (!peer.send(block)) return;
    }
  };
}

std::string page_with(const std::string& more_headers, const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n{}", body.size(), more_headers, body);
}

using BadTargets = TwoStores;

TEST_F(BadTargets, HarmNobodyElseAndSayWhatIsWrong) {
  const std::string zipped = http::gzip("cut_off 1\n" + std::string(10'000, '#') + "\n");
  const std::string text = "Content-Type: text/plain; version=0.0.4\r\n";
  RawServer slow(drip);
  RawServer flood(endless([](std::uint64_t) { return "# " + std::string(1000, 'x') + "\n"; }));
  RawServer bomb(endless([](std::uint64_t n) { return fmt::format("bomb{{label=\"{}\"}} 1\n", n); }));
  RawServer html(http::always(page_with("Content-Type: text/html\r\n", "<!doctype html><title>Sign in</title>\n")));
  RawServer cut(http::always(page_with(text + "Content-Encoding: gzip\r\n", zipped.substr(0, zipped.size() / 2))));
  RawServer closes([](RawServer::Peer& peer) { peer.read_request(); });
  const struct {
    const char* job;
    std::string address;
    const char* error;  ///< in the words of /targets
  } kBad[] = {{"slow", address(slow), "timed out"}, {"flood", address(flood), "body"},
              {"bomb", address(bomb), "sample"},    {"html", address(html), "line 1"},
              {"cut", address(cut), "gzip"},        {"closes", address(closes), ""}};
  CountingTargets targets(5, 3);
  std::string jobs = targets.job("load");
  for (const auto& bad : kBad)
    jobs += static_job(bad.job, {bad.address}, "  body_size_limit: 20MB\n  sample_limit: 10000\n");
  Relay relay(global("500ms") + "scrape_configs:\n" + jobs + "remote_write:\n" +
              write_to("prometheus", prometheus().write_url()));
  EXPECT_TRUE(targets.asked(8));
  for (const auto& bad : kBad)
    EXPECT_TRUE(eventually([&] {
      return prometheus().at(fmt::format("up{{job=\"{}\"}} == 0", bad.job), now_epoch_ms()).size() == 1;
    })) << bad.job;
  targets.finish();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty());
  for (const char* name : {"bomb", "cut_off"})
    EXPECT_THAT(prometheus().samples(name), IsEmpty()) << "no part of a page";
  const std::string seen = relay.page("/targets");
  for (const auto& bad : kBad) EXPECT_THAT(seen, HasSubstr(bad.error)) << bad.job;
  EXPECT_LT(relay.metric("process_resident_memory_bytes"), 400e6);
  EXPECT_EQ(relay.stop(), 0);
}

TEST_F(BadTargets, RepeatedSeriesCountOnce) {
  ScriptedTarget target([](int number) {
    return text_page(fmt::format("twice{{a=\"1\"}} {0}\nonce {0}\ntwice{{a=\"1\"}} -1\n", number));
  });
  Relay relay(global() + "scrape_configs:\n" + static_job("doubled", {target.address()}) + to_both());
  EXPECT_TRUE(target.asked(5));
  EXPECT_GT(relay.metric("tessera_relay_samples_left_out_total", {"reason=\"duplicate\""}), 0);
  EXPECT_EQ(relay.stop(), 0);
  const auto once = only(agreed("once"));
  EXPECT_EQ(only(agreed("twice")), once) << "the first of the page, at every scrape";
}

TEST_F(BadTargets, TimesFarAheadAreLeftOutAndNearOnesKept) {
  const EpochMs begin = now_epoch_ms();
  ScriptedTarget target([=](int number) {
    return text_page(fmt::format("near {0} {1}\nfar {0} {2}\nnow {0}\n", number, begin + 120'000 + number,
                                 begin + 3'600'000 + number));
  });
  Relay relay(global() + "scrape_configs:\n" + static_job("future", {target.address()}) + to_both());
  EXPECT_TRUE(target.asked(5));
  EXPECT_GT(relay.metric("tessera_relay_samples_left_out_total", {"reason=\"too_far_ahead\""}), 0);
  EXPECT_EQ(relay.stop(), 0);
  const auto near = only(agreed("near"));
  for (const Point& point : near) EXPECT_EQ(point.time, begin + 120'000 + static_cast<EpochMs>(point.value));
  EXPECT_EQ(values(near), values(only(agreed("now"))));
  for (const auto& store : stores()) EXPECT_THAT(store->samples("far"), IsEmpty());
}

}  // namespace
}  // namespace tessera::e2e
