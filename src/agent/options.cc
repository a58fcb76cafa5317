#include "agent/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <set>

#include "agent/option_table.h"
#include "base/text.h"
#include "config/yaml.h"

namespace tessera::agent {
namespace {

constexpr std::size_t kWidth = 100;  ///< of the help text
constexpr std::size_t kColumn = 38;  ///< where its explanations begin

/// A row of either table, under one of its names.
struct Known {
  std::string_view name;
  bool is_switch = false;
  const Flag* flag = nullptr;
  const ForeignFlag* foreign = nullptr;
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (const auto word : split(text, ' '))
    if (!word.empty()) words.push_back(word);
  return words;
}

/// dcgm-exporter's settings are those of serving.
std::vector<Known> make_known(Command command) {
  std::vector<Known> all{{"help", true}, {"version", true}};
  for (const Flag& flag : flags())
    if (has(command, flag)) all.push_back({flag.name, flag.argument.empty(), &flag});
  if (command == Command::Serve)
    for (const ForeignFlag& flag : foreign_flags()) all.push_back({flag.name, flag.is_switch, nullptr, &flag});
  return all;
}

const std::vector<Known>& all_known(Command command) {
  static const std::vector<Known> kServe = make_known(Command::Serve);
  static const std::vector<Known> kLayout = make_known(Command::Layout);
  return command == Command::Serve ? kServe : kLayout;
}

std::string_view aliases_of(const Known& known) {
  if (known.name == "help") return "h";
  if (known.name == "version") return "v";
  return known.flag ? known.flag->aliases : known.foreign ? known.foreign->aliases : "";
}

const Known* find_known(Command command, std::string_view name) {
  for (const Known& known : all_known(command))
    if (known.name == name || std::ranges::count(words_of(aliases_of(known)), name) > 0) return &known;
  return nullptr;
}

Result<void> apply(Options& options, const Known& known, std::string_view origin, std::string_view value) {
  if (known.flag) {
    const auto set = known.flag->set(options, value);
    return set ? Result<void>() : fail(Code::Invalid, "{} '{}': {}", origin, value, set.error().what);
  }
  if (!known.foreign) return {};
  const ForeignFlag& foreign = *known.foreign;
  if (foreign.is_switch && !parse_switch(value)) {
    return fail(Code::Invalid, "{} '{}': true or false expected", origin, value);
  }
  const bool asks = foreign.is_switch ? *parse_switch(value) : value != foreign.neutral;
  if (!asks || foreign.treatment == Foreign::Always) return {};
  if (foreign.treatment == Foreign::Refused)
    return fail(Code::Invalid, "{} is not supported: {}", origin, foreign.words);
  options.warnings.push_back(fmt::format("{} has no effect: {}", origin, foreign.words));
  return {};
}

std::string variable_of(std::string_view flag) {
  std::string name = "TESSERA_";
  for (const char c : flag) name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

Result<void> apply_environment(Options& options, const Environment& environment) {
  for (const Known& known : all_known(options.command)) {
    // Ours last, so that it wins.
    const std::string theirs(known.flag ? known.flag->environment : known.foreign ? known.foreign->environment : "");
    for (const std::string& name : {theirs, known.flag ? variable_of(known.name) : std::string()}) {
      if (name.empty()) continue;
      if (const auto found = environment.find(name); found != environment.end() && !found->second.empty())
        TRY(apply(options, known, name, found->second));
    }
  }
  return {};
}

/// A misspelt variable is as wrong as a misspelt flag: it must not be swallowed.
Result<void> look_for_unknown_variables(Options& options, const Environment& environment) {
  static constexpr std::string_view kOurs = "TESSERA_";
  static constexpr std::string_view kTheirs = "DCGM_EXPORTER_";
  std::set<std::string> known;
  for (const Flag& flag : flags()) known.insert({variable_of(flag.name), std::string(flag.environment)});
  for (const ForeignFlag& flag : foreign_flags()) known.emplace(flag.environment);
  for (const auto& [name, value] : environment) {
    const std::string_view prefix = name.starts_with(kOurs) ? kOurs : kTheirs;
    if (!name.starts_with(prefix) || value.empty() || known.contains(name) || is_foreign_variable(name)) continue;
    std::vector<std::string_view> candidates;  // without the prefix, in which all are alike
    for (const std::string_view other : known)
      if (other.starts_with(prefix)) candidates.push_back(other.substr(prefix.size()));
    const std::string_view near = nearest(std::string_view(name).substr(prefix.size()), candidates);
    const std::string hint = near.empty() ? "see --help" : fmt::format("did you mean {}{}?", prefix, near);
    if (prefix == kOurs) return fail(Code::Invalid, "unknown variable {}; {}", name, hint);
    options.warnings.push_back(fmt::format("{} has no effect: unknown variable; {}", name, hint));
  }
  return {};
}

/// Lists may be written as YAML's too: sessionLabels: [pid, command].
Result<std::string> value_of(const config::Node& node, const Known& known) {
  if (known.is_switch) return std::string(TRY(node.flag()) ? "true" : "false");
  if (!node.is_list()) return node.text();
  const auto texts = TRY(node.texts());
  return fmt::format("{}", fmt::join(texts, ","));
}

Result<void> apply_file(Options& options, const std::string& path) {
  const auto document = TRY(config::load_file(path));
  std::map<std::string, const Known*> known_keys;
  for (const Known& known : all_known(options.command)) {
    if (known.name == "help" || known.name == "version" || known.name == "config") continue;
    known_keys.emplace(camel_case(known.name), &known);
    for (const auto alias : words_of(aliases_of(known)))
      if (alias.size() > 1) known_keys.emplace(camel_case(alias), &known);
  }
  std::vector<std::string_view> names;
  for (const auto& [key, known] : known_keys) names.push_back(key);
  TRY(document.only(names));
  const auto entries = TRY(document.entries());
  for (const auto& [key, node] : entries) {
    if (node.is_null()) continue;
    const Known& known = *known_keys.at(key);
    const std::string value = TRY(value_of(node, known));
    const std::string origin = fmt::format("{}:{}:{}: {}", path, node.line(), node.column(), key);
    if (!value.empty()) TRY(apply(options, known, origin, value));
  }
  return {};
}

/// dcgm-exporter's parser takes -name and --name alike, and a value after `=` in both; ours is brought the form
/// --name=value. A switch may also be followed by the word true or false.
std::vector<std::string> in_one_form(Command command, const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const auto name_at = std::min(argument.find_first_not_of('-'), argument.size());
    const auto equals = argument.find('=');
    const auto* known =
        name_at == 1 || name_at == 2 ? find_known(command, argument.substr(name_at, equals - name_at)) : nullptr;
    if (!known) {
      out.emplace_back(argument);
      continue;
    }
    // "--web-config-file=$(UNSET)" names no file; CLI11 would take the next argument for it.
    if (!known->is_switch && equals == argument.size() - 1) continue;
    out.push_back(fmt::format("--{}", known->name));
    if (equals != std::string_view::npos) {
      out.back() += argument.substr(equals);
    } else if (known->is_switch && i + 1 < arguments.size() &&
               (arguments[i + 1] == "true" || arguments[i + 1] == "false")) {
      out.back() += "=" + arguments[++i];
    }
  }
  return out;
}

/// The text in lines of at most `width`, broken at blanks.
std::string wrapped(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  for (const auto word : words_of(text)) {
    if (column > 0 && column + 1 + word.size() > width) {
      out += '\n';
      column = 0;
    }
    if (column > 0) out += ' ';
    out += word;
    column += word.size() + (column > 0 ? 1 : 0);
  }
  return out;
}

constexpr std::string_view kOrder =
    "Every flag is also a variable and a key of the file: --log-format, TESSERA_LOG_FORMAT, logFormat.\n"
    "A flag wins over a variable, a variable over the file.\n\n";

std::string layout_footer() {
  return fmt::format(
      "{}Needs root on the node, the host's PID namespace, and in Kubernetes the kubelet's socket: an\n"
      "instance is destroyed only where no process runs in it and no pod holds it, and nothing at all is\n"
      "touched without a document of the server that is in force. docs/mig-layout.md tells all of it.\n\n"
      "Examples:\n"
      "  tessera-agent layout --server https://tessera.example.org --token-file /etc/node.key --dry-run\n"
      "  tessera-agent layout --server http://tessera-server:8080 --window 22:00-04:00",
      kOrder);
}

std::string footer() {
  std::string always;
  std::string refused;
  for (const ForeignFlag& flag : foreign_flags())
    (flag.treatment == Foreign::Refused ? refused : always) += fmt::format(" --{}", flag.name);
  return fmt::format(
      "{}dcgm-exporter's arguments and variables (DCGM_EXPORTER_LISTEN and so on) are taken as they are.\n"
      "Of its flags these have no effect here:\n{}\nand these are refused, with a word on what to do instead:\n{}\n\n"
      "`tessera-agent layout` is another program in this one: it cuts the node's GPUs into the MIG\n"
      "instances that tessera-server wants; see `tessera-agent layout --help`.\n\n"
      "Examples:\n"
      "  tessera-agent --once --print table\n"
      "  tessera-agent --once --textfile /var/lib/node_exporter/textfile/gpu_sessions.prom\n"
      "  tessera-agent -f /etc/dcgm-exporter/dcp-metrics-included.csv -a :9400 -c 15000 -k",
      kOrder, wrapped(always, kWidth), wrapped(refused, kWidth));
}

/// The flags that stand on the command line, in the order of the tables; or the text of --help or --version.
using CommandLine = std::vector<std::pair<const Known*, std::string>>;
class Parser {
 public:
  explicit Parser(Command command)
      : command_(command),
        app_(command == Command::Serve
                 ? "Serves what NVIDIA GPUs, their MIG instances and the processes on them do, to Prometheus."
                 : "Cuts this node's GPUs into the MIG instances that tessera-server wants,\n"
                   "one after another, beside those that are in use.",
             command == Command::Serve ? "tessera-agent" : "tessera-agent layout") {
    app_.get_formatter()->column_width(kColumn);
    app_.get_formatter()->label("REQUIRED", "");
    app_.allow_extras();
    app_.footer(command == Command::Serve ? footer() : layout_footer());
    for (const Known& known : all_known(command_))
      if (known.flag || known.foreign) add(known);
    // Last, so that their group stands last in the text.
    app_.set_help_flag("-h,--help", "This text.")->group("General");
    app_.set_version_flag("-v,--version", "tessera-agent " TESSERA_VERSION, "The version.")->group("General");
  }

