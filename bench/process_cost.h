#pragma once
// What a running process has cost, from /proc, and what machine it runs on.
#include <sys/types.h>

#include <string>
#include <string_view>

namespace tessera::bench {

// Both throw std::runtime_error where the process has ended.

/// CPU seconds, user and system, to the nanosecond: ticks of 10 ms are more than what some parts measure.
double cpu_seconds(pid_t pid);

/// A line of /proc/PID/status in MiB: "VmRSS", "VmHWM", "RssAnon".
double status_mib(pid_t pid, std::string_view name);

/// "2 x AMD EPYC, Linux 6.1".
std::string machine();

}  // namespace tessera::bench
