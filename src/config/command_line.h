#pragma once
// What the command lines of the programs have in common: help, version, how to log, and errors that name the option
// that was meant.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace tessera::config {

struct LogOptions {
  log::Format format = log::Format::Text;
  log::Level level = log::Level::Info;
};

class CommandLine {
 public:
  /// `about` stands above the options in the help, `footer` below them.
  CommandLine(const std::string& program, const std::string& version, const std::string& about,
              const std::string& footer);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// To add options to.
  CLI::App& app() { return *app_; }

  /// Adds --config FILE, whose keys are the flags: see apply_flag_file().
  void take_flags_from_file();

  /// Sets what was added. What is to be printed instead of running (help, version), if anything; Invalid with what was
  /// wrong and which option is near.
  Result<std::optional<std::string>> parse(const std::vector<std::string>& arguments);

  /// --log-format and --log-level, as parse() has set them.
  const LogOptions& log() const { return log_; }

 private:
  void add_log_options();
  std::string explain(const std::vector<std::string>& arguments, std::string error) const;

  std::string version_;
  std::unique_ptr<CLI::App> app_;
  LogOptions log_;
  std::string file_{};  ///< of take_flags_from_file(); empty: none was named
};

}  // namespace tessera::config
