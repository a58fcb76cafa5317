// The server as one sentence: read the settings, open what lasts, and lead or follow until stopped.
#include "server/run.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/every.h"
#include "base/files.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/text.h"
#include "server/backup.h"
#include "server/parts.h"
#include "server/term.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kShutdown = 9s;
constexpr Milliseconds kAgain = 1s;
constexpr std::uint64_t kJournalBytes = 4ULL << 30U;

void exit_when_stuck() {
  std::thread([] {
    std::this_thread::sleep_for(kShutdown);
    log::error("shutdown took too long, leaving; what was accepted is on disk",
               {{"after", format_duration(kShutdown)}});
    _exit(EXIT_FAILURE);
  }).detach();
}

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::string data_of(const Options& options) { return options.data.empty() ? "/var/lib/tessera-server" : options.data; }

std::string database_url(const Settings& settings, const std::string& data) {
  return settings.database_url.empty() ? "sqlite:" + data + "/tessera.db" : settings.database_url;
}

/// On a database that servers share, who leads is settled among them. Its tables are brought up to date first.
Result<std::unique_ptr<Leadership>> settle_leadership(const std::string& url, const std::string& journal) {
  if (!store::is_shared(url)) return std::make_unique<Leadership>();
  TRY(store::Database::open(url));
  const store::DatabaseOptions impatient{.connect_timeout = 2s, .statement_timeout = 2s, .migrate = false};
  return std::make_unique<Leadership>(TRY(store::Database::open(url, impatient)), store::Candidate{journal, "", 10s});
}

/// Where what is kept stands; in development a folder that goes with the process.
class DataFolder {
 public:
  DataFolder(const Settings& settings, const Options& options) : path_(options.data) {
    if (path_.empty() && settings.development) path_ = own_.emplace().path().string();
    if (path_.empty()) path_ = data_of(options);
  }
  const std::string& path() const { return path_; }

 private:
  std::optional<TempDir> own_;
  std::string path_;
};

}  // namespace

Result<std::string> database_url(const Options& options) {
  return database_url(TRY(load_settings(options.config, environment)), data_of(options));
}

Result<void> run(const Options& given, std::stop_token stop) {
  bound_heap(4, 256U << 10U);  // requests of a few hundred KB wait in a queue, thousands of them at times
  const Settings settings = TRY(load_settings(given.config, environment));
  for (const std::string& warning : settings.warnings) log::warn("settings", {{"what", warning}});
  if (given.check_config) {
    std::printf("%s: fine\n", given.config.c_str());
    return {};
  }
  const std::string kept_in = database_url(settings, data_of(given));
  if (given.command == Command::Backup) return backup(kept_in, given.file);
  if (given.command == Command::Restore) return restore(data_of(given), kept_in, given.file);
  const std::stop_callback watchdog(stop, exit_when_stuck);
  const DataFolder data(settings, given);
  Options options = given;
  options.data = data.path();
  const auto journal = TRY(journal::Journal::open({.dir = options.data + "/intake", .max_bytes = kJournalBytes}));
  const std::string url = database_url(settings, options.data);
  const auto leadership = TRY(settle_leadership(url, TRY(journal_id(options.data))));
  Lasting lasting{settings,
                  options,
                  url,
                  *journal,
                  *leadership,
                  server_options(settings, options, {}).address,
                  settings.admission_address};
  while (!stop.stop_requested()) {
    const auto done = serve_term(lasting, stop);
    if (done) continue;
    // A database that goes just when this server begins to lead or to follow comes back.
    if (!lasting.served || !leadership->shared() || done.error().code != Code::Unavailable) return done;
    log::error("this server can neither lead nor follow; it is tried again", {{"why", done.error().what}});
    wait_until(std::chrono::steady_clock::now() + kAgain, stop);
  }
  log::info("server stopping");
  return {};
}

}  // namespace tessera::server
