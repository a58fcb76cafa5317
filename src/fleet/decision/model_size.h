#pragma once
// How much memory a device or instance must have to serve a language model, for requests that name the model instead
// of the memory.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::fleet::decision {

/// As a model's config.json says.
struct ModelShape {
  std::string_view name;     ///< "Llama-3.1-8B": what its name has in it, behind the publisher's
  double parameters_e9 = 0;  ///< all of them, also of experts that are not active
  unsigned layers = 0;
  unsigned kv_heads = 0;  ///< 0: latent attention (MLA)
  unsigned head_dim = 0;  ///< with MLA: of the latent and its rotary part together
  /// Tokens that a request may have where nobody says otherwise: of the published models of the name the one with most.
  unsigned context_tokens = 0;
  double native_bytes = 2;  ///< of a parameter, as it is published
};

std::span<const ModelShape> model_shapes();
/// "meta-llama/Meta-Llama-3.1-8B-Instruct" finds Llama-3.1-8B; null where it is not in the table.
const ModelShape* find_model_shape(std::string_view model);

struct Serving {
  std::string dtype = "auto";     ///< auto, bfloat16, float16, fp8, int8, int4, awq, gptq, mxfp4: of the weights
  std::string kv_dtype = "auto";  ///< auto: two bytes; fp8: one
  unsigned max_model_len = 0;     ///< tokens; of prompt and answer together
  unsigned concurrency = 1;       ///< requests at a time, each of that length at worst
  double utilization = 0.9;       ///< of the memory that the engine takes (vLLM's --gpu-memory-utilization)
  unsigned tensor_parallel = 1;
  unsigned pipeline_parallel = 1;
};

struct ModelSize {
  std::uint64_t memory_mib = 0;  ///< of each device
  unsigned devices = 1;
  bool may_be_mig = true;  ///< not with several devices: instances have no peer-to-peer and no NVLink
  double weights_gib = 0, kv_gib = 0, overhead_gib = 0;  ///< of each device
  std::uint64_t kv_bytes_per_token = 0;                  ///< likewise
  std::vector<std::string> assumed;                      ///< a sentence each
};

/// (weights + KV + overhead) / utilization. Invalid for a dtype that is not known and for lengths of 0.
Result<ModelSize> size_of_model(const ModelShape& shape, const Serving& serving);

}  // namespace tessera::fleet::decision
