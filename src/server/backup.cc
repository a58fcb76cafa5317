#include "server/backup.h"

#include <fmt/format.h>

#include <system_error>

#include "base/log.h"
#include "journal/journal.h"
#include "store/backup.h"

namespace tessera::server {
namespace {

constexpr std::string_view kScheme = "sqlite:";

Result<std::filesystem::path> file_of(const std::string& url) {
  if (!url.starts_with(kScheme))
    return fail(
        Code::Invalid,
        "database.url: only a SQLite database is copied here; of PostgreSQL, pg_dump and pg_restore make copies");
  if (url.find(":memory:") != std::string::npos || url.find("mode=memory") != std::string::npos)
    return fail(Code::Invalid, "database.url: a database in memory ends with its server and has no copies");
  return std::filesystem::path(url.substr(kScheme.size()));
}

/// SQLite finds the log of a database by its name, so that both are renamed alike.
Result<void> put_aside(const std::filesystem::path& file) {
  for (const char* end : {"", "-wal", "-shm"}) {
    const std::filesystem::path from = file.string() + end, to = file.string() + ".before-restore" + end;
    std::error_code failed;
    std::filesystem::remove(to, failed);
    if (!std::filesystem::exists(from)) continue;
    std::filesystem::rename(from, to, failed);
    if (failed) return fail(Code::Unavailable, "rename {} to {}: {}", from.string(), to.string(), failed.message());
  }
  return {};
}

}  // namespace

Result<void> backup(const std::string& url, const std::filesystem::path& file) {
  const std::filesystem::path from = TRY(file_of(url));
  if (!std::filesystem::exists(from))
    return fail(Code::NotFound, "there is no database {}: --data names the server's folder", from.string());
  TRY(store::copy_sqlite(from, file));
  TRY(store::check_sqlite(file));
  log::info("the database has been copied", {{"from", from.string()}, {"to", file.string()}});
  return {};
}

Result<void> restore(const std::string& data, const std::string& url, const std::filesystem::path& file) {
  const std::filesystem::path to = TRY(file_of(url));
  TRY(store::check_sqlite(file));
  // A server holds its journal as long as it lives.
  const auto held = journal::Journal::open({.dir = data + "/intake", .max_bytes = 1ULL << 50U});
  if (!held)
    return fail(held.error().code, "a server runs on {}, or its journal cannot be opened: stop it first ({})", data,
                held.error().what);
  const std::filesystem::path fresh = to.string() + ".restored";
  TRY(store::copy_sqlite(file, fresh));
  TRY(put_aside(to));
  std::error_code failed;
  std::filesystem::rename(fresh, to, failed);
  if (failed)
    return fail(Code::Unavailable, "rename {} to {}: {}; the database is {}.before-restore", fresh.string(),
                to.string(), failed.message(), to.string());
  log::info("the database has been replaced", {{"by", file.string()}, {"old", to.string() + ".before-restore"}});
  return {};
}

}  // namespace tessera::server
