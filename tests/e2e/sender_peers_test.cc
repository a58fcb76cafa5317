// The relay's sender and receivers that are real: what each does to a batch with one bad sample.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "relay/sender_test.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

using relay::RequestKind;
using testing::ElementsAre;
using testing::Pair;

constexpr int kSeries = 100;
constexpr int kBad = 33;

class Receiver {
 public:
  Receiver(std::vector<std::string> arguments, const std::string& listen_flag, const std::string& write_path)
      : address_(fmt::format("127.0.0.1:{}", free_port())), write_path_(write_path) {
    arguments.push_back(listen_flag + address_);
    process_ = std::make_unique<Child>(std::move(arguments));
  }
  bool ready() {
    return eventually([&] { return status_of("/-/ready") == 200 || status_of("/health") == 200; });
  }
  std::string write_url() const { return "http://" + address_ + write_path_; }
  std::string output() const { return process_->output(); }

  /// The number that a query gives; 0 where it finds nothing.
  double number(const std::string& encoded_query) {
    http::ClientRequest request;
    request.url = "http://" + address_ + "/api/v1/query?query=" + encoded_query;
    const auto reply = client_.send(request);
    if (!reply) return 0;
    const auto json = nlohmann::json::parse(reply->body, nullptr, false);
    if (json.is_discarded() || json["data"]["result"].empty()) return 0;
    return std::stod(json["data"]["result"][0]["value"][1].get<std::string>());
  }

 private:
  int status_of(const std::string& path) {
    http::ClientRequest request;
    request.url = "http://" + address_ + path;
    const auto reply = client_.send(request);
    return reply ? reply->status : 0;
  }
  const std::string address_, write_path_;
  std::unique_ptr<Child> process_;
  http::Client client_;
};

std::unique_ptr<Receiver> prometheus(const TempDir& dir) {
  EXPECT_TRUE(write_file_atomically(dir.path() / "prometheus.yml", "global: {}\n"));
  return std::make_unique<Receiver>(
      std::vector<std::string>{peer("prometheus"), "--config.file=" + (dir.path() / "prometheus.yml").string(),
                               "--storage.tsdb.path=" + (dir.path() / "data").string(),
                               "--web.enable-remote-write-receiver", "--log.level=warn"},
      "--web.listen-address=", "/api/v1/write");
}

std::unique_ptr<Receiver> victoria_metrics(const TempDir& dir) {
  return std::make_unique<Receiver>(
      std::vector<std::string>{peer("victoria-metrics"), "-storageDataPath=" + (dir.path() / "data").string(),
                               "-search.latencyOffset=0s", "-search.disableCache"},
      "-httpListenAddr=", "/api/v1/write");
}

wire::Series series(int number, double value, EpochMs time) {
  return {{{"__name__", "m"}, {"n", std::to_string(number)}}, {{value, time}}, {}, {}};
}

/// Every series once; `late` is how far the bad one lies behind.
wire::WriteRequest batch(double value, EpochMs time, EpochMs late) {
  wire::WriteRequest request;
  for (int i = 0; i < kSeries; ++i) request.series.push_back(series(i, value, i == kBad ? time - late : time));
  return request;
}

void put(journal::Journal& queue, const wire::WriteRequest& request, RequestKind kind) {
  EXPECT_TRUE(queue.append(now_epoch_ms(), static_cast<std::uint32_t>(request.series.size()),
                           static_cast<std::uint8_t>(kind), pack(kind, request)));
}

TEST(SenderPeers, LoseNothingButTheSampleThatTheReceiverRefuses) {
  const struct {
    std::string program;
    std::unique_ptr<Receiver> (*start)(const TempDir&);
    std::map<std::string, std::uint64_t> dropped;
    int arrived;  ///< of the second batch, as the newest sample of its series
  } kCases[] = {{"prometheus", prometheus, {{"status_400", 1}}, kSeries - 1},
                {"victoria-metrics", victoria_metrics, {}, kSeries - 1}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.program);
    if (peer(c.program).empty()) GTEST_SKIP() << c.program << " is neither in TESSERA_PEERS nor on the PATH";
    const TempDir dir;
    const auto receiver = c.start(dir);
    ASSERT_TRUE(receiver->ready()) << receiver->output();
    relay::Bench bench("");
    bench.destination().url = receiver->write_url();
    const EpochMs time = now_epoch_ms() - 60'000;
    put(bench.queue(), batch(1, time, 0), RequestKind::V2Snappy);
    put(bench.queue(), batch(2, time + 1'000, 11'000), RequestKind::V2Snappy);
    bench.send_all();
    EXPECT_EQ(bench.state().protocol(), wire::Protocol::V1) << "neither speaks version 2";
    EXPECT_EQ(bench.state().stats().dropped, c.dropped);
    EXPECT_TRUE(eventually([&] { return receiver->number("count(m%3D%3D2)") == c.arrived; }))
        << receiver->number("count(m%3D%3D2)");
    EXPECT_EQ(receiver->number("count(m)"), kSeries);
  }
}

// Prometheus 2 answers 500, for ever, to a series that has a label twice.
TEST(SenderPeers, PrometheusIsNotStuckOnALabelThatIsThereTwice) {
  if (peer("prometheus").empty()) GTEST_SKIP() << "prometheus is neither in TESSERA_PEERS nor on the PATH";
  const TempDir dir;
  const auto receiver = prometheus(dir);
  ASSERT_TRUE(receiver->ready()) << receiver->output();
  relay::Bench bench("", relay::Protocol::V1), other("", relay::Protocol::V1);
  bench.destination().url = receiver->write_url();
  const EpochMs time = now_epoch_ms() - 60'000;
  auto poisoned = batch(1, time, 0);
  poisoned.series[kBad].labels.push_back({"n", "twice"});
  put(bench.queue(), poisoned, RequestKind::V1Snappy);
  const auto sender = bench.sender(0);
  const relay::Sender second(bench.destination(), 1, other.queue(), bench.state());
  EpochMs next = time;
  EXPECT_TRUE(eventually([&] {
    if (other.queue().stats().pending.records == 0)
      put(other.queue(), {{series(-1, 1, ++next)}, {}, 0}, RequestKind::V1Snappy);
    return bench.queue().stats().pending.records == 0;
  }));
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("poison_500", 1U)));
  EXPECT_TRUE(eventually([&] { return receiver->number("count(m)") == kSeries; })) << receiver->number("count(m)");
}

}  // namespace
}  // namespace tessera::e2e
