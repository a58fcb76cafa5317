#include "relay/builtin_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <vector>

#include "base/text.h"

namespace tessera::relay {
namespace {

using kube::Pod;
using kube::PodContainer;

struct Mark {
  std::string_view key, value;
};

struct Exporter {
  BuiltinKind kind;
  std::vector<Mark> labels;  ///< any of them
  std::uint16_t port;        ///< where the pod declares none
};

const std::vector<Exporter>& exporters() {
  static const std::vector<Exporter> kExporters = {
      {BuiltinKind::TesseraAgent, {{"app.kubernetes.io/name", "tessera-agent"}}, 9400},
      {BuiltinKind::DcgmExporter,
       {{"app.kubernetes.io/name", "dcgm-exporter"}, {"app", "nvidia-dcgm-exporter"}, {"app", "dcgm-exporter"}},
       9400},
  };
  return kExporters;
}

struct Engine {
  BuiltinKind kind;
  std::string_view program;               ///< `program serve`
  std::vector<std::string_view> modules;  ///< of python -m
  std::vector<std::string_view> images;   ///< parts of the image's name, without its tag
  std::vector<std::string_view> other;    ///< parts that images of the same makers have, and no engine in them
  std::vector<Mark> labels;
  std::uint16_t port;  ///< its own default
};

const std::vector<Engine>& engines() {
  static const std::vector<Engine> kEngines = {
      {BuiltinKind::Vllm,
       "vllm",
       {"vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server"},
       {"vllm/vllm-openai", "lmcache/vllm-openai", "llm-d/llm-d", "rhaiis/vllm", "nvidia/vllm"},
       {"llm-d-routing-sidecar", "llm-d-inference-scheduler", "llm-d-inference-sim", "llm-d-kv-cache"},
       {{"llm-d.ai/engine-type", "vllm"}},
       8000},
      {BuiltinKind::Sglang,
       "sglang",
       {"sglang.launch_server"},
       {"lmsysorg/sglang"},
       {},
       {{"llm-d.ai/engine-type", "sglang"}},
       30000},
  };
  return kEngines;
}

bool runs(const PodContainer& container) { return !container.init || container.sidecar; }

/// Those that run, the ordinary ones first: a sidecar beside an engine may stand before it in the pod.
std::vector<const PodContainer*> running_in(const Pod& pod) {
  std::vector<const PodContainer*> out;
  for (const bool init : {false, true})
    for (const PodContainer& container : pod.containers)
      if (container.init == init && runs(container)) out.push_back(&container);
  return out;
}

/// The command's and the arguments' words; a shell's script is taken apart at blanks, without its quotes.
std::vector<std::string> words_of(const PodContainer& container) {
  std::vector<std::string> out;
  for (const auto* list : {&container.command, &container.args})
    for (const std::string& text : *list) {
      std::string word;
      for (const char c : text + " ") {
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';';
        if (blank && !word.empty()) out.push_back(std::exchange(word, {}));
        if (!blank && c != '"' && c != '\'' && c != '\\') word += c;
      }
    }
  return out;
}

/// The value behind a flag (`--a-b v`, `--a_b=v`); "" for one without a value; nullopt where it is not there.
std::optional<std::string> flag_of(const std::vector<std::string>& words, std::string_view flag) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto equals = std::min(words[i].find('='), words[i].size());
    std::string name = words[i].substr(0, equals);
    if (!name.starts_with("--")) continue;
    std::ranges::replace(name, '_', '-');
    if (name != flag) continue;
    if (equals < words[i].size()) return words[i].substr(equals + 1);
    return i + 1 < words.size() && !words[i + 1].starts_with("--") ? words[i + 1] : std::string();
  }
  return std::nullopt;
}

/// What of its command line shows that this engine runs; empty: nothing does.
std::string run_by(const Engine& engine, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (std::ranges::count(engine.modules, words[i]) > 0) return words[i];
    const bool program = std::filesystem::path(words[i]).filename() == engine.program;
    if (program && i + 1 < words.size() && words[i + 1] == "serve") return fmt::format("{} serve", engine.program);
  }
  return {};
}

