#include "fleet/cluster/parallelism.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace tessera::fleet {
namespace {

constexpr std::int64_t kMost = 4096;

struct Flag {
  std::string_view name;
  std::optional<unsigned> Parallelism::* field;
};
constexpr Flag kFlags[] = {
    {"--data-parallel-size", &Parallelism::data},
    {"--dp", &Parallelism::data},
    {"--dp-size", &Parallelism::data},
    {"--pipeline-parallel-size", &Parallelism::pipeline},
    {"--pp", &Parallelism::pipeline},
    {"--pp-size", &Parallelism::pipeline},
    {"--tensor-parallel-size", &Parallelism::tensor},
    {"--tp", &Parallelism::tensor},
    {"--tp-size", &Parallelism::tensor},
    {"-dp", &Parallelism::data},
    {"-pp", &Parallelism::pipeline},
    {"-tp", &Parallelism::tensor},
};

std::vector<std::string> words_in(std::span<const std::string> texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    std::string word;
    for (const char c : text + " ") {
      const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';';
      if (blank && !word.empty()) out.push_back(std::exchange(word, {}));
      if (!blank && c != '"' && c != '\'' && c != '\\') word += c;
    }
  }
  return out;
}

}  // namespace

Parallelism parallelism_of(std::span<const std::string> texts) {
  Parallelism out;
  const auto words = words_in(texts);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto equals = std::min(words[i].find('='), words[i].size());
    std::string name = words[i].substr(0, equals);
    if (!name.starts_with('-')) continue;
    std::ranges::replace(name, '_', '-');
    const auto* flag = std::ranges::find(kFlags, name, &Flag::name);
    if (flag == std::end(kFlags)) continue;
    const bool joined = equals < words[i].size();
    const auto value = joined                 ? parse_int(words[i].substr(equals + 1))
                       : i + 1 < words.size() ? parse_int(words[i + 1])
                                              : std::nullopt;
    if (value && *value >= 1 && *value <= kMost) out.*(flag->field) = static_cast<unsigned>(*value);
  }
  return out;
}

}  // namespace tessera::fleet
