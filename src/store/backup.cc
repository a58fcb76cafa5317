#include "store/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "store/database.h"
#include "store/migrations.h"

namespace tessera::store {
namespace {

constexpr int kBusyMs = 10'000;

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};
using Handle = std::unique_ptr<sqlite3, CloseDatabase>;

Error sqlite_error(std::string_view what, const std::filesystem::path& file, sqlite3* database) {
  return fail(Code::Unavailable, "{} {}: {}", what, file.string(), sqlite3_errmsg(database));
}

Result<Handle> open_file(const std::filesystem::path& file, int flags) {
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &database, flags, nullptr);
  Handle out(database);
  if (result != SQLITE_OK) return sqlite_error("open", file, database);
  sqlite3_busy_timeout(database, kBusyMs);
  return out;
}

Result<void> sync(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int why = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!done) return fail(Code::Unavailable, "sync {}: {}", path.string(), std::strerror(why));
  return {};
}

Result<void> copy_pages(const std::filesystem::path& from, const std::filesystem::path& to) {
  const Handle source = TRY(open_file(from, SQLITE_OPEN_READWRITE));  // a reader of a write-ahead log writes its index
  const Handle target = TRY(open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  sqlite3_backup* copying = sqlite3_backup_init(target.get(), "main", source.get(), "main");
  if (!copying) return sqlite_error("copy to", to, target.get());
  // All in one step: what is written meanwhile goes to the write-ahead log, and nobody waits. In several, a writer that
  // never rests would make it begin again and again.
  const int result = sqlite3_backup_step(copying, -1);
  sqlite3_backup_finish(copying);
  if (result != SQLITE_DONE) return sqlite_error("copy to", to, target.get());
  if (sqlite3_exec(target.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr) != SQLITE_OK)
    return sqlite_error("finish", to, target.get());  // one file, without a log beside it
  return {};
}

}  // namespace

Result<void> copy_sqlite(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::filesystem::path part = to.string() + ".part";
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  auto done = copy_pages(from, part);
  if (done) done = sync(part);
  std::error_code failed;
  if (done) std::filesystem::rename(part, to, failed);
  if (done && failed)
    done = fail(Code::Unavailable, "rename {} to {}: {}", part.string(), to.string(), failed.message());
  if (!done) {
    std::filesystem::remove(part, ignored);
    return done;
  }
  return sync(to.has_parent_path() ? to.parent_path() : ".");
}

Result<void> check_sqlite(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) return fail(Code::NotFound, "{}: there is no such file", file.string());
  const auto database = TRY(Database::open("sqlite:" + file.string(), {.migrate = false}));
  std::string found;
  TRY(database->each("PRAGMA quick_check(1)", {}, [&](const Row& row) { found = row.text(0); }));
  if (found != "ok") return fail(Code::Invalid, "{}: it is damaged: {}", file.string(), found);
  const auto unknown = unknown_migration(*database);
  if (!unknown)
    return fail(Code::Invalid, "{}: it is no database of this program: {}", file.string(), unknown.error().what);
  if (*unknown)
    return fail(Code::Invalid,
                "{}: its tables have had migration {}, which this program does not have (its newest is {}): restore it "
                "with the newer program",
                file.string(), **unknown, newest_version());
  return {};
}

}  // namespace tessera::store
