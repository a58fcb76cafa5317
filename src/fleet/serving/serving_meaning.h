#pragma once
// What a series of a serving engine says, by its name: vLLM's under the names of its old and its present engine, and
// SGLang's. All else says nothing here.
#include <cstdint>
#include <optional>
#include <string_view>

namespace tessera::fleet {

enum class Engine : std::uint8_t { Vllm, Sglang };
inline constexpr std::size_t kEngines = 2;
std::string_view engine_name(Engine engine);  ///< "vllm"

enum class Measure : std::uint8_t {
  Running,
  Waiting,
  KvUsed,       ///< 0 to 1
  KvCapacity,   ///< tokens
  CacheConfig,  ///< its labels tell the capacity
  PrefixHitRatio,
  PrefixQueries,
  PrefixHits,
  PromptTokens,
  CachedPromptTokens,
  GenerationTokens,
  Preemptions,
  Finished,
  Awake,
  // Histograms.
  FirstToken,
  InterToken,
  EndToEnd,
  Queue
};
inline constexpr std::size_t kMeasures = 18;
bool is_histogram(Measure measure);
bool is_counter(Measure measure);

struct ServingMeaning {
  Engine engine{};
  Measure measure{};
  enum class Piece : std::uint8_t { Value, Sum, Count, Bucket } piece = Piece::Value;
  bool old = false;  ///< a name that was replaced: it counts where the new one is not told
  bool operator==(const ServingMeaning&) const = default;
};

std::optional<ServingMeaning> serving_meaning(std::string_view metric);

}  // namespace tessera::fleet