  Result<std::variant<CommandLine, Text>> parse(const std::vector<std::string>& arguments) {
    try {
      std::vector<std::string> reversed = in_one_form(command_, arguments);
      std::ranges::reverse(reversed);
      app_.parse(reversed);
    } catch (const CLI::CallForHelp&) {
      return Text{help()};
    } catch (const CLI::CallForVersion& version) {
      return Text{std::string(version.what()) + "\n"};
    } catch (const CLI::ParseError& error) {
      return fail(Code::Invalid, "{}; see --help", error.what());
    }
    if (const auto rest = app_.remaining(); !rest.empty()) return unknown(rest.front());
    CommandLine line;
    for (const Known& known : all_known(command_)) {
      if (known.name == "help" || known.name == "version") continue;
      const auto* option = app_.get_option(fmt::format("--{}", known.name));
      if (option->count() > 0 && !option->results().back().empty()) line.emplace_back(&known, option->results().back());
    }
    return line;
  }

 private:
  void add(const Known& known) {
    std::string names;
    for (const auto alias : words_of(aliases_of(known)))
      if (alias.size() == 1) names += fmt::format("-{},", alias);
    names += fmt::format("--{}", known.name);
    for (const auto alias : words_of(aliases_of(known)))
      if (alias.size() > 1) names += fmt::format(",--{}", alias);
    const std::string help = known.flag ? wrapped(known.flag->help, kWidth - kColumn) : "";
    auto* option = known.is_switch ? app_.add_flag(names, help) : app_.add_option(names, help);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    option->group(known.flag ? std::string(known.flag->group) : "");  // the empty group is not shown
    if (known.flag && !known.is_switch) option->type_name(std::string(known.flag->argument));
  }

