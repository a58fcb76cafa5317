// Reading one dcgm-exporter-like page of about 1 MB and 5,000 samples: its series known, and all new; and the whole way
// from such pages to requests.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "relay/outlet.h"
#include "relay/scrape_cache.h"

namespace tessera::relay {
namespace {

/// 91 metrics of 55 instances, unless others are wanted; values change from page to page.
std::string dcgm_page(unsigned round, unsigned metrics = 91, unsigned gpus = 55) {
  std::string page;
  for (unsigned metric = 0; metric < metrics; ++metric) {
    page += fmt::format(
        "# HELP DCGM_FI_DEV_FIELD_{0} What field {0} says of its device.\n# TYPE DCGM_FI_DEV_FIELD_{0} gauge\n",
        metric);
    for (unsigned gpu = 0; gpu < gpus; ++gpu) {
      const unsigned load = (round * 7 + metric * 13 + gpu * 5) % 997;
      page += fmt::format(
          "DCGM_FI_DEV_FIELD_{}{{gpu=\"{}\",UUID=\"GPU-6ee0b2f1-aaaa-bbbb-cccc-{:012}\",pci_bus_id=\"00000000:{:02X}:"
          "00.0\","
          "device=\"nvidia{}\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"worker-01\","
          "DCGM_FI_DRIVER_VERSION=\"550.54.15\"}} {}\n",
          metric, gpu, gpu, gpu, gpu, metric % 3 == 0 ? fmt::format("{:.6f}", load / 1000.0) : std::to_string(load));
    }
  }
  return page;
}

/// The same in OpenMetrics, each sample with `ending` behind its value.
std::string openmetrics_page(unsigned round, std::string_view ending) {
  std::string page;
  bool is_sample = false;
  for (const char c : dcgm_page(round)) {
    if (page.empty() || page.back() == '\n') is_sample = c != '#';
    if (c == '\n' && is_sample) page += ending;
    page += c;
  }
  return page + "# EOF\n";
}

constexpr EpochMs kNow = 1'700'000'000'000;

ScrapedPage scrape(ScrapeCache& cache, const std::string& page, metrics::Format format = metrics::Format::Text) {
  constexpr std::size_t kPiece = 128U << 10U;  // what comes out of a socket at once
  cache.begin(format, kNow);
  for (std::size_t at = 0; at < page.size(); at += kPiece)
    if (!cache.feed(std::string_view(page).substr(at, kPiece))) std::abort();
  auto done = cache.finish();
  if (!done) std::abort();
  return *std::move(done);
}

std::size_t read(ScrapeCache& cache, const std::string& page, metrics::Format format = metrics::Format::Text) {
  return scrape(cache, page, format).samples.size();
}

void count(benchmark::State& state, std::size_t samples, std::size_t bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void read_again(benchmark::State& state, metrics::Format format, const std::vector<std::string>& pages) {
  ScrapeCache cache({});
  read(cache, pages[0], format);
  std::size_t samples = 0, bytes = 0, round = 0;
  for (auto _ : state) {
    const std::string& page = pages[++round % pages.size()];
    samples += read(cache, page, format);
    bytes += page.size();
  }
  count(state, samples, bytes);
}

void BM_SeriesKnown(benchmark::State& state) {
  std::vector<std::string> pages;
  for (unsigned round = 0; round < 16; ++round) pages.push_back(dcgm_page(round));
  read_again(state, metrics::Format::Text, pages);
}
BENCHMARK(BM_SeriesKnown)->Unit(benchmark::kMicrosecond);

void BM_SeriesKnownOpenMetrics(benchmark::State& state, std::string_view ending) {
  std::vector<std::string> pages;
  for (unsigned round = 0; round < 16; ++round) pages.push_back(openmetrics_page(round, ending));
  read_again(state, metrics::Format::OpenMetrics, pages);
}
BENCHMARK_CAPTURE(BM_SeriesKnownOpenMetrics, values, "")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_SeriesKnownOpenMetrics, times, " 1700000000.25")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_SeriesKnownOpenMetrics, exemplars, " # {trace_id=\"4bf92f3577b34da6\"} 0.5 1700000000.25")
    ->Unit(benchmark::kMicrosecond);

struct Flow {
  ScrapeCache cache{{}};
  Outlet outlet;
  Flow(const Destination& destination, Batch& batch) : outlet(destination, batch) {}
};

/// Pages of so many targets in turn: the more there are, the less of what is known of one is in the processor's cache.
/// The smaller a page, the more of it are its names, which each request says once.
void BM_PagesToRequests(benchmark::State& state) {
  const auto metrics = static_cast<unsigned>(state.range(1)), gpus = static_cast<unsigned>(state.range(2));
  std::vector<std::string> pages;
  for (unsigned round = 0; round < 16; ++round) pages.push_back(dcgm_page(round, metrics, gpus));
  const Destination destination;
  Batch batch(
      {}, [] { return RequestKind::V2Snappy; },
      [](const SealedBatch& sealed) { benchmark::DoNotOptimize(sealed.body.data()); });
  std::vector<std::unique_ptr<Flow>> flows;
  for (int i = 0; i < state.range(0); ++i) flows.push_back(std::make_unique<Flow>(destination, batch));
  std::size_t samples = 0, bytes = 0, round = 0;
  const auto go = [&] {
    const std::string& page = pages[round % pages.size()];
    Flow& flow = *flows[round % flows.size()];
    const ScrapedPage got = scrape(flow.cache, page);
    const EpochMs time = kNow + static_cast<EpochMs>(round++);
    flow.outlet.deliver({flow.cache.table(), flow.cache.epoch(), got.samples, got.times, got.exemplars, time}, {});
    samples += got.samples.size();
    bytes += page.size();
  };
  while (round < flows.size()) go();
  samples = bytes = 0;
  for (auto _ : state) go();
  count(state, samples, bytes);
}
BENCHMARK(BM_PagesToRequests)
    ->Args({1, 91, 55})
    ->Args({100, 91, 55})
    ->Args({250, 50, 8})
    ->Unit(benchmark::kMicrosecond);

void BM_SeriesUnknown(benchmark::State& state) {
  const std::string page = dcgm_page(0);
  std::size_t samples = 0, bytes = 0;
  for (auto _ : state) {
    ScrapeCache cache({});
    samples += read(cache, page);
    bytes += page.size();
  }
  count(state, samples, bytes);
}
BENCHMARK(BM_SeriesUnknown)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tessera::relay
