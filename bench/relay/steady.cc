#include "bench/relay/steady.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "bench/process_cost.h"

namespace tessera::bench {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// All three send what they have at least so often; later samples count as not delivered.
constexpr unsigned kGraceSeconds = 6;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

std::optional<Steady> run_steady(const Contender& contender, const LoadShape& shape, unsigned seconds) {
  Stage stage(contender, shape, false);
  const auto begin = Clock::now();
  stage.start();
  const pid_t pid = stage.program().pid();
  std::vector<double> rss, anon;
  for (auto next = begin + 1s; next <= begin + std::chrono::seconds(seconds + kGraceSeconds); next += 1s) {
    std::this_thread::sleep_until(next);
    rss.push_back(status_mib(pid, "VmRSS"));
    anon.push_back(status_mib(pid, "RssAnon"));
  }
  if (!stage.delivers()) return std::nullopt;
  const Received received = stage.received();
  const double cpu = cpu_seconds(pid);
  const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();

  Steady out{};
  const EpochMs interval_ms = 1000LL * shape.interval_s;
  const EpochMs first = received.by_time.front().first;
  const unsigned intervals = seconds / shape.interval_s;
  out.offered = shape.per_second() * seconds;
  out.delivered = received.within(first, interval_ms * intervals);
  for (unsigned i = 0; i < out.first_intervals.size(); ++i)
    out.first_intervals[i] =
        i < intervals ? received.within(first + i * interval_ms, interval_ms) / (shape.per_second() * shape.interval_s)
                      : std::nan("");
  out.cpu_share = cpu / elapsed;
  out.cpu_per_million = cpu / received["exposed"] * 1e6;
  out.rss_median_mib = median(rss);
  out.rss_peak_mib = status_mib(pid, "VmHWM");
  out.anon_median_mib = median(anon);
  out.anon_peak_mib = std::ranges::max(anon);
  out.p50_s = received["latency_p50_ms"] / 1e3;
  out.p99_s = received["latency_p99_ms"] / 1e3;
  out.bytes_per_sample = received["bytes"] / (received["exposed"] + received["others"] + received["stale"]);
  out.protocol = received["requests_v2"] > 0 ? "2.0" : "1.0";
  return out;
}

}  // namespace tessera::bench