  std::string help() const {
    std::string text = app_.help();
    for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
    return text;
  }

  Error unknown(std::string_view argument) const {
    if (!argument.starts_with('-') || argument == "-") {
      return fail(Code::Invalid, "argument '{}': a flag expected; see --help", argument);
    }
    const std::string_view name = argument.substr(0, argument.find('='));
    std::vector<std::string> dashed;
    for (const Known& known : all_known(command_)) dashed.push_back(fmt::format("--{}", known.name));
    const std::string_view near = nearest(name, {dashed.begin(), dashed.end()});
    return fail(Code::Invalid, "unknown flag {}{}", name,
                near.empty() ? "; see --help" : fmt::format("; did you mean {}?", near));
  }

  Command command_;
  CLI::App app_;
};

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

/// What holds between settings.
Result<void> complete(Options& options) {
  if (options.command == Command::Layout && options.layout.server.empty())
    return fail(Code::Invalid, "--server URL is needed: who says what is wanted; see tessera-agent layout --help");
  if (options.print != Print::None && !options.once) {
    return fail(Code::Invalid, "--print writes one collection and ends: add --once");
  }
  if (!options.textfile.empty() && !options.textfile.ends_with(".prom"))
    options.warnings.push_back(
        fmt::format("textfile '{}': node_exporter reads files named *.prom only", options.textfile));
  if (options.node_name.empty()) options.node_name = host_name();
  options.deadline = std::min(options.deadline, options.interval);
  return {};
}

}  // namespace

Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments,
                                                  const Environment& environment) {
  Options options;
  const bool layout = !arguments.empty() && arguments.front() == "layout";
  if (layout) options.command = Command::Layout;
  auto parsed = TRY(Parser(options.command).parse({arguments.begin() + (layout ? 1 : 0), arguments.end()}));
  if (auto* text = std::get_if<Text>(&parsed)) return std::move(*text);
  const auto& line = std::get<CommandLine>(parsed);
  const auto config = std::ranges::find(line, "config", [](const auto& entry) { return entry.first->name; });
  const auto named = environment.find(variable_of("config"));
  const std::string file = config != line.end()         ? config->second
                           : named != environment.end() ? named->second
                                                        : std::string();
  if (!file.empty()) TRY(apply_file(options, file));
  TRY(apply_environment(options, environment));
  TRY(look_for_unknown_variables(options, environment));
  for (const auto& [known, value] : line) TRY(apply(options, *known, fmt::format("--{}", known->name), value));
  TRY(complete(options));
  return options;
}

}  // namespace tessera::agent
