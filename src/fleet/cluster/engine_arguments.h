#pragma once
// What a serving engine's command line says of the model's GPUs and memory: vLLM's and SGLang's flags. Pure.
#include <optional>
#include <span>
#include <string>

namespace tessera::fleet {

/// Absent or empty where the command line does not say it: then the engine's default holds, unless a variable says
/// otherwise.
struct EngineArguments {
  // GPUs that the model is spread over; 1 by default.
  std::optional<unsigned> tensor{};
  std::optional<unsigned> pipeline{};
  std::optional<unsigned> data{};
  // Memory.
  std::optional<unsigned> context_tokens{};  ///< that a request and its answer may have
  std::optional<double> memory_share{};      ///< of the device's, that the engine takes
  std::string dtype{}, quantization{}, kv_cache_dtype{};
  bool names_model = false;  ///< so it is an engine's command line, and what it does not say is not said
  /// It has something of GPUs or memory that is not read here: a file of settings, an override, a value that is filled
  /// in elsewhere.
  bool says_more = false;
  bool operator==(const EngineArguments&) const = default;
};

/// `words` are command and arguments; a shell's script in one of them is taken apart at blanks.
EngineArguments engine_arguments_of(std::span<const std::string> words);

}  // namespace tessera::fleet
