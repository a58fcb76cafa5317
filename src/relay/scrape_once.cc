#include "relay/scrape_once.h"

#include <condition_variable>
#include <mutex>

#include "base/every.h"
#include "http/fetch_loop.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kPatience = 30s;  // for sources that neither answer nor fail
constexpr Milliseconds kQuiet = 500ms;   // after which no more targets are expected of sources that have been read
constexpr Milliseconds kLook = 50ms;

/// The newest targets, and when they came.
struct Told {
  std::mutex mutex;
  std::vector<Target> targets;  // guarded by mutex
  SteadyTime when = std::chrono::steady_clock::now();
};

}  // namespace

Result<void> scrape_once(const std::vector<std::unique_ptr<Scrape>>& scrapes, const std::stop_token& stop) {
  const auto loop = TRY(http::FetchLoop::open({}));
  const std::stop_callback woken(stop, [&loop] { loop->wake(); });
  for (const auto& scrape : scrapes) scrape->start(*loop, now_epoch_ms());
  while (loop->active() > 0 && !stop.stop_requested()) loop->run_until(std::chrono::steady_clock::now() + 1s);
  if (!stop.stop_requested()) return {};
  for (const auto& scrape : scrapes) loop->cancel(*scrape);
  return fail(Code::Unavailable, "scraping: stopped before every target had answered");
}

Result<Discovered> discover_once(const Config& config, const Options& options, const std::stop_token& stop,
                                 const std::function<Result<void>(const Discoverer&)>& also) {
  Told told;
  const auto discoverer =
      Discoverer::start(config, options, [&told](std::vector<Target> targets, const std::set<std::string>&) {
        const std::lock_guard lock(told.mutex);
        told.targets = std::move(targets);
        told.when = std::chrono::steady_clock::now();
      });
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  SteadyTime quiet_since = deadline;
  for (SteadyTime now{}; now < deadline;) {
    if (!wait_until(std::chrono::steady_clock::now() + kLook, stop))
      return fail(Code::Unavailable, "discovery: stopped before every source had been read");
    now = std::chrono::steady_clock::now();
    if (!discoverer->ready()) continue;
    const std::lock_guard lock(told.mutex);
    quiet_since = std::max(told.when, std::min(quiet_since, now));
    if (now - quiet_since >= kQuiet) break;
  }
  if (also) TRY(also(*discoverer));
  const std::lock_guard lock(told.mutex);
  return Discovered{told.targets, discoverer->sources(), discoverer->dropped()};
}

}  // namespace tessera::relay
