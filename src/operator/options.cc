#include "operator/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "operator/crd.h"
#include "operator/rights.h"
#include "operator/yaml_text.h"

namespace tessera::operate {
namespace {

constexpr const char* kAbout =
    "tessera-operator: makes of one GpuMonitor resource what monitors the GPUs of a cluster: agents on nodes, relay, "
    "server.";
constexpr const char* kFooter =
    "This version prints: --once --dry-run --file FILE what a GpuMonitor comes to, --crd the CustomResourceDefinition. "
    "Exit status: 0, 1 for a failure, 2 for a wrong command line.";

struct Given {
  Options options;
  bool once = false, dry_run = false, crd = false, rights = false;
  std::string version;
};

void add_flags(CLI::App& app, Given& given) {
  app.add_flag("--once", given.once, "do it once and exit");
  app.add_flag("--dry-run", given.dry_run, "print what would be applied, as YAML, and change nothing");
  app.add_option("--file", given.options.file, "a GpuMonitor, in YAML or JSON")->type_name("FILE");
  app.add_option("--kubernetes-version", given.version, "version of the cluster that it is printed for [1.30]")
      ->type_name("1.MINOR");
  app.add_flag("--crd", given.crd, "print the CustomResourceDefinition and exit");
  app.add_flag("--rights", given.rights, "print the ClusterRole that the operator needs and exit");
}

std::string explain_error(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::Error& error) {
  std::vector<std::string> known;
  for (const auto* option : app.get_options()) known.push_back("--" + option->get_lnames().front());
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  std::string text = error.what();
  for (const auto& argument : arguments) {
    const std::string word = argument.substr(0, argument.find('='));
    if (!word.starts_with("--") || std::ranges::count(known, word) > 0) continue;
    if (const auto hint = nearest(word, candidates); !hint.empty()) text += fmt::format("; did you mean {}?", hint);
    break;
  }
  return text + ". See: tessera-operator --help";
}

/// "1.28", "v1.28.3" or "1.28+", as clusters tell it.
Result<unsigned> minor_of(std::string_view version) {
  std::string_view rest = version;
  if (rest.starts_with('v')) rest.remove_prefix(1);
  const auto parts = split(rest, '.');
  const auto digits =
      parts.size() < 2 ? std::string_view() : parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
  const auto minor = parse_int(digits);
  constexpr std::int64_t kMost = 1000;
  if (parts[0] != "1" || !minor || *minor < 0 || *minor > kMost)
    return fail(Code::Invalid, "--kubernetes-version '{}': a version expected, such as 1.28", version);
  return static_cast<unsigned>(*minor);
}

Result<Options> options_of(Given given) {
  if (!given.once || !given.dry_run || given.options.file.empty())
    return fail(
        Code::Invalid,
        "this version applies nothing by itself: --once --dry-run --file FILE prints what a GpuMonitor comes to. "
        "See: tessera-operator --help");
  if (!given.version.empty()) given.options.minor = TRY(minor_of(given.version));
  return given.options;
}

}  // namespace

Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments) {
  CLI::App app(kAbout, "tessera-operator");
  const std::string version = "tessera-operator " TESSERA_VERSION;
  app.set_version_flag("--version", version, "print the version and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.footer(kFooter);
  Given given;
  add_flags(app, given);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::CallForVersion&) {
    return std::variant<Options, Text>(Text{version + '\n'});
  } catch (const CLI::Success&) {
    return std::variant<Options, Text>(Text{app.help()});
  } catch (const CLI::Error& error) {
    return fail(Code::Invalid, "{}", explain_error(app, arguments, error));
  }
  if (given.crd) return std::variant<Options, Text>(Text{yaml_text(crd())});
  if (given.rights) return std::variant<Options, Text>(Text{yaml_text(operator_role())});
  return std::variant<Options, Text>(TRY(options_of(std::move(given))));
}

}  // namespace tessera::operate
