#include "config/command_line.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/text.h"
#include "config/flag_file.h"

namespace tessera::config {
namespace {

const std::map<std::string, log::Format> kFormats = {{"text", log::Format::Text}, {"json", log::Format::Json}};
const std::map<std::string, log::Level> kLevels = {
    {"debug", log::Level::Debug}, {"error", log::Level::Error}, {"info", log::Level::Info}, {"warn", log::Level::Warn}};

template <class T>
CLI::Validator one_of(const std::map<std::string, T>& words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  return {[words, shown = fmt::format("{}", fmt::join(names, "|"))](const std::string& word) {
            return words.contains(word) ? std::string() : fmt::format("'{}', but one of {} is expected", word, shown);
          },
          ""};  // the help has the words from the option's type
}

}  // namespace

CommandLine::CommandLine(const std::string& program, const std::string& version, const std::string& about,
                         const std::string& footer)
    : version_(fmt::format("{} {}", program, version)), app_(std::make_unique<CLI::App>(about, program)) {
  app_->set_version_flag("--version", version_, "print the version and exit");
  app_->set_help_flag("-h,--help", "print this help and exit");
  app_->footer(footer);
}

CommandLine::~CommandLine() = default;

void CommandLine::take_flags_from_file() {
  app_->add_option(
          "--config", file_,
          "settings from a YAML file: every flag is a key, --log-format is logFormat; a flag wins over the file")
      ->type_name("FILE");
}

void CommandLine::add_log_options() {
  app_->add_option_function<std::string>(
          "--log-format", [this](const std::string& word) { log_.format = kFormats.at(word); },
          "form of log lines on standard error [text]")
      ->check(one_of(kFormats))
      ->type_name("text|json");
  app_->add_option_function<std::string>(
          "--log-level", [this](const std::string& word) { log_.level = kLevels.at(word); },
          "least level of log lines [info]")
      ->check(one_of(kLevels))
      ->type_name("debug|info|warn|error");
}

Result<std::optional<std::string>> CommandLine::parse(const std::vector<std::string>& arguments) {
  add_log_options();  // the last in the help
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::CallForVersion&) {
    return std::optional(version_ + '\n');
  } catch (const CLI::Success&) {
    return std::optional(app_->help());
  } catch (const CLI::Error& error) {
    return fail(Code::Invalid, "{}", explain(arguments, error.what()));
  }
  if (!file_.empty()) TRY(apply_flag_file(file_, app_->get_options()));
  return std::optional<std::string>();
}

std::string CommandLine::explain(const std::vector<std::string>& arguments, std::string error) const {
  std::vector<std::string> known;
  for (const auto* option : app_->get_options()) known.push_back("--" + option->get_lnames().front());
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  for (const auto& argument : arguments) {
    const std::string word = argument.substr(0, argument.find('='));
    if (!word.starts_with("--") || std::ranges::count(known, word) > 0) continue;
    if (const auto hint = nearest(word, candidates); !hint.empty()) error += fmt::format("; did you mean {}?", hint);
    break;
  }
  return fmt::format("{}. See: {} --help", error, app_->get_name());
}

}  // namespace tessera::config
