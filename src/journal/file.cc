#include "journal/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tessera::journal {
namespace {

Error system_error(std::string_view tried, const std::filesystem::path& path, int number) {
  const Code code = number == ENOENT                                         ? Code::NotFound
                    : number == EACCES || number == EPERM || number == EROFS ? Code::Denied
                                                                             : Code::Unavailable;
  return fail(code, "journal: {} {}: {}", tried, path.string(), std::strerror(number));
}

}  // namespace

Result<std::shared_ptr<const File>> File::open(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
  if (descriptor < 0) return system_error((flags & O_CREAT) != 0 ? "create" : "open", path, errno);
  return std::make_shared<const File>(path, descriptor);
}

File::~File() { ::close(descriptor_); }

Result<void> File::lock() const {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_error("lock", path_, errno);
  return fail(Code::Unavailable, "journal: lock {}: another process has it open; give each its own directory",
              path_.string());
}

std::size_t File::read(std::uint64_t offset, std::span<char> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> File::write(std::uint64_t offset, std::string_view first, std::string_view second) const {
  while (!first.empty() || !second.empty()) {
    const iovec parts[] = {{const_cast<char*>(first.data()), first.size()},
                           {const_cast<char*>(second.data()), second.size()}};
    const ssize_t count = ::pwritev(descriptor_, parts, 2, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("write", path_, errno);
    const auto written = static_cast<std::size_t>(count);
    const std::size_t of_first = std::min(written, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(written - of_first);
    offset += written;
  }
  return {};
}

Result<void> File::truncate(std::uint64_t size) const {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return system_error("truncate", path_, errno);
  return {};
}

Result<std::uint64_t> File::size() const {
  struct stat info{};
  if (::fstat(descriptor_, &info) != 0) return system_error("look at", path_, errno);
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> File::sync() const {
  if (::fdatasync(descriptor_) != 0) return system_error("sync", path_, errno);
  return {};
}

}  // namespace tessera::journal
