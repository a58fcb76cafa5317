#pragma once
// A PostgreSQL of a test's own: in a temporary folder, reached by a unix socket, run by nobody where root tests.
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"

namespace tessera::store {

class PostgresPeer {
 public:
  /// Made with the first call and ended with the process; nullptr where PostgreSQL is not on this machine.
  static PostgresPeer* instance();
  static constexpr const char* kMissing = "PostgreSQL's server is neither in TESSERA_PEERS nor in /usr/lib/postgresql";

  explicit PostgresPeer(std::filesystem::path programs);
  ~PostgresPeer();
  PostgresPeer(const PostgresPeer&) = delete;
  PostgresPeer& operator=(const PostgresPeer&) = delete;

  /// After stop(). `flags`: more of the server's.
  void start(const std::string& flags = "");
  /// SIGINT ends all connections, SIGQUIT is like a crash.
  void stop(int signal = 2);

  /// A place without tables.
  std::string fresh_url();
  /// Likewise, by psqlodbc; empty where that is not on this machine.
  std::string fresh_odbc_url();
  std::string url(std::string_view database) const;
  /// The same place through something that listens on a port and passes on to socket().
  std::string by_port(std::string url, int port) const;
  std::filesystem::path socket() const { return folder_.path() / ".s.PGSQL.5432"; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  std::string log() const;

 private:
  std::string fresh_name(std::string_view kind);
  TempDir folder_;
  std::filesystem::path programs_;
  pid_t pid_ = -1;
  int names_ = 0;
};

}  // namespace tessera::store
