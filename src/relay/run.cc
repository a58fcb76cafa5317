// The relay as one sentence: read the configuration, find targets, scrape them, forward what they say, and begin anew
// when the configuration changes.
#include "relay/run.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/every.h"
#include "base/files.h"
#include "base/heap.h"
#include "base/log.h"
#include "http/server.h"
#include "http/web_options.h"
#include "relay/members.h"
#include "relay/pipeline.h"
#include "relay/reports.h"
#include "relay/routes.h"
#include "relay/running.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kDrain = 6s;     // at the end: queues that can be sent are sent
constexpr Milliseconds kShutdown = 9s;  // then the process ends as it is
constexpr Milliseconds kSwitch = 1s;    // at a reload: requests under way may end
constexpr Milliseconds kLook = 1s;      // how often the configuration's file is looked at

void exit_when_stuck() {
  std::thread([] {
    std::this_thread::sleep_for(kShutdown);
    log::error("shutdown took too long, leaving; what is queued stays on disk",
               {{"after", format_duration(kShutdown)}});
    _exit(EXIT_FAILURE);
  }).detach();
}

/// An absent file is the built-in configuration only if none was named.
Result<Config> read_config(const Options& options) {
  return options.config.empty() ? parse_config("", "") : load_config(options.config);
}

/// The configuration's file as it is: another text behind the same path is a change, also through Kubernetes' symlinks.
std::optional<std::string> text_of(const Options& options) {
  if (options.config.empty()) return std::nullopt;
  auto text = read_file(options.config);
  return text ? std::optional(*std::move(text)) : std::nullopt;
}

void tell_warnings(const Config& config) {
  for (const std::string& warning : config.warnings) log::warn("configuration", {{"what", warning}});
  if (config.destinations.empty())
    log::warn("nothing is forwarded: the configuration names no destination",
              {{"what_to_do", "add remoteWrite (or remote_write) with a url"}});
}

/// The new configuration whole, or the old one goes on.
void reload_config(Running& running, const Options& options) {
  auto config = read_config(options);
  if (!config) {
    running.note_reload(false);
    return log::error("configuration not changed: the new one is wrong, the old one goes on",
                      {{"why", config.error().what}});
  }
  tell_warnings(*config);
  const auto replaced = running.replace(*std::move(config), options, std::chrono::steady_clock::now() + kSwitch);
  running.look_for_abandoned_queues(options.data);
  running.note_reload(static_cast<bool>(replaced));  // before the log says so: who reads it may look at /metrics
  if (!replaced)
    log::error("configuration changed, but cannot run", {{"why", replaced.error().what}});
  else
    log::info("configuration changed");
}

Result<void> serve(const Options& options, std::stop_token stop, std::atomic<bool>& reload) {
  bound_heap(2, 4 << 20);
  const std::stop_callback watchdog(stop, exit_when_stuck);
  auto text = text_of(options);
  Config config = TRY(read_config(options));
  tell_warnings(config);
  Running running(TRY(Pipeline::start(std::move(config), options)));
  running.look_for_abandoned_queues(options.data);
  std::atomic<const http::Server*> serving = nullptr;  // the routes come before the server that they tell of
  const auto served = [&serving] {
    const http::Server* known = serving;
    return known ? std::optional(known->stats()) : std::nullopt;
  };
  std::unique_ptr<Members> members;  // outlives the server, and comes after it: who cannot serve takes no lease
  std::atomic<const Members*> joined = nullptr;
  const auto sharing = [&joined] {
    const Members* known = joined;
    return known ? std::optional(known->status()) : std::nullopt;
  };
  auto server = TRY(http::Server::listen(TRY(http::web_options(options.address, options.web_config)),
                                         relay_routes(running, {served, sharing})));
  serving = server.get();
  members =
      TRY(Members::join(options, [&running](const std::vector<unsigned>& living) { running.share_among(living); }));
  joined = members.get();
  log::info("relay ready", {{"address", server->address()}, {"data", options.data}});
  std::stop_source ended;  // where no pipeline is left, there is nothing to wait for
  const std::stop_callback passed_on(stop, [&ended] { ended.request_stop(); });
  every(kLook, ended.get_token(), [&] {
    auto now = text_of(options);
    const bool changed = now && now != text;
    if (changed) text = std::move(now);
    if (reload.exchange(false) || changed) reload_config(running, options);
    if (!running.runs()) ended.request_stop();
  });
  if (!running.runs()) return fail(Code::Internal, "neither the new nor the old configuration can run: see above");
  log::info("relay stopping");
  if (members) members->request_stop();  // the others go on with our targets while our queues are sent
  server.reset();                        // it asks the pipeline, which ends now
  running.stop(std::chrono::steady_clock::now() + kDrain);
  return {};
}

}  // namespace

Result<void> run(const Options& options, std::stop_token stop, std::atomic<bool>& reload) {
  switch (options.mode) {
    case Mode::CheckConfig:
      return check_config(options);
    case Mode::DryRun:
      return dry_run(options, stop);
    case Mode::Explain:
      return explain_pod(options, stop);
    case Mode::Serve:
      break;
  }
  return serve(options, stop, reload);
}

}  // namespace tessera::relay
