#include "fleet/allocation/model_memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace tessera::fleet {
namespace {

struct Architecture {
  std::string_view name;  ///< what its name has in it, in lower case
  double parameters = 0;
  std::uint64_t layers = 0, kv_heads = 0, head_size = 0;
};
/// From the models' published configurations. The first that matches counts, so longer names stand first.
constexpr Architecture kArchitectures[] = {
    {"llama-3.1-8b", 8.03e9, 32, 8, 128},   {"llama-3-8b", 8.03e9, 32, 8, 128},
    {"llama-3.1-70b", 70.55e9, 80, 8, 128}, {"llama-3.3-70b", 70.55e9, 80, 8, 128},
    {"llama-3-70b", 70.55e9, 80, 8, 128},   {"qwen2.5-7b", 7.62e9, 28, 4, 128},
    {"qwen2.5-32b", 32.76e9, 64, 8, 128},   {"qwen2.5-72b", 72.71e9, 80, 8, 128},
    {"qwen3-8b", 8.19e9, 36, 8, 128},       {"qwen3-32b", 32.76e9, 64, 8, 128},
    {"qwen3-30b-a3b", 30.53e9, 48, 4, 128}, {"qwen3-235b-a22b", 235.1e9, 94, 4, 128},
    {"mistral-7b", 7.25e9, 32, 8, 128},     {"mistral-small-24b", 23.57e9, 40, 8, 128},
    {"mixtral-8x7b", 46.70e9, 32, 8, 128}};

struct Weights {
  std::string_view name;
  double bytes = 0;  ///< of a parameter; int4 with its scales
};
constexpr Weights kWeights[] = {{"bfloat16", 2}, {"bf16", 2}, {"float16", 2}, {"fp16", 2},
                                {"fp8", 1},      {"int8", 1}, {"int4", 0.56}, {"awq", 0.56}};

constexpr double kMib = 1024.0 * 1024.0;
constexpr double kOverheadMib = 2048;  // CUDA context, graphs, peak of activations: 1.5 to 3 GiB
constexpr double kUsable = 0.9;        // what vLLM takes of the memory unless told otherwise
constexpr std::uint64_t kTokens = 8'192;
constexpr double kBytesOfKeys = 2;  // keys and values are kept in 16 bits, whatever weights are

}  // namespace

Result<ModelMemory> memory_of_model(std::string_view model, std::string_view dtype, std::uint64_t tokens,
                                    std::uint64_t concurrency, unsigned devices) {
  const std::string name = lower(model);
  const auto* of = std::ranges::find_if(
      kArchitectures, [&](const Architecture& one) { return name.find(one.name) != std::string::npos; });
  if (of == std::end(kArchitectures)) {
    std::vector<std::string_view> known;
    for (const Architecture& one : kArchitectures) known.push_back(one.name);
    return fail(Code::NotFound,
                "'{}' is not known here, so its memory has to be given (requiredMemoryGb); known are {}",
                valid_utf8(model.substr(0, 100)), fmt::join(known, ", "));
  }
  const std::string type = dtype.empty() ? std::string(kWeights[0].name) : lower(dtype);
  const auto* weights = std::ranges::find(kWeights, type, &Weights::name);
  if (weights == std::end(kWeights)) {
    std::vector<std::string_view> known;
    for (const Weights& one : kWeights) known.push_back(one.name);
    return fail(Code::Invalid, "dtype '{}' is none of {}", valid_utf8(dtype.substr(0, 100)), fmt::join(known, ", "));
  }
  const std::uint64_t length = tokens > 0 ? tokens : kTokens;
  const double per_token = 2 * static_cast<double>(of->layers) * static_cast<double>(of->kv_heads) *
                           static_cast<double>(of->head_size) * kBytesOfKeys;
  const double weight_mib = of->parameters * weights->bytes / kMib / devices;
  // A head of keys is not divided.
  const double cache_mib = per_token * static_cast<double>(length) * static_cast<double>(concurrency) / kMib /
                           static_cast<double>(std::min<std::uint64_t>(devices, of->kv_heads));
  const double all = std::ceil((weight_mib + cache_mib + kOverheadMib) / kUsable);
  return ModelMemory{
      static_cast<std::uint64_t>(all),
      fmt::format(
          "{} with {} weights on {}: {:.0f} MiB of weights, {:.0f} MiB of keys and values ({} sequences of {} tokens, "
          "{:.0f} bytes each), {:.0f} MiB for the engine, of which all are {:.0f} % of the memory that it takes",
          of->name, weights->name, devices == 1 ? "one device" : fmt::format("each of {} devices", devices), weight_mib,
          cache_mib, concurrency, length, per_token, kOverheadMib, 100 * kUsable)};
}

}  // namespace tessera::fleet