/// Whether its command line shows another program of the engine's package: `vllm bench serve`, `python -m
/// sglang.bench_serving`, sglang_router.
bool runs_other(const Engine& engine, const std::vector<std::string>& words) {
  static constexpr std::array<std::string_view, 9> kOther = {"bench", "chat",   "collect-env", "complete", "generate",
                                                             "help",  "launch", "run-batch",   "version"};
  if (!run_by(engine, words).empty()) return false;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& next = words[i + 1];
    const bool program = std::filesystem::path(words[i]).filename() == engine.program;
    if (program && std::ranges::count(kOther, next) > 0) return true;
    const bool module = words[i] == "-m" && next.starts_with(engine.program) && next.size() > engine.program.size();
    if (module && (next[engine.program.size()] == '.' || next[engine.program.size()] == '_')) return true;
  }
  return false;
}

/// "registry:5000/vllm/vllm-openai:v1@sha256:…" without tag and digest.
std::string_view image_name(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const auto slash = image.rfind('/');
  const auto colon = image.rfind(':');
  const bool tagged = colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  return tagged ? image.substr(0, colon) : image;
}

/// Whether the image's name has one of the parts, at the beginning of a word between slashes.
bool has_part(std::string_view image, const std::vector<std::string_view>& parts) {
  const auto name = image_name(image);
  return std::ranges::any_of(parts, [&](std::string_view part) {
    const auto at = name.find(part);
    return at != std::string_view::npos && (at == 0 || name[at - 1] == '/');
  });
}

/// What an image or a label may be believed of: nothing else is known to run there.
bool may_be(const Engine& engine, const PodContainer& container) {
  return !has_part(container.image, engine.other) && !runs_other(engine, words_of(container));
}

