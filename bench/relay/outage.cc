#include "bench/relay/outage.h"

#include <chrono>
#include <thread>

namespace tessera::bench {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kBefore = 10s;  // a run in peace
constexpr auto kAfter = 10s;   // the same, when the receiver is back
constexpr auto kQuiet = 10s;   // nothing came for so long ...
constexpr auto kLongestExit = 2min;

/// Until all that was served has arrived, or nothing is to be waited for: a wait that doubles may last as long again as
/// the outage did.
Received drained(Stage& stage, double served, Clock::time_point earliest_end) {
  Received last = stage.received();
  auto changed = Clock::now();
  while (last["distinct"] < served && (Clock::now() < earliest_end || Clock::now() < changed + kQuiet)) {
    std::this_thread::sleep_for(500ms);
    Received now = stage.received();
    if (now["exposed"] != last["exposed"]) changed = Clock::now();
    last = std::move(now);
  }
  return last;
}

}  // namespace

std::optional<Outage> run_outage(const Contender& contender, const LoadShape& shape, unsigned seconds, int signal) {
  const std::chrono::milliseconds outage = std::chrono::seconds(seconds);
  Stage stage(contender, shape, true);
  stage.start();
  if (!stage.delivers()) return std::nullopt;
  std::this_thread::sleep_for(kBefore);
  const auto back = Clock::now() + outage;
  stage.refuse(outage);
  std::this_thread::sleep_for(outage / 2);
  Outage out{};
  if (signal != 0) {
    const auto told = Clock::now();
    stage.program().signal(signal);
    stage.program().wait(kLongestExit);
    out.exit_seconds = std::chrono::duration<double>(Clock::now() - told).count();
    stage.start();
  }
  std::this_thread::sleep_until(std::max(back, Clock::now()) + kAfter);
  stage.end_load();
  std::this_thread::sleep_for(1s);  // pages on their way
  out.served = stage.pages_served() * shape.page.samples();
  const Received received = drained(stage, out.served, back + outage + kAfter);
  out.lost = out.served - received["distinct"];
  out.out_of_order = received["out_of_order"];
  out.repeated = received["repeated"];
  return out;
}

}  // namespace tessera::bench
