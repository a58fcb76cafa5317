// The machine: its clock, its kernel, its architecture.
#include "cli/check_host.h"

#include <sys/timex.h>
#include <sys/utsname.h>

#include <cerrno>
#include <system_error>

#include "base/duration.h"
#include "cli/checks.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr EpochMs kFirstSane = 1'735'689'600'000;  // 2025-01-01: before the first release
constexpr std::int64_t kTolerableErrorMs = 1'000;
constexpr std::string_view kLookedAt = "adjtimex(2), /run/systemd/timesync/synchronized";

}  // namespace

Finding judge_clock(const ClockSight& sight) {
  const std::string looked_at(kLookedAt);
  const auto now = format_time(sight.now);
  if (sight.now < kFirstSane)
    return {Status::Problem,
            looked_at,
            fmt::format("the clock says {}: it was never set", now),
            "Set it; Prometheus and the server drop samples from the past.",
            {"timedatectl set-ntp true"}};
  if (sight.kernel_synchronised.value_or(false) && sight.error_ms.value_or(0) > kTolerableErrorMs)
    return {Status::Note,
            looked_at,
            fmt::format("{}, synchronised, but may be {} ms off", now, *sight.error_ms),
            "Check the time server's distance and state.",
            {"chronyc tracking", "timedatectl timesync-status"}};
  if (sight.kernel_synchronised.value_or(false) || sight.timesync_file)
    return {Status::Ok, looked_at, fmt::format("{}, synchronised", now), "", {}};
  if (!sight.kernel_synchronised)
    return {Status::Note,
            looked_at,
            fmt::format("{}; the kernel does not tell whether it is synchronised", now),
            "Compare it by hand with another machine's.",
            {"date -u"}};
  return {
      Status::Warning,
      looked_at,
      fmt::format("{}; no time service keeps this clock", now),
      "Start one: samples of a clock that drifts are refused or land at the wrong hour of a bill. A virtual machine "
      "may have its host's clock instead.",
      {"timedatectl set-ntp true", "apt-get install chrony"}};
}

Findings check_clock(const Node& node) {
  ClockSight sight;
  sight.now = now_epoch_ms();
  timex state{};  // no mode bits: only reads
  const int answer = ::adjtimex(&state);
  if (answer >= 0) {
    sight.kernel_synchronised = answer != TIME_ERROR && (static_cast<unsigned>(state.status) & STA_UNSYNC) == 0;
    sight.error_ms = state.maxerror / 1000;
  }
  std::error_code unreadable;
  sight.timesync_file = fs::exists(node.at.root / "run/systemd/timesync/synchronized", unreadable);
  return {judge_clock(sight)};
}

Finding judge_host(std::string_view system, std::string_view release, std::string_view machine) {
  const std::string seen = fmt::format("{} {} on {}", system, release, machine);
  if (machine == "x86_64" || machine == "aarch64") return {Status::Ok, "uname(2)", seen, "", {}};
  return {Status::Note,
          "uname(2)",
          seen + ", an architecture that Tessera is not tested on",
          "It is built and tested on x86_64 and aarch64.",
          {}};
}

Findings check_host(const Node&) {
  utsname about{};
  if (::uname(&about) != 0)
    return {{Status::Note, "uname(2)", std::generic_category().message(errno), "Nothing depends on it.", {}}};
  return {judge_host(about.sysname, about.release, about.machine)};
}

}  // namespace tessera::cli
