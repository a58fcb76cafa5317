#include "server/options.h"

#include <CLI/CLI.hpp>

#include "config/command_line.h"

namespace tessera::server {
namespace {

constexpr const char* kAbout =
    "tessera-server: takes in what agents, relays and exporters say of GPUs, and tells what the fleet is and does.";
constexpr const char* kFooter =
    "Remote write goes to http://ADDRESS/k8s-monitor/api/v1/write; the API is described at /openapi.yaml. Without a "
    "configuration file the defaults hold; each key has an environment variable, as DATABASE_URL, and TESSERA_PROFILE "
    "is development, staging or production. On an address that other machines reach an API key is needed: "
    "'tessera-server keys create' makes the first. Exit status: 0, 1 for a failure, 2 for a wrong command line.";

}  // namespace

Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments) {
  config::CommandLine line("tessera-server", TESSERA_VERSION, kAbout, kFooter);
  Options options;
  std::string check;
  CLI::App& app = line.app();
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
  const auto copy = [&](const char* name, const char* about, const char* file) {
    CLI::App* command = app.add_subcommand(name, about);
    command->fallthrough();  // --data stands behind it too
    command->add_option("FILE", options.file, file)->required();
    return command;
  };
  const auto* backup = copy("backup", "copy the database; a server may run meanwhile", "where to");
  const auto* restore = copy("restore", "put a copy in the place of the database, while no server runs", "the copy");
  if (auto text = TRY(line.parse(arguments))) return std::variant<Options, Text>(Text{*std::move(text)});
  options.log_format = line.log().format;
  options.log_level = line.log().level;
  if (*backup) options.command = Command::Backup;
  if (*restore) options.command = Command::Restore;
  if (!check.empty()) {
    options.check_config = true;
    options.config = check;
  }
  return std::variant<Options, Text>(std::move(options));
}

}  // namespace tessera::server
