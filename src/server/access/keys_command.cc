#include "server/access/keys_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/grid.h"
#include "server/access/api_access.h"
#include "server/access/secret.h"
#include "server/run.h"

namespace tessera::server {
namespace {

constexpr int kUsage = 2;
constexpr const char* kAbout =
    "API keys of a fleet server, by whoever may write its database: the first admin key is made here. A running server "
    "takes changes up within two seconds. Run it as the server's user, so that the files stay its own.";

struct KeysCommand {
  std::string config;
  std::string data = "/var/lib/tessera-server";
  KeyWish wish;
  std::vector<std::string> namespaces, teams;
  std::string expires_in;
  std::string id;
};

store::AuditEntry entry_of(std::string_view action, const std::string& object, std::string detail) {
  return {now_epoch_ms(), "command line", std::string(action), object, "done", "", "", std::move(detail)};
}

Result<std::unique_ptr<store::Database>> open_database(const KeysCommand& command) {
  Options options;
  options.config = command.config;
  options.data = command.data;
  const std::string url = TRY(database_url(options));
  if (url == "sqlite:" + command.data + "/tessera.db") {
    std::error_code failed;
    std::filesystem::create_directories(command.data, failed);
    if (failed)
      return fail(Code::Unavailable, "make the folder {}: {}; --data names another", command.data, failed.message());
  }
  return store::Database::open(url);
}

Result<std::string> create(KeysCommand& command) {
  if (!command.namespaces.empty()) command.wish.namespaces = command.namespaces;
  if (!command.teams.empty()) command.wish.teams = command.teams;
  if (!command.expires_in.empty()) command.wish.expires_in = TRY(parse_duration(command.expires_in));
  TRY(check(command.wish));
  const auto database = TRY(open_database(command));
  const MadeKey made = TRY(make_key(command.wish, "command line", now_epoch_ms()));
  TRY(database->atomically([&]() -> Result<void> {
    TRY(add_key(*database, made));
    return store::append_audit(*database, entry_of("key.create", "key:" + made.row.id, key_detail(made.row)));
  }));
  std::fprintf(stderr, "key %s made; it is shown this once, on standard output\n", made.row.id.c_str());
  return made.secret + "\n";
}

Result<std::string> generate(const KeysCommand&) { return TRY(make_key()).secret + "\n"; }

Result<std::string> list(const KeysCommand& command) {
  const auto database = TRY(open_database(command));
  std::vector<Cells> lines = {{"ID", "NAME", "SCOPES", "NAMESPACES", "TEAMS", "CREATED", "EXPIRES", "REVOKED"}};
  const auto joined = [](const std::optional<std::vector<std::string>>& words) {
    return words ? fmt::format("{}", fmt::join(*words, ",")) : std::string("–");
  };
  const auto time = [](const std::optional<EpochMs>& at) { return at ? format_time(*at) : std::string("–"); };
  for (const store::KeyRow& key : TRY(store::keys(*database)))
    lines.push_back({key.id, harmless(key.name), fmt::format("{}", fmt::join(key.scopes, ",")), joined(key.namespaces),
                     joined(key.teams), format_time(key.created), time(key.expires), time(key.revoked)});
  std::string out;
  append_grid(out, lines, {});
  return out;
}

Result<std::string> revoke(const KeysCommand& command) {
  const auto database = TRY(open_database(command));
  for (const store::KeyRow& key : TRY(store::keys(*database))) {
    if (key.id != command.id) continue;
    TRY(database->atomically([&]() -> Result<void> {
      TRY(store::revoke_key(*database, key.id, now_epoch_ms()));
      TRY(store::note_key_change(*database));
      return store::append_audit(*database, entry_of("key.revoke", "key:" + key.id, key_detail(key)));
    }));
    return std::string();
  }
  return fail(Code::NotFound, "no API key has the id '{}'; 'tessera-server keys list' shows them", command.id);
}

}  // namespace

std::optional<int> run_keys_command(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] != "keys") return std::nullopt;
  CLI::App app(kAbout, "tessera-server keys");
  app.require_subcommand(1);
  KeysCommand command;
  auto* make = app.add_subcommand("create", "make a key and print it: it is shown this once");
  auto* fresh = app.add_subcommand(
      "generate", "print a key that no server knows yet: for server.access.admin-key-file and .ingest-key-file");
  auto* show = app.add_subcommand("list", "all keys, without their secrets");
  auto* end = app.add_subcommand("revoke", "take a key back for good");
  for (auto* one : {make, show, end}) {
    one->add_option("--data", command.data, "the server's folder [/var/lib/tessera-server]")->type_name("DIR");
    one->add_option("--config", command.config, "the server's settings, where they name another database")
        ->type_name("FILE");
  }
  make->add_option("--name", command.wish.name, "what it is for")->required()->type_name("NAME");
  make->add_option("--scope", command.wish.scopes, "read, write, ingest, operate or admin; may be given again")
      ->required()
      ->type_name("SCOPE");
  make->add_option("--namespace", command.namespaces, "see only what this namespace has; may be given again")
      ->type_name("NAME");
  make->add_option("--team", command.teams, "see only what this team has; may be given again")->type_name("NAME");
  make->add_option("--expires-in", command.expires_in, "good for so long: 90d")->type_name("DURATION");
  end->add_option("id", command.id, "the eight letters after tsk_")->required()->type_name("ID");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend() - 1));
  } catch (const CLI::Success&) {
    std::fputs(app.help().c_str(), stdout);
    return EXIT_SUCCESS;
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "tessera-server: %s. See: tessera-server keys --help\n", error.what());
    return kUsage;
  }
  const auto text = *make ? create(command) : *fresh ? generate(command) : (*show ? list(command) : revoke(command));
  if (!text) {
    std::fprintf(stderr, "tessera-server: %s\n", text.error().what.c_str());
    return EXIT_FAILURE;
  }
  std::fputs(text->c_str(), stdout);
  return EXIT_SUCCESS;
}

}  // namespace tessera::server
