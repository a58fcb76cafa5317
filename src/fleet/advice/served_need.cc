#include "fleet/advice/served_need.h"

#include <algorithm>

#include "base/text.h"
#include "fleet/decision/model_size.h"

namespace tessera::fleet::advice {
namespace {

constexpr double kVllmShare = 0.9;  // less than newer ones take, so that too little is promised

/// As the table of sizes names it. Weights are fp8 where they are published so: else they may be loaded as they are
/// published, and made smaller then. Of others (gptq) the name does not say how many bits there are.
std::optional<std::string> weights_of(const std::string& model, const EngineArguments& said) {
  struct Known {
    std::string_view flag, dtype;
  };
  constexpr Known kKnown[] = {{"awq", "awq"}, {"awq_marlin", "awq"}, {"mxfp4", "mxfp4"}};
  if (said.quantization.empty()) return said.dtype.empty() ? "auto" : said.dtype;
  if (said.quantization == "fp8") return lower(model).find("fp8") == std::string::npos ? "auto" : "fp8";
  const auto* known = std::ranges::find(kKnown, said.quantization, &Known::flag);
  return known == std::end(kKnown) ? std::nullopt : std::optional<std::string>(known->dtype);
}

std::optional<std::string> cache_of(const EngineArguments& said) {
  const std::string& dtype = said.kv_cache_dtype;
  if (dtype.starts_with("fp8")) return "fp8";
  if (dtype.empty() || dtype == "auto" || dtype == "bfloat16") return "auto";
  return std::nullopt;
}

}  // namespace

std::optional<ServedNeed> served_need(const std::string& model, Engine engine, const EngineArguments& said) {
  const auto* shape = decision::find_model_shape(model);
  const bool is_read = (said.names_model || said.context_tokens) && !said.says_more;
  const auto weights = weights_of(model, said), cache = cache_of(said);
  if (!shape || !is_read || !weights || !cache || (engine != Engine::Vllm && !said.memory_share)) return std::nullopt;
  decision::Serving how;
  how.dtype = *weights;
  how.kv_dtype = *cache;
  how.max_model_len = said.context_tokens.value_or(shape->context_tokens);
  how.utilization = said.memory_share.value_or(kVllmShare);
  const auto size = decision::size_of_model(*shape, how);
  if (!size) return std::nullopt;
  constexpr double kGiB = 1U << 30U;
  return ServedNeed{static_cast<std::uint64_t>((size->weights_gib + size->overhead_gib) * kGiB),
                    size->kv_bytes_per_token, how.max_model_len, how.utilization};
}

}  // namespace tessera::fleet::advice
