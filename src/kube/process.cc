#include "kube/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <span>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "base/text.h"

namespace tessera::kube {
namespace {
namespace fs = std::filesystem;

// The first namespaces' inode numbers are fixed in the kernel.
constexpr std::string_view kInitialPidNamespace = "pid:[4026531836]";
constexpr std::string_view kInitialCgroupNamespace = "cgroup:[4026531835]";
constexpr std::string_view kHostInits[] = {"init", "systemd"};
constexpr std::size_t kStartAfterName = 19;                 // field 22 of stat, counted from field 3
constexpr std::int64_t kMostTicks = 1'000'000'000'000'000;  // 300,000 years: beyond it, no kernel wrote the file

struct Stat {
  std::uint64_t start_ticks = 0;
  std::string command;
};

/// `PID (comm) state …`. The name may hold blanks and parentheses, so the fields are counted from the last one.
std::optional<std::uint64_t> start_in(std::string_view stat) {
  if (stat.empty()) return std::nullopt;
  const void* close = ::memrchr(stat.data(), ')', stat.size());
  if (close == nullptr) return std::nullopt;
  std::string_view rest =
      trim(stat.substr(static_cast<std::size_t>(static_cast<const char*>(close) - stat.data()) + 1));
  std::size_t at = 0;
  for (std::size_t blanks = 0; blanks < kStartAfterName; ++at) {  // fields of a few digits: no search is worth its call
    if (at == rest.size()) return std::nullopt;
    if (rest[at] == ' ') ++blanks;
  }
  rest.remove_prefix(at);
  const auto start = parse_int(rest.substr(0, rest.find(' ')));
  if (!start || *start < 0 || *start > kMostTicks) return std::nullopt;
  return static_cast<std::uint64_t>(*start);
}

Result<Stat> read_stat(const fs::path& directory) {
  const auto path = directory / "stat";
  const std::string text = TRY(read_file(path));
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open)
    return fail(Code::Invalid, "{}: a command name in parentheses expected", path.string());
  const auto start = start_in(text);
  if (!start) return fail(Code::Invalid, "{}: field 22, the start time in clock ticks, expected", path.string());
  return Stat{*start, text.substr(open + 1, close - open - 1)};
}

/// The beginning of a file by one read, into `buffer`; empty if it cannot be read.
std::string_view read_once(const char* path, std::span<char> buffer) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  ssize_t count = 0;
  do {
    count = ::read(file, buffer.data(), buffer.size());
  } while (count < 0 && errno == EINTR);
  ::close(file);
  return {buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

/// The line `btime SECONDS` of /proc/stat.
std::optional<EpochMs> read_boot_time(const fs::path& proc) {
  const auto text = read_file(proc / "stat");
  if (!text) return std::nullopt;
  for (const auto line : split(*text, '\n')) {
    if (!line.starts_with("btime ")) continue;
    const auto seconds = parse_int(trim(line.substr(6)));
    if (seconds && *seconds > 0 && *seconds < kMostTicks) return *seconds * 1000;
  }
  return std::nullopt;
}

EpochMs ms_of(std::uint64_t ticks) {
  static const auto per_second = static_cast<std::uint64_t>(std::max(::sysconf(_SC_CLK_TCK), 1L));
  return static_cast<EpochMs>(ticks / per_second * 1000 + ticks % per_second * 1000 / per_second);
}

ProcessLookup unidentified(Unidentified why, std::string detail) { return {std::nullopt, why, std::move(detail)}; }

ProcessLookup unidentified(Error error) {
  const auto why = error.code == Code::NotFound ? Unidentified::Gone
                   : error.code == Code::Denied ? Unidentified::NoAccess
                                                : Unidentified::Unreadable;
  return unidentified(why, std::move(error.what));
}

std::string link_text(const fs::path& path) {
  std::error_code unreadable;
  const auto target = fs::read_symlink(path, unreadable);
  return unreadable ? "" : target.string();
}

/// Whether `NSpid:` of status lists the process in one PID namespace only.
bool has_one_pid(const fs::path& status) {
  const auto text = read_file(status);
  if (!text) return false;
  for (const auto line : split(*text, '\n'))
    if (line.starts_with("NSpid:")) return parse_int(trim(line.substr(6))).has_value();
  return false;
}

/// The link decides wherever there is one: a node that is itself a container has its own init, too.
bool in_initial_pid_namespace(const fs::path& proc) {
  if (const auto link = link_text(proc / "self/ns/pid"); !link.empty()) return link == kInitialPidNamespace;
  const auto init = read_file(proc / "1/comm");
  return init && std::ranges::find(kHostInits, trim(*init)) != std::end(kHostInits) &&
         has_one_pid(proc / "self/status");
}

bool has_path_above_root(const fs::path& cgroup) {
  const auto text = read_file(cgroup);
  return text && text->find(":/..") != std::string::npos;
}

bool in_own_cgroup_namespace(const fs::path& proc) {
  const auto link = link_text(proc / "self/ns/cgroup");
  return (!link.empty() && link != kInitialCgroupNamespace) || has_path_above_root(proc / "self/cgroup") ||
         has_path_above_root(proc / "1/cgroup");
}

}  // namespace

ProcessTable::ProcessTable(fs::path proc) : proc_(std::move(proc)), boot_time_(read_boot_time(proc_)) {}

ProcessLookup ProcessTable::look_up(unsigned pid) const {
  const auto directory = proc_ / std::to_string(pid);
  const auto before = read_stat(directory);
  if (!before) return unidentified(before.error());
  const auto cgroup = read_file(directory / "cgroup");
  const auto after = read_stat(directory);
  if (!after) return unidentified(after.error());
  if (after->start_ticks != before->start_ticks)
    return unidentified(Unidentified::Gone,
                        fmt::format("{}: ended, and its PID went to another process", directory.string()));
  if (!cgroup)  // the process is still there, so the file is not merely gone with it
    return unidentified(cgroup.error().code == Code::Denied ? Unidentified::NoAccess : Unidentified::Unreadable,
                        cgroup.error().what);
  auto owner = parse_cgroup(*cgroup);
  if (!owner)
    return unidentified(Unidentified::Conflict, fmt::format("{}: {}", directory.string(), owner.error().what));
  const auto boot_time = boot_time_ ? boot_time_ : read_boot_time(proc_);
  if (!boot_time)
    return unidentified(Unidentified::Unreadable,
                        fmt::format("{}: no line btime, so no start time can be told", (proc_ / "stat").string()));
  return {ProcessIdentity{pid, before->start_ticks, *boot_time + ms_of(before->start_ticks), before->command,
                          *std::move(owner)},
          Unidentified::Gone, ""};
}

std::optional<std::uint64_t> ProcessTable::start_ticks(unsigned pid) const {
  // Asked for every process in every collection: without allocation, and without the second read that finds the end.
  // The kernel hands a stat file out in one piece, of at most 1.2 kB.
  fmt::memory_buffer path;
  const fmt::format_int number(pid);
  for (const std::string_view part :
       {std::string_view(proc_.native()), std::string_view("/"), std::string_view(number.data(), number.size()),
        std::string_view("/stat\0", sizeof "/stat")})
    path.append(part);
  std::array<char, 4096> buffer;
  return start_in(read_once(path.data(), buffer));
}

Blindness look_for_blindness(const fs::path& proc) {
  Blindness found;
  found.no_proc = !read_boot_time(proc);
  // The kernel's /proc always has `self`, even for a reader that it does not show. A tree without it was laid out by
  // hand: it says what it says, and the reader's own namespaces mean nothing to it.
  std::error_code unreadable;
  if (found.no_proc || !fs::exists(fs::symlink_status(proc / "self", unreadable))) return found;
  found.no_host_pid = !in_initial_pid_namespace(proc);
  found.cgroup_namespaced = in_own_cgroup_namespace(proc);
  found.hidepid = !read_stat(proc / "1");  // what counts is whether it is in our way, not how it was mounted
  return found;
}

}  // namespace tessera::kube
