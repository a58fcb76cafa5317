#include "bench/process_cost.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

#include "base/files.h"
#include "base/text.h"

namespace tessera::bench {

namespace {

/// A process that is measured must be there: who has ended cost nothing, and that would be a figure.
std::string read_of(pid_t pid, std::string_view file) {
  auto text = read_file(fmt::format("/proc/{}/{}", pid, file));
  if (!text)
    throw std::runtime_error(fmt::format("the process {} that is measured has ended: {}", pid, text.error().what));
  return *std::move(text);
}

}  // namespace

double cpu_seconds(pid_t pid) {
  const std::string stat = read_of(pid, "stat");
  const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 2), ' ');
  if (fields[0] == "Z") throw std::runtime_error(fmt::format("the process {} that is measured has ended", pid));
  return static_cast<double>(*parse_int(fields[11]) + *parse_int(fields[12])) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

double status_mib(pid_t pid, std::string_view name) {
  const std::string status = read_of(pid, "status");
  for (const auto line : split(status, '\n'))
    if (line.starts_with(name) && line[name.size()] == ':')
      return static_cast<double>(*parse_int(split(trim(line.substr(name.size() + 1)), ' ')[0])) / 1024;
  throw std::runtime_error(fmt::format("the process {} that is measured has ended, or no line {}", pid, name));
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
