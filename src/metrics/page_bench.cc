// A node's page: 50 families of 100 points, label sets of 350 bytes, 2 MB of text.
#include <benchmark/benchmark.h>

#include <deque>
#include <string>

#include "metrics/page.h"
#include "metrics/parse.h"

namespace {
using namespace tessera::metrics;

constexpr int kFamilies = 50;
constexpr int kSubjects = 100;

const Page& node_page() {
  static std::deque<std::string> names;
  static std::deque<Metric> metrics;
  static const Page page = [] {
    Page built;
    std::vector<LabelSet> subjects;
    for (int i = 0; i < kSubjects; ++i)
      subjects.push_back(built.labels(label_text({{"gpu", std::to_string(i / 7)},
                                                  {"UUID", "GPU-8f3c1b2a-5d4e-4f60-9a7b-0c1d2e3f4a5b"},
                                                  {"pci_bus_id", "00000000:3B:00.0"},
                                                  {"device", "nvidia0"},
                                                  {"modelName", "NVIDIA H100 80GB HBM3"},
                                                  {"GPU_I_PROFILE", "1g.10gb"},
                                                  {"GPU_I_ID", std::to_string(7 + i % 7)},
                                                  {"Hostname", "gpu-worker-01.cluster.example"},
                                                  {"DCGM_FI_DRIVER_VERSION", "550.54.15"},
                                                  {"container", "model-server"},
                                                  {"namespace", "team-translation"},
                                                  {"pod", "llama-server-7c9d8b6f54-x2x" + std::to_string(i)},
                                                  {"pod_uid", "0f9e8d7c-6b5a-4948-8372-615041302f1e"}})));
    for (int f = 0; f < kFamilies; ++f) {
      names.push_back("DCGM_FI_DEV_SOME_FIELD_" + std::to_string(f));
      built.family(
          metrics.emplace_back(Metric{names.back(), Type::Gauge, "", "Help of one sentence with its unit (in %)."}));
      for (int i = 0; i < kSubjects; ++i)
        built.add(subjects[static_cast<std::size_t>(i)], f % 2 == 0 ? f * 1000 + i : i / 7.0);
    }
    return built;
  }();
  return page;
}

void write(benchmark::State& state, std::string (*writer)(const Page&)) {
  const Page& page = node_page();
  std::size_t bytes = 0;
  for (auto _ : state) {
    std::string text = writer(page);
    bytes += text.size();
    benchmark::DoNotOptimize(text);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK_CAPTURE(write, text, write_text)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(write, openmetrics, write_openmetrics)->Unit(benchmark::kMicrosecond);

struct Count : PageReader {
  void sample(const Sample& sample) override { labels += sample.labels.size(); }
  std::size_t labels = 0;
};

using Parse = tessera::Result<void> (*)(std::string_view, PageReader&, Rules);
void parse(benchmark::State& state, Parse parser, std::string (*writer)(const Page&)) {
  const std::string text = writer(node_page());
  for (auto _ : state) {
    Count count;
    if (!parser(text, count, Rules::Grammar)) state.SkipWithError("does not parse");
    benchmark::DoNotOptimize(count);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(parse, text, parse_text, write_text)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(parse, openmetrics, parse_openmetrics, write_openmetrics)->Unit(benchmark::kMicrosecond);
}  // namespace
