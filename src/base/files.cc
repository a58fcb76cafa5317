#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>

#include "base/descriptor.h"

namespace tessera {
namespace {

Error system_error(std::string_view tried, const std::filesystem::path& path, int number) {
  const Code code = number == ENOENT || number == ESRCH || number == ENOTDIR ? Code::NotFound
                    : number == EACCES || number == EPERM || number == EROFS ? Code::Denied
                                                                             : Code::Unavailable;
  return fail(code, "{} {}: {}", tried, path.string(), std::strerror(number));
}

Result<void> write_all(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_synced(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return system_error("create", path, errno);
  TRY(write_all(*file, text, path));
  if (::fchmod(*file, mode) != 0) return system_error("set the mode of", path, errno);
  if (::fsync(*file) != 0) return system_error("sync", path, errno);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("open", path, errno);
  std::string out;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(*file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path, errno);
    if (count == 0) return out;
    out.append(buffer, static_cast<std::size_t>(count));
    if (out.size() > limit) return fail(Code::Unavailable, "read {}: longer than {} bytes", path.string(), limit);
  }
}

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  // A leading dot and no .prom ending: node_exporter's textfile collector never reads the temporary.
  auto temporary = path;
  temporary.replace_filename(
      fmt::format(".{}.{}.{:x}.tmp", path.filename().string(), ::getpid(), std::random_device{}()));
  auto written = write_synced(temporary, text, mode);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = system_error("rename to", path, errno);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); folder) ::fsync(*folder);
  return {};
}

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "tessera-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();  // without a temporary directory no caller can go on
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tessera
