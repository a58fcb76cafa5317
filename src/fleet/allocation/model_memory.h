#pragma once
// How much memory a language model needs to be served: weights, the cache of keys and values, and what the engine takes
// for itself.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::fleet {

struct ModelMemory {
  std::uint64_t mib = 0;  ///< on one device
  std::string assumed;    ///< the sum in words, with each of its parts
};

/// `model` as it is named where models are shared, with its publisher or without: "meta-llama/Llama-3.1-8B-Instruct".
/// `dtype` of weights: "bfloat16", "float16", "fp8", "int4"; empty: bfloat16. `tokens`: the longest sequence; 0: 8,192.
/// `concurrency`: so many such sequences at a time. `devices`: that share it by tensor parallelism. NotFound, naming
/// those that there are, for another model.
Result<ModelMemory> memory_of_model(std::string_view model, std::string_view dtype, std::uint64_t tokens,
                                    std::uint64_t concurrency, unsigned devices = 1);

}  // namespace tessera::fleet
