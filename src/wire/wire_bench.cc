// What a request of 10,000 samples costs: two exporters of GPU metrics, each 50 MIG instances by 100 metrics, 15
// labels. Counters `bytes` and `packed` are per sample.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "wire/compression.h"
#include "wire/request_writer.h"

namespace {
using namespace tessera;
using namespace tessera::wire;

constexpr std::size_t kTargets = 2;
constexpr std::size_t kInstances = 50;
constexpr std::size_t kMetrics = 100;
constexpr std::size_t kSamples = kTargets * kInstances * kMetrics;
constexpr EpochMs kTime = 1'793'210'400'123;

enum class Values { Mixed, AllRatios };

struct Metric {
  std::string name, help;
  metrics::Kind kind;
};

struct Load {
  std::vector<Metric> metrics;
  std::vector<std::vector<Label>> sets;  ///< of all targets, one after another
  std::vector<std::vector<metrics::Label>> views;
  std::vector<double> values;  ///< by target, metric, instance: as pages have them
};

std::vector<Label> labels_of(std::size_t target, std::size_t instance, std::mt19937& random) {
  const std::size_t gpu = instance / 7;
  const std::string node = fmt::format("gpu-worker-{:02}", target);
  return {
      {"DCGM_FI_DRIVER_VERSION", "550.54.15"},
      {"GPU_I_ID", std::to_string(7 + instance % 7)},
      {"GPU_I_PROFILE", "1g.10gb"},
      {"Hostname", node + ".cluster.example"},
      {"UUID", fmt::format("GPU-{:08x}-5d4e-4f60-9a7b-0c1d2e3f4a5b", (target * 8 + gpu) * 0x9e3779b9U % 0xffffffffU)},
      {"container", "model-server"},
      {"device", fmt::format("nvidia{}", gpu)},
      {"gpu", std::to_string(gpu)},
      {"instance", fmt::format("10.0.3.{}:9400", target)},
      {"job", "dcgm"},
      {"modelName", "NVIDIA H100 80GB HBM3"},
      {"namespace", std::array{"team-translation", "team-search", "research"}[random() % 3]},
      {"node", node},
      {"pci_bus_id", fmt::format("00000000:{:02X}:00.0", 11 + gpu * 16)},
      {"pod", fmt::format("llama-server-7c9d8b6f54-{:05x}", random() % 0xfffff)}};
}

/// A quarter of the metrics is zero (errors, violations), a third whole numbers (clocks, temperatures, MiB), the rest
/// ratios with six digits, of which a third is zero (idle).
double value_of(std::size_t metric, Values values, std::mt19937& random) {
  const double ratio = std::round(static_cast<double>(random()) / 4294.967296) / 1e6;
  if (values == Values::AllRatios) return ratio;
  const std::size_t kind = metric * 7 % 20;
  if (kind < 5) return 0;
  if (kind < 12) return static_cast<double>(random() % std::array{100U, 2000U, 81920U}[random() % 3]);
  return random() % 3 == 0 ? 0 : ratio;
}

Load make_load(Values values) {
  std::mt19937 random(1);
  Load load;
  for (std::size_t i = 0; i < kMetrics; ++i)
    load.metrics.push_back({fmt::format("DCGM_FI_DEV_SOME_FIELD_NAME_{}", i),
                            fmt::format("Help of one sentence, number {}, with its unit (in %).", i),
                            i % 4 == 0 ? metrics::Kind::Counter : metrics::Kind::Gauge});
  for (std::size_t target = 0; target < kTargets; ++target) {
    for (std::size_t i = 0; i < kInstances; ++i) load.sets.push_back(labels_of(target, i, random));
    for (std::size_t i = 0; i < kMetrics * kInstances; ++i)
      load.values.push_back(value_of(i / kInstances, values, random));
  }
  for (const auto& set : load.sets) {
    auto& view = load.views.emplace_back();
    for (const auto& label : set) view.push_back({label.name, label.value});
  }
  return load;
}

const Load& load_of(Values values) {
  static const Load mixed = make_load(Values::Mixed);
  static const Load ratios = make_load(Values::AllRatios);
  return values == Values::Mixed ? mixed : ratios;
}

/// As a relay does it: page after page, family after family; handles once per target.
void add(RequestWriter& writer, const Load& load) {
  std::array<LabelsRef, kInstances> sets{};
  const double* value = load.values.data();
  for (std::size_t target = 0; target < kTargets; ++target) {
    for (std::size_t i = 0; i < kInstances; ++i) sets[i] = writer.labels(load.views[target * kInstances + i]);
    for (const auto& metric : load.metrics) {
      const MetricRef ref = writer.metric(metric.name, metric.kind, metric.help, "");
      for (const LabelsRef set : sets) writer.sample(ref, set, *value++, kTime + static_cast<EpochMs>(target) * 650);
    }
  }
}

void per_sample(benchmark::State& state, std::size_t samples) {
  state.counters["per_sample"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(samples),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

double each(std::size_t bytes) { return static_cast<double>(bytes) / static_cast<double>(kSamples); }

void encode(benchmark::State& state, Protocol protocol, Values values) {
  const Load& load = load_of(values);
  RequestWriter writer(protocol);
  std::size_t bytes = 0;
  for (auto _ : state) {
    add(writer, load);
    bytes = writer.finish().size();
  }
  state.counters["bytes"] = each(bytes);
  per_sample(state, kSamples);
}

void pack(benchmark::State& state, Protocol protocol, Values values, Compression compression) {
  RequestWriter writer(protocol);
  add(writer, load_of(values));
  const std::string message(writer.finish());
  Compressor compressor(compression);
  std::size_t bytes = 0;
  for (auto _ : state) bytes = compressor.compress(message).size();
  state.counters["packed"] = each(bytes);
  per_sample(state, kSamples);
}

/// The other extreme: every series has a label set of its own.
void encode_distinct(benchmark::State& state) {
  const Load& load = load_of(Values::Mixed);
  RequestWriter writer(Protocol::V2);
  std::size_t samples = 0;
  for (auto _ : state) {
    const MetricRef metric = writer.metric("node_cpu_seconds_total", metrics::Kind::Counter, "Help.", "");
    for (const auto& view : load.views) writer.sample(metric, writer.labels(view), 1.5, kTime);
    samples = writer.samples();
    benchmark::DoNotOptimize(writer.finish());
  }
  per_sample(state, samples);
}

void read(benchmark::State& state, Protocol protocol) {
  RequestWriter writer(protocol);
  add(writer, load_of(Values::Mixed));
  const std::string message(writer.finish());
  for (auto _ : state) benchmark::DoNotOptimize(decode(protocol, message));
  per_sample(state, kSamples);
}

BENCHMARK_CAPTURE(encode, v2, Protocol::V2, Values::Mixed);
BENCHMARK_CAPTURE(encode, v1, Protocol::V1, Values::Mixed);
BENCHMARK(encode_distinct);
BENCHMARK_CAPTURE(pack, v2_snappy, Protocol::V2, Values::Mixed, Compression::Snappy);
BENCHMARK_CAPTURE(pack, v2_snappy_all_ratios, Protocol::V2, Values::AllRatios, Compression::Snappy);
BENCHMARK_CAPTURE(pack, v1_snappy, Protocol::V1, Values::Mixed, Compression::Snappy);
BENCHMARK_CAPTURE(pack, v1_zstd, Protocol::V1, Values::Mixed, Compression::Zstd);
BENCHMARK_CAPTURE(read, v2, Protocol::V2);
BENCHMARK_CAPTURE(read, v1, Protocol::V1);
}  // namespace
