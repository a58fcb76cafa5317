// Targets that hang, flood, lie and break: each is told as down with its reason, and harms no other.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "http/client.h"
#include "http/raw_server.h"
#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using http::RawServer;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n";

/// A byte now and then, for ever.
void drip(RawServer::Peer& peer) {
  peer.read_request();
  peer.send(fmt::format("{}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", kHead));
  peer.wait_for_end();
}

std::string comment(std::uint64_t) { return "# " + std::string(1000, 'x') + "\n"; }
std::string new_series(std::uint64_t number) { return fmt::format("bomb{{label=\"{}\"}} 1\n", number); }

std::string page_with(const std::string& more_headers, const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n{}", body.size(), more_headers, body);
}

using BadTargets = TwoStores;

TEST_F(BadTargets, HarmNobodyElseAndSayWhatIsWrong) {
  const std::string zipped = http::gzip("cut_off 1\n" + std::string(10'000, '#') + "\n");
  const std::string text = "Content-Type: text/plain; version=0.0.4\r\n";
  RawServer slow(drip);
  EndlessTarget flood(comment), bomb(new_series);
  RawServer html(http::always(page_with("Content-Type: text/html\r\n", "<!doctype html><title>Sign in</title>\n")));
  RawServer cut(http::always(page_with(text + "Content-Encoding: gzip\r\n", zipped.substr(0, zipped.size() / 2))));
  RawServer closes([](RawServer::Peer& peer) { peer.read_request(); });
  const struct {
    const char* job;
    std::string address;
    const char* error;  ///< in the words of /targets
  } kBad[] = {{"slow", address_of(slow), "timed out"}, {"flood", flood.address(), "body"},
              {"bomb", bomb.address(), "sample"},      {"html", address_of(html), "line 1"},
              {"cut", address_of(cut), "gzip"},        {"closes", address_of(closes), ""}};
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

/// What a process has had in memory at most.
double peak_bytes(const Relay& relay) {
  const auto status = read_file(fmt::format("/proc/{}/status", relay.process().pid()));
  const auto at = status ? status->find("VmHWM:") : std::string::npos;
  return at == std::string::npos ? 1e18 : 1024 * std::stod(status->substr(at + 6));
}

// Each of these would be gigabytes, if it were read to its end.
TEST_F(BadTargets, TheDefaultLimitsHoldAgainstPagesWithoutAnEnd) {
  EndlessTarget flood(comment);
  EndlessTarget notes([](std::uint64_t number) { return fmt::format("#{}\n", number); });
  EndlessTarget bomb(new_series);
  EndlessTarget dropped(new_series);
  EndlessTarget line([](std::uint64_t) { return std::string(1000, 'x'); });
  const std::string packed = http::gzip(std::string(256U << 20U, '\n'));
  RawServer unpacks(http::always(page_with("Content-Encoding: gzip\r\n", packed)));
  const struct {
    const char* job;
    std::string address;
    const char* error;  ///< in the words of /targets
    const char* more = "";
  } kBad[] = {{"flood", flood.address(), "longer than 67108864 bytes"},
              {"notes", notes.address(), "longer than 67108864 bytes"},
              {"bomb", bomb.address(), "sample_limit: the page has more than 200000 samples"},
              {"dropped", dropped.address(), "longer than 67108864 bytes",
               "  metric_relabel_configs: [{source_labels: [__name__], regex: bomb, action: drop}]\n"},
              {"line", line.address(), "line 1: it has more than 4194304 bytes"},
              {"unpacks", address_of(unpacks), "longer than 67108864 bytes"}};
  CountingTargets targets(5, 3);
  std::string jobs = targets.job("load");
  for (const auto& bad : kBad)
    jobs +=
        static_job(bad.job, {bad.address}, fmt::format("  scrape_interval: 8s\n  scrape_timeout: 8s\n{}", bad.more));
  Relay relay(global("500ms") + "scrape_configs:\n" + jobs + "remote_write:\n" +
              write_to("prometheus", prometheus().write_url()));
  for (const auto& bad : kBad)
    EXPECT_TRUE(eventually([&] { return prometheus().samples(fmt::format("up{{job=\"{}\"}}", bad.job)).size() == 1; }))
        << bad.job;
  EXPECT_TRUE(eventually([&] {
    return relay.sum("tessera_relay_pages_refused_total", {"limit=\"body_size_limit\""}) >= 8 &&
           relay.sum("tessera_relay_pages_refused_total", {"limit=\"sample_limit\""}) >= 2;
  })) << "again and again";
  const std::string seen = relay.page("/targets");
  for (const auto& bad : kBad) EXPECT_THAT(seen, HasSubstr(bad.error)) << bad.job;
  EXPECT_TRUE(targets.asked(2));
  targets.finish();
  EXPECT_THAT(lasting_differences(targets, prometheus(), "load"), IsEmpty());
  EXPECT_THAT(prometheus().samples("bomb"), IsEmpty()) << "no part of a page";
  EXPECT_LT(4 * relay.metric("tessera_relay_scrapes_total", {"outcome=\"missed\""}),
            relay.metric("tessera_relay_scrapes_total", {"outcome=\"good\""}))
      << "the relay does not stand still meanwhile";
  EXPECT_LT(peak_bytes(relay), 250e6);
  for (const EndlessTarget* target : {&flood, &notes, &bomb, &dropped, &line})
    EXPECT_LT(target->most_taken(), 96e6) << "the relay hangs up: what is beyond 64 MiB stands in the sockets";
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