const Mark* label_of(const Pod& pod, const std::vector<Mark>& marks) {
  const auto at = std::ranges::find_if(marks, [&](const Mark& mark) {
    const auto label = pod.labels.find(std::string(mark.key));
    return label != pod.labels.end() && label->second == mark.value;
  });
  return at == marks.end() ? nullptr : &*at;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_int(text);
  if (!number || *number < 1 || *number > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

/// What the command line says, then the engine's default where it is declared or nothing is, then what is declared.
std::uint16_t port_of(const Engine& engine, const PodContainer& container, const std::vector<std::string>& words) {
  if (const auto given = parse_port(flag_of(words, "--port").value_or(""))) return *given;
  const auto declared = [&](auto wanted) { return std::ranges::find_if(container.ports, wanted); };
  if (declared([&](const auto& port) { return port.number == engine.port; }) != container.ports.end())
    return engine.port;
  // Without --port the default holds, unless the command line is hidden (a variable, a file, the image's own).
  const bool hidden = run_by(engine, words).empty() || flag_of(words, "--port") || flag_of(words, "--config");
  if (!hidden || container.ports.empty()) return engine.port;
  const auto named = declared([](const auto& port) { return port.name == "http" || port.name == "metrics"; });
  return named != container.ports.end() ? named->number : container.ports.front().number;
}

struct Problem {
  std::string what, change;
};

Problem problem_of(const Engine& engine, const Pod& pod, const std::vector<std::string>& words) {
  const auto index = pod.labels.find("leaderworkerset.sigs.k8s.io/worker-index");
  const auto rank = parse_int(flag_of(words, "--node-rank").value_or("0"));
  if ((index != pod.labels.end() && index->second != "0") || (rank && *rank > 0))
    return {"it is a worker of a group, of which only the leader answers", "nothing"};
  const bool seen = !run_by(engine, words).empty() && !flag_of(words, "--config");
  if (engine.kind != BuiltinKind::Sglang || !seen) return {};
  if (!flag_of(words, "--enable-metrics"))
    return {"SGLang serves no metrics by itself", "start it with --enable-metrics"};
  const auto host = flag_of(words, "--host");
  if (!host || *host == "127.0.0.1" || *host == "localhost")
    return {"SGLang listens inside its pod only", "start it with --host 0.0.0.0"};
  return {};
}

Recognition found(const Engine& engine, const Pod& pod, const PodContainer& container, std::string why) {
  const auto words = words_of(container);
  Recognition out;
  out.kind = engine.kind;
  out.container = container.name;
  out.port = port_of(engine, container, words);
  if (flag_of(words, "--ssl-certfile")) out.scheme = "https";
  out.why = std::move(why);
  auto problem = problem_of(engine, pod, words);
  out.problem = std::move(problem.what);
  out.change = std::move(problem.change);
  return out;
}

std::optional<Recognition> by_command(const Pod& pod) {
  for (const PodContainer* container : running_in(pod))
    for (const Engine& engine : engines()) {
      const std::string command = run_by(engine, words_of(*container));
      if (!command.empty())
        return found(engine, pod, *container, fmt::format("container '{}' runs '{}'", container->name, command));
    }
  return std::nullopt;
}

std::optional<Recognition> by_image(const Pod& pod) {
  for (const PodContainer* container : running_in(pod))
    for (const Engine& engine : engines())
      if (has_part(container->image, engine.images) && may_be(engine, *container))
        return found(engine, pod, *container,
                     fmt::format("container '{}' has the image '{}'", container->name, valid_utf8(container->image)));
  return std::nullopt;
}

/// Labels name an engine, or a stack and by its container's name the engine.
std::optional<Recognition> by_labels(const Pod& pod) {
  static const std::vector<Mark> kStack = {{"app.kubernetes.io/component", "serving-engine"},
                                           {"llm-d.ai/inferenceServing", "true"},
                                           {"llm-d.ai/inference-serving", "true"}};
  const Mark* stack = label_of(pod, kStack);
  for (const Engine& engine : engines()) {
    const Mark* mark = label_of(pod, engine.labels);
    auto candidates = running_in(pod);
    const auto named = [&](const PodContainer* container) { return container->name == engine.program; };
    const auto first = std::ranges::find_if(candidates, named);  // names are unique in a pod
    if (first != candidates.end()) std::rotate(candidates.begin(), first, std::next(first));
    for (const PodContainer* container : candidates) {
      if (!(mark || (stack && named(container))) || !may_be(engine, *container)) continue;
      const Mark& told = mark ? *mark : *stack;
      return found(engine, pod, *container, fmt::format("the pod has the label {}={}", told.key, told.value));
    }
  }
  return std::nullopt;
}

std::optional<Recognition> exporter_in(const Exporter& exporter, const Pod& pod) {
  const Mark* mark = label_of(pod, exporter.labels);
  if (!mark) return std::nullopt;
  Recognition out;
  out.kind = exporter.kind;
  out.port = exporter.port;
  out.why = fmt::format("the pod has the label {}={}", mark->key, mark->value);
  bool certain = false;
  for (const PodContainer* container : running_in(pod))
    for (const auto& port : container->ports) {
      if (certain) continue;
      certain = port.name == "metrics";
      if (!certain && !out.container.empty()) continue;  // the first declared, until one is named so
      out.container = container->name;
      out.port = port.number;
    }
  return out;
}

}  // namespace

std::optional<Recognition> recognise(const Pod& pod) {
  if (auto out = by_command(pod)) return out;
  if (auto out = by_image(pod)) return out;
  return by_labels(pod);
}

std::optional<Recognition> recognise(const Pod& pod, BuiltinKind kind) {
  for (const Exporter& exporter : exporters())
    if (exporter.kind == kind) return exporter_in(exporter, pod);
  auto out = recognise(pod);
  if (out && out->kind != kind) out.reset();
  return out;
}

std::string marks_of(BuiltinKind kind) {
  std::vector<std::string> out;
  for (const Exporter& exporter : exporters())
    if (exporter.kind == kind)
      for (const Mark& mark : exporter.labels) out.push_back(fmt::format("the label {}={}", mark.key, mark.value));
  for (const Engine& engine : engines())
    if (engine.kind == kind) {
      out.push_back(fmt::format("a container that runs '{} serve' or {}", engine.program, engine.modules.front()));
      out.push_back(fmt::format("an image {}", fmt::join(engine.images, ", ")));
      for (const Mark& mark : engine.labels) out.push_back(fmt::format("the label {}={}", mark.key, mark.value));
    }
  return fmt::format("{}", fmt::join(out, ", or "));
}

}  // namespace tessera::relay
