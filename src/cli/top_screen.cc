#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "cli/cells.h"
#include "cli/top_screen.h"

namespace tessera::cli {
namespace {

constexpr std::size_t kBar = 10;
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kBold = "\x1b[1m";

std::string bar(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  if (!value.is_number()) return std::string(kBar, ' ');
  const auto full = static_cast<std::size_t>(std::clamp(value.get<double>() / 100 * kBar + 0.5, 0.0, double{kBar}));
  std::string out;
  for (std::size_t i = 0; i < kBar; ++i) out += i < full ? "█" : "░";
  return out;
}

/// Heads stay, lines are cut to the width, and what does not fit is counted.
void append_table(std::string& out, const std::vector<Cells>& lines, const std::vector<std::size_t>& right,
                  const TopLook& look, std::size_t rows, std::size_t total) {
  std::string grid;
  append_grid(grid, lines, right);
  std::size_t shown = 0;
  for (const std::string_view line : split(grid, '\n')) {
    if (line.empty()) break;
    if (rows > 0 && shown > rows) break;
    const std::string text = fitted(line, look.columns);
    out += shown == 0 && look.colour ? fmt::format("{}{}{}\n", kBold, text, kPlain) : text + '\n';
    ++shown;
  }
  if (shown - 1 < total) out += fmt::format("… {} more\n", total - (shown - 1));
}

std::size_t total_of(const JsonValue& page) {
  const JsonValue& total = member(page, "total");
  return total.is_number_unsigned() ? total.get<std::size_t>() : 0;
}

std::string counts(const JsonValue& overview, std::string_view path, std::initializer_list<std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    const JsonValue& count = member(member(overview, path), name);
    if (!count.is_number_unsigned() || count.get<std::size_t>() == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count.get<std::size_t>(), name);
  }
  return out.empty() ? std::string(kAbsent) : out;
}

void append_head(std::string& out, const JsonValue& overview, const TopLook& look) {
  std::string time = text_cell(overview, "time");
  const std::string title = fmt::format("Tessera  {}  {} GPUs on {} nodes, {} MIG instances, {} processes", time,
                                        text_cell(overview, "totalGpuDevices"), text_cell(overview, "totalNodes"),
                                        text_cell(overview, "totalMigInstances"), text_cell(overview, "totalSessions"));
  const std::string use = fmt::format("util {} {}  mem {}  power {}", bar(overview, "overallGpuUtilization"),
                                      percent_cell(overview, "overallGpuUtilization"),
                                      memory_cell(overview, "memoryUsedBytes", "memoryTotalBytes"),
                                      number_cell(overview, "powerWatts", "W"));
  const std::string state =
      fmt::format("use: {}   health: {}", counts(overview, "devicesByUse", {"active", "idle", "free", "unknown"}),
                  counts(overview, "devicesByHealth", {"healthy", "degraded", "unhealthy", "unknown"}));
  out += look.colour ? fmt::format("{}{}{}\n", kBold, fitted(title, look.columns), kPlain)
                     : fitted(title, look.columns) + '\n';
  out += fitted(use, look.columns) + '\n' + fitted(state, look.columns) + "\n\n";
}

std::vector<Cells> device_lines(const JsonValue& devices) {
  std::vector<Cells> lines{{"DEVICE", "MODEL", "UTIL", "", "MEMORY", "TEMP", "POWER", "HEALTH", "HELD BY"}};
  for (const JsonValue& row : member(devices, "items")) {
    const std::string presence = text_cell(row, "presence");
    lines.push_back({text_cell(row, "id"), text_cell(row, "modelKey"), bar(row, "utilization.device"),
                     percent_cell(row, "utilization.device"), memory_cell(row, "memoryUsedBytes", "memoryTotalBytes"),
                     number_cell(row, "temperatureCelsius", "°C"), number_cell(row, "powerWatts", "W"),
                     presence == "present" ? text_cell(row, "health") : presence, holders_cell(row)});
  }
  return lines;
}

std::vector<Cells> session_lines(const JsonValue& sessions, EpochMs now) {
  std::vector<Cells> lines{{"DEVICE", "INSTANCE", "PID", "MEMORY", "UTIL", "AGE", "COMMAND", "POD"}};
  for (const JsonValue& row : member(sessions, "items"))
    lines.push_back({text_cell(row, "deviceId"), instance_cell(member(row, "instance")), text_cell(row, "pid"),
                     memory_cell(row, "memoryUsedBytes", ""), percent_cell(row, "utilizationPercent"),
                     age_cell(row, member(row, "startTime").is_null() ? "firstSeen" : "startTime", now),
                     text_cell(row, "command"), pod_cell(row)});
  return lines;
}

}  // namespace

std::string top_screen(const TopSeen& seen, const TopLook& look) {
  constexpr std::size_t kOtherLines = 10;  // head, two heads of tables, what is counted, the keys
  const EpochMs now = time_of(*seen.overview, "time").value_or(now_epoch_ms());
  std::string out;
  append_head(out, *seen.overview, look);
  const std::size_t room = look.rows > kOtherLines + 4 ? look.rows - kOtherLines : 4;
  const std::size_t sessions = member(*seen.sessions, "items").size();
  const std::size_t for_sessions = std::min(sessions, room / 2);
  append_table(out, device_lines(*seen.devices), {3, 4, 5, 6}, look, look.rows == 0 ? 0 : room - for_sessions,
               total_of(*seen.devices));
  out += '\n';
  append_table(out, session_lines(*seen.sessions, now), {2, 3, 4, 5}, look,
               look.rows == 0 ? 0 : std::max<std::size_t>(for_sessions, 1), total_of(*seen.sessions));
  return out;
}

}  // namespace tessera::cli
