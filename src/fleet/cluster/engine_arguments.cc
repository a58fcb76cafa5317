#include "fleet/cluster/engine_arguments.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/text.h"

namespace tessera::fleet {
namespace {

/// False for a value that cannot be read.
using Take = bool (*)(EngineArguments& into, std::string_view value);

template <std::optional<unsigned> EngineArguments::* member>
bool take_count(EngineArguments& into, std::string_view value) {
  constexpr std::int64_t kMost = 4096;
  const auto count = parse_int(value);
  if (!count || *count < 1 || *count > kMost) return false;
  into.*member = static_cast<unsigned>(*count);
  return true;
}

/// vLLM's: "32768", "32k" of a thousand, "32K" of 1024.
bool take_tokens(EngineArguments& into, std::string_view value) {
  struct Unit {
    char letter;
    double times;
  };
  constexpr Unit kUnits[] = {{'k', 1e3}, {'K', 1'024}, {'m', 1e6}, {'M', 1'024.0 * 1'024}};
  constexpr double kMost = 1e9;
  double times = 1;
  if (const auto* unit = std::ranges::find(kUnits, value.empty() ? '\0' : value.back(), &Unit::letter);
      unit != std::end(kUnits)) {
    times = unit->times;
    value.remove_suffix(1);
  }
  const auto count = parse_double(value);
  if (!count || !(*count * times >= 1) || *count * times > kMost) return false;
  into.context_tokens = static_cast<unsigned>(std::lround(*count * times));
  return true;
}

bool take_share(EngineArguments& into, std::string_view value) {
  const auto share = parse_double(value);
  if (!share || !(*share > 0) || *share > 1) return false;
  into.memory_share = *share;
  return true;
}

template <std::string EngineArguments::* member>
bool take_name(EngineArguments& into, std::string_view value) {
  if (value.empty() || value.find_first_of("$-") == 0) return false;
  into.*member = lower(value);
  return true;
}

bool take_model(EngineArguments& into, std::string_view /*value*/) {
  into.names_model = true;
  return true;
}

/// What changes how much memory a model takes in a way that nobody reckons here.
bool take_more(EngineArguments& /*into*/, std::string_view /*value*/) { return false; }

struct Flag {
  std::string_view name;
  Take take;
};
constexpr Flag kFlags[] = {
    {"--config", take_more},
    {"--context-length", take_tokens},
    {"--cpu-offload-gb", take_more},
    {"--data-parallel-size", take_count<&EngineArguments::data>},
    {"--dp", take_count<&EngineArguments::data>},
    {"--dp-size", take_count<&EngineArguments::data>},
    {"--dtype", take_name<&EngineArguments::dtype>},
    {"--enable-lora", take_more},
    {"--gpu-memory-utilization", take_share},
    {"--hf-config-path", take_more},
    {"--hf-overrides", take_more},
    {"--json-model-override-args", take_more},
    {"--kv-cache-dtype", take_name<&EngineArguments::kv_cache_dtype>},
    {"--kv-cache-memory-bytes", take_more},
    {"--lora-paths", take_more},
    {"--max-model-len", take_tokens},
    {"--max-total-tokens", take_more},
    {"--mem-fraction-static", take_share},
    {"--model", take_model},
    {"--model-path", take_model},
    {"--num-gpu-blocks-override", take_more},
    {"--pipeline-parallel-size", take_count<&EngineArguments::pipeline>},
    {"--pp", take_count<&EngineArguments::pipeline>},
    {"--pp-size", take_count<&EngineArguments::pipeline>},
    {"--quantization", take_name<&EngineArguments::quantization>},
    {"--rope-scaling", take_more},
    {"--rope-theta", take_more},
    {"--speculative-algorithm", take_more},
    {"--speculative-config", take_more},
    {"--speculative-model", take_more},
    {"--tensor-parallel-size", take_count<&EngineArguments::tensor>},
    {"--tp", take_count<&EngineArguments::tensor>},
    {"--tp-size", take_count<&EngineArguments::tensor>},
    {"-dp", take_count<&EngineArguments::data>},
    {"-pp", take_count<&EngineArguments::pipeline>},
    {"-q", take_name<&EngineArguments::quantization>},
    {"-tp", take_count<&EngineArguments::tensor>},
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

EngineArguments engine_arguments_of(std::span<const std::string> texts) {
  EngineArguments out;
  const auto words = words_in(texts);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "serve") out.names_model = true;  // `vllm serve MODEL`
    const auto equals = std::min(words[i].find('='), words[i].size());
    std::string name = words[i].substr(0, equals);
    if (!name.starts_with('-')) continue;
    name.resize(std::min(name.find('.'), name.size()));  // --hf-overrides.rope_scaling
    std::ranges::replace(name, '_', '-');
    const auto* flag = std::ranges::find(kFlags, name, &Flag::name);
    if (flag == std::end(kFlags)) continue;
    const bool joined = equals < words[i].size();
    const std::string value = joined ? words[i].substr(equals + 1) : i + 1 < words.size() ? words[i + 1] : "";
    if (!flag->take(out, value)) out.says_more = true;
  }
  return out;
}

}  // namespace tessera::fleet
