#include "server/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/text.h"

namespace tessera::server {
namespace {

constexpr const char* kAbout =
    "tessera-server: takes in what agents, relays and exporters say of GPUs, and tells what the fleet is and does.";
constexpr const char* kFooter =
    "Remote write goes to http://ADDRESS/k8s-monitor/api/v1/write; the API is described at /openapi.yaml. Without a "
    "configuration file the defaults hold; each key has an environment variable, as DATABASE_URL, and TESSERA_PROFILE "
    "is development, staging or production. On an address that other machines reach an API key is needed: "
    "'tessera-server keys create' makes the first. Exit status: 0, 1 for a failure, 2 for a wrong command line.";

const std::map<std::string, log::Format> kFormats = {{"text", log::Format::Text}, {"json", log::Format::Json}};
const std::map<std::string, log::Level> kLevels = {
    {"debug", log::Level::Debug}, {"error", log::Level::Error}, {"info", log::Level::Info}, {"warn", log::Level::Warn}};

template <class T>
CLI::Validator one_of(const std::map<std::string, T>& words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  const std::string shown = fmt::format("{}", fmt::join(names, "|"));
  return {[words, shown](const std::string& word) {
            return words.contains(word) ? std::string() : fmt::format("'{}', but one of {} is expected", word, shown);
          },
          ""};  // the help has the words from the option's type
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
  return text + ". See: tessera-server --help";
}

}  // namespace

Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments) {
  CLI::App app(kAbout, "tessera-server");
  const std::string version = "tessera-server " TESSERA_VERSION;
  app.set_version_flag("--version", version, "print the version and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.footer(kFooter);
  Options options;
  std::string check, format = "text", level = "info";
  app.add_option("--config", options.config, "settings (YAML)")->type_name("FILE");
  app.add_option("--address", options.address, "where to serve, over the settings' server.address [127.0.0.1:8080]")
      ->type_name("HOST:PORT");
  app.add_option("--data", options.data,
                 "folder of all that is kept [/var/lib/tessera-server; in the development profile one that goes with "
                 "the process]")
      ->type_name("DIR");
  app.add_option("--check-config", check, "check this file, say what it comes to, and exit")->type_name("FILE");
  app.add_flag("--insecure-no-auth", options.insecure_no_auth,
               "ask nobody who he is, on any address: whoever reaches it may read and change everything");
  app.add_option("--log-format", format, "form of log lines on standard error [text]")
      ->check(one_of(kFormats))
      ->type_name("text|json");
  app.add_option("--log-level", level, "least level of log lines [info]")
      ->check(one_of(kLevels))
      ->type_name("debug|info|warn|error");
  const auto copy = [&](const char* name, const char* about, const char* file) {
    CLI::App* command = app.add_subcommand(name, about);
    command->fallthrough();  // --data stands behind it too
    command->add_option("FILE", options.file, file)->required();
    return command;
  };
  const auto* backup = copy("backup", "copy the database; a server may run meanwhile", "where to");
  const auto* restore = copy("restore", "put a copy in the place of the database, while no server runs", "the copy");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::CallForVersion&) {
    return std::variant<Options, Text>(Text{version + '\n'});
  } catch (const CLI::Success&) {
    return std::variant<Options, Text>(Text{app.help()});
  } catch (const CLI::Error& error) {
    return fail(Code::Invalid, "{}", explain_error(app, arguments, error));
  }
  if (*backup) options.command = Command::Backup;
  if (*restore) options.command = Command::Restore;
  options.log_format = kFormats.at(format);
  options.log_level = kLevels.at(level);
  if (!check.empty()) {
    options.check_config = true;
    options.config = check;
  }
  return std::variant<Options, Text>(std::move(options));
}

}  // namespace tessera::server
