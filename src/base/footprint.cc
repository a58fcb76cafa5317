#include "base/footprint.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

namespace tessera {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::optional<std::uint64_t> resident_bytes() {
  const auto statm = read_file("/proc/self/statm");
  if (!statm) return std::nullopt;
  const auto fields = split(*statm, ' ');
  const auto pages = fields.size() > 1 ? parse_int(fields[1]) : std::nullopt;
  if (!pages || *pages < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*pages) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Footprint footprint() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), resident_bytes()};
}

}  // namespace tessera
