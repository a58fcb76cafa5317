#include "store/postgres_peer.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "store/database.h"

namespace tessera::store {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr unsigned kNobody = 65534;

std::optional<fs::path> programs() {
  const char* peers = std::getenv("TESSERA_PEERS");
  for (const fs::path& root : {fs::path(peers ? peers : "") / "usr/lib/postgresql", fs::path("/usr/lib/postgresql")}) {
    std::error_code error;
    for (const auto& version : fs::directory_iterator(root, error))
      if (fs::exists(version.path() / "bin/initdb", error)) return version.path() / "bin";
  }
  return std::nullopt;
}

/// In front of a command: PostgreSQL refuses to be run by root, and ends with the test.
std::string as_nobody() {
  return geteuid() == 0 ? fmt::format("setpriv --pdeathsig INT --reuid {0} --regid {0} --clear-groups ", kNobody)
                        : "setpriv --pdeathsig INT ";
}

void must(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("PostgreSQL of a test: failed: " + command);
}

/// Where nobody may not read them (a checkout below /root), a copy has to do.
fs::path readable(const fs::path& programs, const fs::path& folder) {
  if (std::system((as_nobody() + "test -x " + (programs / "postgres").string()).c_str()) == 0) return programs;
  const fs::path version = programs.parent_path().filename(), root = programs.parent_path().parent_path().parent_path();
  for (const fs::path& part :
       {fs::path("lib/postgresql") / version, root.parent_path() / "share/postgresql" / version}) {
    const fs::path from = part.is_absolute() ? part : root.parent_path() / part;
    const fs::path to = folder / "usr" / fs::relative(from, root.parent_path());
    fs::create_directories(to.parent_path());
    fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
  return folder / "usr/lib/postgresql" / version / "bin";
}

}  // namespace

PostgresPeer* PostgresPeer::instance() {
  static const std::unique_ptr<PostgresPeer> peer = [] {
    const auto found = programs();
    return found ? std::make_unique<PostgresPeer>(*found) : nullptr;
  }();
  return peer.get();
}

PostgresPeer::PostgresPeer(fs::path programs) : programs_(std::move(programs)) {
  if (geteuid() == 0 && chown(folder_.path().c_str(), kNobody, kNobody) != 0)
    throw std::runtime_error("PostgreSQL of a test: its folder cannot be given to nobody");
  if (geteuid() == 0) programs_ = readable(programs_, folder_.path());
  must(
      fmt::format("cd {0} && printf secret >password && chmod 644 password && {1} {2}/initdb -D {0}/data -U tessera "
                  "--auth=scram-sha-256 --pwfile={0}/password -E UTF8 --locale=C --no-sync >initdb.log 2>&1",
                  folder_.path().string(), as_nobody(), programs_.string()));
  start();
}

PostgresPeer::~PostgresPeer() { stop(SIGQUIT); }

void PostgresPeer::start(const std::string& flags) {
  const std::string command = fmt::format(
      "cd {0} && exec {1} {2}/postgres -D {0}/data -k {0} -c listen_addresses= -c fsync=off "
      "-c timezone=GMT -c log_timezone=GMT -c max_connections=200 {3} >>{0}/log 2>&1",
      folder_.path().string(), as_nobody(), programs_.string(), flags);
  const char* words[] = {"/bin/sh", "-c", command.c_str(), nullptr};
  if (posix_spawn(&pid_, words[0], nullptr, nullptr, const_cast<char**>(words), environ) != 0)
    throw std::runtime_error("PostgreSQL of a test: cannot be started");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (Database::open(url("postgres"), {.migrate = false})) return;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(20ms);  // it announces nothing but in its log
  }
  throw std::runtime_error("PostgreSQL of a test does not come up: " + log());
}

void PostgresPeer::stop(int signal) {
  if (pid_ < 0) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string PostgresPeer::url(std::string_view database) const {
  return fmt::format("postgresql://tessera:secret@/{}?host={}", database, folder_.path().string());
}

std::string PostgresPeer::fresh_name(std::string_view kind) {
  std::string name = fmt::format("t{}", ++names_);
  auto database = Database::open(url("postgres"), {.migrate = false});
  if (!database) throw std::runtime_error(database.error().what);
  const auto made = (*database)->run(fmt::format("CREATE {} {}", kind, name));
  if (!made) throw std::runtime_error(made.error().what);
  return name;
}

// A schema is made in a moment, a database takes half a second.
std::string PostgresPeer::fresh_url() {
  return fmt::format("{}&options=-csearch_path%3D{}", url("postgres"), fresh_name("SCHEMA"));
}

std::string PostgresPeer::by_port(std::string url, int port) const {
  const std::string host = "host=" + folder_.path().string();
  url.replace(url.find(host), host.size(), "sslmode=disable");
  return url.replace(url.find("@/"), 2, fmt::format("@127.0.0.1:{}/", port));
}

std::string PostgresPeer::fresh_odbc_url() {
  const char* peers = std::getenv("TESSERA_PEERS");
  for (const fs::path& root : {fs::path(peers ? peers : "") / "usr/lib", fs::path("/usr/lib")}) {
    std::error_code error;
    for (const auto& machine : fs::directory_iterator(root, error))
      if (const fs::path driver = machine.path() / "odbc/psqlodbca.so"; fs::exists(driver, error))
        return fmt::format("odbc:DRIVER={};Servername={};Port=5432;Database={};UID=tessera;PWD=secret", driver.string(),
                           folder_.path().string(), fresh_name("DATABASE"));
  }
  return "";
}

std::string PostgresPeer::log() const {
  return read_file(folder_.path() / "log").operator bool() ? *read_file(folder_.path() / "log") : "";
}

}  // namespace tessera::store
