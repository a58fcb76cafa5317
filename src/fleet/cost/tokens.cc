#include "fleet/cost/tokens.h"

#include <algorithm>
#include <array>

namespace tessera::fleet {

Result<TokenPrices> token_prices(const TokenCosts& of, const TokenWeights& weights) {
  const std::array all = {of.cost,        of.idle_cost,  of.prompt_tokens, of.cached_tokens, of.generation_tokens,
                          weights.output, weights.cached};
  if (!std::ranges::all_of(all, [](double one) { return one >= 0; }))
    return fail(Code::Invalid, "cost of tokens: no figure may be negative");
  if (of.cached_tokens > of.prompt_tokens || of.idle_cost > of.cost)
    return fail(Code::Invalid, "cost of tokens: a part is more than its whole");
  constexpr double kMillion = 1e6;
  const auto price = [&](double cost, double tokens) {
    return tokens > 0 ? std::optional(cost / tokens * kMillion) : std::nullopt;
  };
  const double counted_prompt = of.prompt_tokens - of.cached_tokens + weights.cached * of.cached_tokens;
  TokenPrices out;
  out.blended = price(of.cost, of.prompt_tokens + of.generation_tokens);
  out.blended_used = price(of.cost - of.idle_cost, of.prompt_tokens + of.generation_tokens);
  out.per_output = price(of.cost, of.generation_tokens);
  out.prompt = price(of.cost, counted_prompt + weights.output * of.generation_tokens);
  if (out.prompt) out.generated = *out.prompt * weights.output;
  return out;
}

}  // namespace tessera::fleet
