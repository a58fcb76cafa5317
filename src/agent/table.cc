#include "agent/table.h"

#include <algorithm>
#include <vector>

#include "base/grid.h"
#include "base/text.h"

namespace tessera::agent {
namespace {

constexpr std::string_view kAbsent = "–";

std::string number(const std::optional<double>& value, std::string_view unit, double scale = 1) {
  return value ? fmt::format("{:.0f}{}", *value * scale, unit) : std::string(kAbsent);
}

std::string gibibytes(const std::optional<double>& bytes) {
  return bytes ? fmt::format("{:.1f}", *bytes / (1U << 30U)) : std::string(kAbsent);
}

std::string memory_cell(const gpu::Readings& readings, std::uint64_t total) {
  const auto used = readings[gpu::Reading::MemoryUsedBytes];
  return fmt::format("{} / {} GiB", gibibytes(used),
                     gibibytes(total > 0 ? std::optional(static_cast<double>(total)) : std::nullopt));
}

std::string busy_cell(const gpu::Readings& readings) {
  if (const auto ratio = readings[gpu::Reading::GraphicsEngineActiveRatio]) return number(ratio, " %", 100);
  return number(readings[gpu::Reading::GpuUtilPercent], " %");
}

std::string workload_name(const Workload& w) {
  if (w.pod.empty()) return w.pod_uid.empty() ? std::string(kAbsent) : "pod " + w.pod_uid;
  return w.container.empty() ? w.space + '/' + w.pod : w.space + '/' + w.pod + '/' + w.container;
}

std::string holders_cell(const Observation& seen, const Subject& subject) {
  if (!seen.allocations.known) return std::string(kAbsent);
  std::string out;
  for (const Allocation& a : seen.allocations.list) {
    if (a.subject != subject) continue;
    if (!out.empty()) out += ", ";
    out += workload_name(a.workload);
    if (a.used == false) out += " (idle)";
  }
  return out.empty() ? "free" : out;
}

void append_devices(std::string& out, const Observation& seen) {
  std::vector<Cells> lines{{"GPU", "MODEL", "BUSY", "MEMORY", "TEMP", "POWER", "HELD BY"}};
  for (const gpu::Device& d : seen.snapshot.devices) {
    const Subject subject = subject_of(d);
    const std::string dash(kAbsent);
    if (d.health != gpu::Health::Up) {
      lines.push_back(
          {subject.gpu, d.name.empty() ? d.uuid : d.name, dash, dash, dash, dash, "not answering: " + d.why});
      continue;
    }
    const bool mig = d.mig_enabled.value_or(false);
    lines.push_back({subject.gpu, d.name, mig ? "MIG" : busy_cell(d.readings), memory_cell(d.readings, d.memory_bytes),
                     number(d.readings[gpu::Reading::TemperatureCelsius], " °C"),
                     number(d.readings[gpu::Reading::PowerWatts], " W"),
                     mig && !d.instances.empty() ? "" : holders_cell(seen, subject)});
    for (const gpu::Instance& i : d.instances) {
      const Subject slice = subject_of(d, i);
      lines.push_back({slice.gpu, "  " + i.profile, busy_cell(i.readings), memory_cell(i.readings, i.memory_bytes), "",
                       "", holders_cell(seen, slice)});
    }
  }
  append_grid(out, lines, {2, 3, 4, 5});
}

/// A process can call itself anything: line breaks and a terminal's control sequences among them.
std::string one_line(std::string_view text) {
  std::string out = valid_utf8(text);
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return out;
}

std::string who_cell(const Session& s) {
  if (s.outcome <= Outcome::Unnamed) return workload_name(s.workload);  // in a pod, whatever is known of it
  static constexpr std::string_view kWords[kOutcomeCount] = {
      "", "", "", "host process", "gone", "no access to its /proc entry", "two pods in its cgroup"};
  return fmt::format("({})", kWords[static_cast<std::size_t>(s.outcome)]);
}

void append_sessions(std::string& out, const Observation& seen) {
  if (!seen.sessions_known()) {
    out += "Processes are not shown: this agent is not in the host's PID namespace (hostPID: true is missing).\n";
    return;
  }
  if (seen.sessions.empty()) {
    out += "No processes.\n";
    return;
  }
  std::vector<Cells> lines{{"GPU", "PID", "TYPE", "MEMORY", "SM", "POD", "COMMAND"}};
  for (const Session& s : seen.sessions)
    lines.push_back({s.subject.gpu, std::to_string(s.pid), s.type,
                     s.memory_bytes ? fmt::format("{} MiB", *s.memory_bytes >> 20U) : std::string(kAbsent),
                     number(s.sm_percent, " %"), who_cell(s),
                     s.command.empty() ? std::string(kAbsent) : one_line(s.command)});
  append_grid(out, lines, {1, 3, 4});
}

}  // namespace

std::string table(const Observation& seen, const std::string& node_name) {
  const gpu::Driver& driver = seen.snapshot.driver;
  std::string out = fmt::format("{}   {}\n", node_name, format_time(seen.time));
  if (!seen.driver_up) return out + "No driver: " + seen.driver_problem + '\n';
  out += fmt::format("driver {}{}\n\n", driver.version, driver.simulated ? " (SIMULATED: no real GPU)" : "");
  if (seen.snapshot.devices.empty()) return out + "The driver lists no GPU.\n";
  append_devices(out, seen);
  out += '\n';
  append_sessions(out, seen);
  return out;
}

}  // namespace tessera::agent
