#pragma once
// The command line of tessera-server.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace tessera::server {

enum class Command : std::uint8_t { Serve, Backup, Restore };

struct Options {
  Command command = Command::Serve;
  std::string file{};   ///< of a backup
  std::string config;   ///< settings file; empty: none
  std::string address;  ///< over the settings' where not empty
  std::string data;     ///< empty: as the profile has it
  bool check_config = false;
  bool insecure_no_auth = false;  ///< nobody is asked who he is
  log::Format log_format = log::Format::Text;
  log::Level log_level = log::Level::Info;
};

/// What is to be printed instead of running: help, version.
struct Text {
  std::string text;
};

/// Invalid with what was wrong and what would be right.
Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments);

}  // namespace tessera::server
