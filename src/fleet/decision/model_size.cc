#include "fleet/decision/model_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;
constexpr double kOverheadGib = 2.0;  // CUDA context, graphs and the peak of activations: 1.5 to 3

constexpr ModelShape kShapes[] = {
    {"Llama-3.1-8B", 8.03, 32, 8, 128, 131'072},
    {"Llama-3.1-70B", 70.55, 80, 8, 128, 131'072},
    {"Llama-3.3-70B", 70.55, 80, 8, 128, 131'072},
    {"Qwen2.5-7B", 7.62, 28, 4, 128, 1'010'000},
    {"Qwen2.5-32B", 32.76, 64, 8, 128, 131'072},
    {"Qwen2.5-72B", 72.71, 80, 8, 128, 131'072},
    {"Qwen3-8B", 8.19, 36, 8, 128, 40'960},
    {"Qwen3-32B", 32.76, 64, 8, 128, 40'960},
    {"Qwen3-30B-A3B", 30.53, 48, 4, 128, 262'144},
    {"Qwen3-235B-A22B", 235.1, 94, 4, 128, 262'144},
    {"Mistral-7B", 7.25, 32, 8, 128, 32'768},
    {"Mistral-Small-24B", 23.57, 40, 8, 128, 32'768},
    {"Mixtral-8x7B", 46.70, 32, 8, 128, 32'768},
    {"DeepSeek-V3", 671, 61, 0, 576, 163'840, 1},
    {"DeepSeek-R1", 671, 61, 0, 576, 163'840, 1},
    {"gpt-oss-20b", 20.9, 24, 8, 64, 131'072, 0.6576},
    {"gpt-oss-120b", 116.8, 36, 8, 64, 131'072, 0.5589},
};

struct Dtype {
  std::string_view name;
  double bytes;
};
// Of a parameter; four bits with their scales.
constexpr Dtype kDtypes[] = {{"bfloat16", 2}, {"bf16", 2},    {"float16", 2}, {"half", 2},    {"fp8", 1},
                             {"int8", 1},     {"int4", 0.56}, {"awq", 0.56},  {"gptq", 0.56}, {"mxfp4", 0.53}};

Result<double> bytes_of(std::string_view dtype, double when_auto) {
  if (dtype == "auto") return when_auto;
  const auto* found = std::ranges::find(kDtypes, dtype, &Dtype::name);
  if (found == std::end(kDtypes))
    return fail(Code::Invalid, "dtype '{}': auto, bfloat16, float16, fp8, int8, int4, awq, gptq or mxfp4 expected",
                dtype);
  return found->bytes;
}

/// Whether `words` are in `name` and no part of longer words.
bool has_words(std::string_view name, std::string_view words) {
  const auto parts = [](char c) { return c == '-' || c == '_' || c == '.'; };
  for (auto at = name.find(words); at != std::string_view::npos; at = name.find(words, at + 1)) {
    const std::string_view behind = name.substr(at + words.size());
    if ((at == 0 || parts(name[at - 1])) && (behind.empty() || parts(behind.front()))) return true;
  }
  return false;
}

}  // namespace

std::span<const ModelShape> model_shapes() { return kShapes; }

const ModelShape* find_model_shape(std::string_view model) {
  std::string name = lower(model.substr(model.rfind('/') + 1));
  // A distilled model has the shape of what it was distilled into, which is named last.
  constexpr std::string_view kInto = "distill-";
  if (const auto at = name.find(kInto); at != std::string::npos) name.erase(0, at + kInto.size());
  const ModelShape* best = nullptr;
  for (const ModelShape& one : kShapes)
    if (has_words(name, lower(one.name)) && (!best || one.name.size() > best->name.size())) best = &one;
  return best;
}

Result<ModelSize> size_of_model(const ModelShape& shape, const Serving& serving) {
  if (serving.max_model_len == 0 || serving.concurrency == 0)
    return fail(Code::Invalid, "the size of {} needs a length in tokens and at least one request at a time",
                shape.name);
  if (serving.tensor_parallel == 0 || serving.pipeline_parallel == 0)
    return fail(Code::Invalid, "{} on 0 devices: tensor and pipeline parallelism are 1 or more", shape.name);
  if (!(serving.utilization > 0 && serving.utilization <= 1))
    return fail(Code::Invalid, "a memory utilization of {}: above 0, at most 1 expected", serving.utilization);
  const double weight_bytes = TRY(bytes_of(serving.dtype, shape.native_bytes));
  const double kv_bytes = TRY(bytes_of(serving.kv_dtype, 2));
  ModelSize out;
  out.devices = serving.tensor_parallel * serving.pipeline_parallel;
  out.may_be_mig = out.devices == 1;
  // Heads are shared out among the ranks, and a latent is on each of them.
  const double of_layer =
      shape.kv_heads == 0 ? shape.head_dim
                          : 2.0 * shape.head_dim * shape.kv_heads / std::min(serving.tensor_parallel, shape.kv_heads);
  out.kv_bytes_per_token =
      static_cast<std::uint64_t>(std::ceil(shape.layers * of_layer * kv_bytes / serving.pipeline_parallel));
  const double tokens = static_cast<double>(serving.max_model_len) * serving.concurrency;
  out.weights_gib = shape.parameters_e9 * 1e9 * weight_bytes / out.devices / kGib;
  out.kv_gib = static_cast<double>(out.kv_bytes_per_token) * tokens / kGib;
  out.overhead_gib = kOverheadGib;
  const double gib = (out.weights_gib + out.kv_gib + out.overhead_gib) / serving.utilization;
  out.memory_mib = static_cast<std::uint64_t>(std::ceil(gib * 1024));
  out.assumed = {
      fmt::format("weights: {} billion parameters of {} bytes", shape.parameters_e9, weight_bytes),
      fmt::format(
          "KV: {} requests of {} tokens at a time, {} bytes a token on each device, none shared between requests",
          serving.concurrency, serving.max_model_len, out.kv_bytes_per_token),
      fmt::format("{} GiB beside them for the CUDA context, graphs and activations", kOverheadGib),
      fmt::format("the engine takes {:.0f} % of the memory", 100 * serving.utilization)};
  if (serving.max_model_len > shape.context_tokens)
    out.assumed.push_back(fmt::format(
        "{} tokens are more than the {} that {} is published with: an engine serves them only where it is "
        "told to stretch positions (RoPE scaling), and else refuses to start: ask for a shorter maxModelLen",
        number_text(serving.max_model_len), number_text(shape.context_tokens), shape.name));
  if (!out.may_be_mig)
    out.assumed.push_back(
        "no MIG: between instances there is neither peer-to-peer nor NVLink, so a model is not spread "
        "over them");
  return out;
}

}  // namespace tessera::fleet::decision
