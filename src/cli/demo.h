#pragma once
// `tessera demo`: the whole product on this machine with a simulated fleet. Agents on a simulated driver, a relay that
// scrapes them, a server in the development profile; all of it goes when the demo ends.
#include <stop_token>
#include <string>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::cli {

struct DemoCommand {
  std::string address = "127.0.0.1:8080";  ///< of the server
  std::string alertmanager;                ///< URL of one that its server tells of alerts; empty: nobody is told
  bool check = false;                      ///< look once that all of it works, and end
  Milliseconds patience{60'000};           ///< until the fleet has come to the server
};

/// The scenario of the fleet, and its nodes' names.
extern const char* const kDemoScenario;
inline constexpr const char* kDemoNodes[] = {"worker-01", "worker-02", "worker-03", "worker-04"};
inline constexpr std::size_t kDemoDevices = 15;

Result<void> run_demo(const DemoCommand& command, const std::stop_token& stop);

}  // namespace tessera::cli
