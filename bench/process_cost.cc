#include "bench/process_cost.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <thread>

#include "base/files.h"
#include "base/text.h"

namespace tessera::bench {

namespace {

/// A process that is measured must be there: who has ended cost nothing, and that would be a figure.
[[noreturn]] void tell_ended(pid_t pid, std::string_view why) {
  throw std::runtime_error(fmt::format("the process {} that is measured has ended: {}", pid, why));
}

}  // namespace

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec spent{};
  if (const int error = ::clock_getcpuclockid(pid, &clock); error != 0) tell_ended(pid, std::strerror(error));
  if (::clock_gettime(clock, &spent) != 0) tell_ended(pid, std::strerror(errno));
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

double status_mib(pid_t pid, std::string_view name) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  if (!status) tell_ended(pid, status.error().what);
  for (const auto line : split(*status, '\n'))
    if (line.starts_with(name) && line[name.size()] == ':')
      return static_cast<double>(*parse_int(split(trim(line.substr(name.size() + 1)), ' ')[0])) / 1024;
  tell_ended(pid, fmt::format("no line {} in its status", name));
}

std::string machine() {
  utsname name{};
  uname(&name);
  std::string model = "unknown processor";
  const std::string cpus = *read_file("/proc/cpuinfo");
  for (const auto line : split(cpus, '\n'))
    if (line.starts_with("model name")) model = trim(line.substr(line.find(':') + 1));
  return fmt::format("{} x {}, Linux {}", std::thread::hardware_concurrency(), model, name.release);
}

}  // namespace tessera::bench
