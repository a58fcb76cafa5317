// The null receiver of remote write 1.0 and 2.0: counts what comes and forgets it.
//
//   relay_sink          counts cheaply
//   relay_sink check    takes every request apart: what was lost, repeated or out of order. For `relay_load ... count`
//
// Says "port N" when it serves. POST /write: the write; GET /counts: lines of "name number", and of "at TIME SAMPLES",
// samples by their time; POST /refuse/MS: 503 for so long.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/stop.h"
#include "base/text.h"
#include "bench/relay/loop_server.h"
#include "bench/relay/page.h"
#include "bench/relay/write_count.h"
#include "wire/compression.h"
#include "wire/staleness.h"

namespace {
using namespace tessera;
using namespace tessera::bench;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostMessage = 64U << 20U;
constexpr std::size_t kMostLatency = 600'000;  // ms; what is later counts there

EpochMs now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Every sample's value is the number of its target's scrape: so a series and a value name one sample that was served.
class Check {
 public:
  std::uint64_t distinct = 0, repeated = 0, out_of_order = 0;

  void add(const wire::WriteRequest& request) {
    const std::string exposed = std::string("__name__=") + kExposed;
    for (const wire::Series& series : request.series) {
      std::string key;
      for (const auto& [name, value] : series.labels) key += name + '=' + value + ',';
      if (key.find(exposed) == std::string::npos) continue;
      Known& known = series_[key];
      for (const wire::Sample& sample : series.samples)
        if (!wire::is_stale(sample.value)) add(known, sample);
    }
  }

 private:
  struct Known {
    EpochMs last = 0;
    std::unordered_set<std::uint64_t> values = {};
  };

  void add(Known& known, const wire::Sample& sample) {
    const bool fresh = known.values.insert(static_cast<std::uint64_t>(sample.value)).second;
    ++(fresh ? distinct : repeated);
    if (sample.time < known.last) ++out_of_order;
    known.last = std::max(known.last, sample.time);
  }

  std::unordered_map<std::string, Known> series_;
};

class Sink {
 public:
  explicit Sink(bool check) : checks_(check) {}

  Answer reply(const Asked& asked) {
    if (asked.head.starts_with("GET /counts ")) return answer("200 OK", counts());
    constexpr std::string_view kRefuse = "POST /refuse/";
    if (asked.head.starts_with(kRefuse)) {
      const auto ms = parse_int(split(asked.head.substr(kRefuse.size()), ' ')[0]);
      refuse_until_ = Clock::now() + std::chrono::milliseconds(ms.value_or(0));
      return answer("204 No Content", "");
    }
    if (Clock::now() < refuse_until_) {
      ++refused_;
      return answer("503 Service Unavailable", "down as told\n");
    }
    return write(asked);
  }

 private:
  Answer write(const Asked& asked) {
    const std::string head = lower(asked.head);
    if (head.find("content-encoding: zstd") != head.npos) return answer("415 Unsupported Media Type", "snappy only\n");
    const auto protocol =
        head.find("proto=io.prometheus.write.v2.request") != head.npos ? wire::Protocol::V2 : wire::Protocol::V1;
    const auto message = wire::decompress(wire::Compression::Snappy, asked.body, kMostMessage);
    times_.clear();
    const auto counted = message ? count_write(*message, protocol, times_) : std::nullopt;
    if (!counted) {
      ++malformed_;
      return answer("400 Bad Request", "no such message\n");
    }
    ++(protocol == wire::Protocol::V2 ? requests_v2_ : requests_v1_);
    bytes_ += asked.head.size() + asked.body.size();
    exposed_ += counted->exposed;
    stale_ += counted->stale;
    others_ += counted->others;
    note_times();
    if (checks_)
      if (const auto whole = wire::decode(protocol, *message)) check_.add(*whole);
    return answer("204 No Content", "",
                  fmt::format("X-Prometheus-Remote-Write-Samples-Written: {}\r\n"
                              "X-Prometheus-Remote-Write-Histograms-Written: 0\r\n"
                              "X-Prometheus-Remote-Write-Exemplars-Written: 0\r\n",
                              counted->exposed + counted->stale + counted->others));
  }

  void note_times() {
    const EpochMs now = now_ms();
    for (const EpochMs time : times_) {
      ++latencies_[static_cast<std::size_t>(std::clamp<EpochMs>(now - time, 0, kMostLatency - 1))];
      if (time != time_ || at_time_ == nullptr) {  // most samples of a request are of one scrape
        time_ = time;
        at_time_ = &by_time_[time];
      }
      ++*at_time_;
    }
  }

  std::uint64_t latency(double share) const {
    auto rest = static_cast<std::uint64_t>(share * static_cast<double>(exposed_));
    for (std::size_t ms = 0; ms < latencies_.size(); ++ms) {
      if (rest <= latencies_[ms]) return ms;
      rest -= latencies_[ms];
    }
    return kMostLatency;
  }

  std::string counts() const {
    const std::pair<std::string_view, std::uint64_t> lines[] = {{"requests_v1", requests_v1_},
                                                                {"requests_v2", requests_v2_},
                                                                {"refused", refused_},
                                                                {"malformed", malformed_},
                                                                {"bytes", bytes_},
                                                                {"exposed", exposed_},
                                                                {"stale", stale_},
                                                                {"others", others_},
                                                                {"latency_p50_ms", latency(0.5)},
                                                                {"latency_p99_ms", latency(0.99)},
                                                                {"distinct", check_.distinct},
                                                                {"repeated", check_.repeated},
                                                                {"out_of_order", check_.out_of_order}};
    std::string out;
    for (const auto& [name, value] : lines) fmt::format_to(std::back_inserter(out), "{} {}\n", name, value);
    for (const auto& [time, samples] : by_time_) fmt::format_to(std::back_inserter(out), "at {} {}\n", time, samples);
    return out;
  }

  const bool checks_;
  Clock::time_point refuse_until_;
  std::uint64_t requests_v1_ = 0, requests_v2_ = 0, refused_ = 0, malformed_ = 0;
  std::uint64_t bytes_ = 0;  ///< heads and bodies, as they come
  std::uint64_t exposed_ = 0, stale_ = 0, others_ = 0;
  std::vector<EpochMs> times_;  ///< of one request
  std::vector<std::uint64_t> latencies_ = std::vector<std::uint64_t>(kMostLatency);
  std::map<EpochMs, std::uint64_t> by_time_;
  EpochMs time_ = 0;
  std::uint64_t* at_time_ = nullptr;  ///< of by_time_: of time_
  Check check_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::stop_source stop = stop_on({SIGINT, SIGTERM});
  Sink sink(argc > 1 && std::string_view(argv[1]) == "check");
  LoopServer server;
  const auto port = server.listen("127.0.0.1", 0, [&](const Asked& asked) { return sink.reply(asked); });
  if (!port) {
    std::fprintf(stderr, "relay_sink: %s\n", port.error().what.c_str());
    return EXIT_FAILURE;
  }
  std::printf("port %d\n", *port);
  std::fflush(stdout);
  server.run(stop.get_token());
  return EXIT_SUCCESS;
}
