#pragma once
// What a model's tokens cost: money of the GPUs that it holds over the tokens that it has read and made.
#include <optional>

#include "base/result.h"

namespace tessera::fleet {

/// Over one window, of all pods of a replica and all GPUs that they hold.
struct TokenCosts {
  double cost = 0;       ///< of what is held, idle time too, in the currency's unit
  double idle_cost = 0;  ///< of it, held and idle
  double prompt_tokens = 0;
  double cached_tokens = 0;  ///< of the prompt's, found in the cache
  double generation_tokens = 0;
};

struct TokenWeights {
  double output = 4;    ///< what a generated token counts, in prompt tokens
  double cached = 0.1;  ///< likewise one of the prompt that was in the cache
};

/// In the currency's unit for a million tokens; absent where there were none of them.
struct TokenPrices {
  std::optional<double> blended;     ///< prompt and generated alike
  std::optional<double> per_output;  ///< as if only what was generated counted
  std::optional<double> prompt;      ///< by TokenWeights, with `generated`
  std::optional<double> generated;
  std::optional<double> blended_used;  ///< blended, of what was not idle: to compare models by
};

/// Invalid for what is negative, and for more tokens in the cache than in the prompt.
Result<TokenPrices> token_prices(const TokenCosts& of, const TokenWeights& weights = {});

}  // namespace tessera::fleet
