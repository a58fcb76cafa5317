#pragma once
// How a serving engine spreads a model over GPUs, by its command line: vLLM's and SGLang's flags. Pure.
#include <optional>
#include <span>
#include <string>

namespace tessera::fleet {

/// Absent where the command line does not say it: then the engine's default holds, which is 1, unless a file of
/// settings or a variable says otherwise.
struct Parallelism {
  std::optional<unsigned> tensor;
  std::optional<unsigned> pipeline;
  std::optional<unsigned> data;
  bool operator==(const Parallelism&) const = default;
};

/// `words` are command and arguments; a shell's script in one of them is taken apart at blanks.
Parallelism parallelism_of(std::span<const std::string> words);

}  // namespace tessera::fleet
