// The agent as one sentence: read the fields, find the driver, collect, serve the last collection until told to stop.
#include "agent/run.h"

#include <cstdio>

#include "agent/collector.h"
#include "agent/expose.h"
#include "agent/field_source.h"
#include "agent/routes.h"
#include "agent/shown_sessions.h"
#include "agent/shutdown.h"
#include "agent/snapshot_json.h"
#include "agent/table.h"
#include "base/every.h"
#include "base/files.h"
#include "base/footprint.h"
#include "base/heap.h"
#include "base/log.h"
#include "http/web_options.h"

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kBetweenSamples = 1s;  // process utilization wants 0.9 s, GPM 100 ms

ExposeOptions expose_options(const Options& options) {
  return {options.node_name,
          options.hostname_off ? "" : options.hostname_label,
          options.session_pid,
          options.session_command,
          options.session_memory_label,
          options.model_without_blanks};
}

/// What each collection becomes: a page for scrapers, the observation for people, a textfile for node_exporter.
class Publisher {
 public:
  Publisher(const Options& options, FieldSource& fields) : options_(options), fields_(fields) {
    self_.version = TESSERA_VERSION;
    self_.start_time = now_epoch_ms();
  }

  Published publish(Observation seen, Scraping& scraping, const http::ServerStats& http = {}) {
    self_.http = http;
    self_.fields_reload_ok = fields_.last_reload_ok();
    self_.scrapes = scraping.served;
    const Footprint process = footprint();
    self_.cpu_seconds = process.cpu_seconds;
    self_.resident_bytes = process.resident_bytes;
    const ExposeOptions how = expose_options(options_);
    if (seen.sessions_known())
      for (const auto& [uuid, sums] : shown_sessions(seen.sessions, how).clamped) self_.clamped_sums[uuid] += sums;
    auto page = metrics_page(seen, *fields_.fields(), how, self_);
    const auto exposition = std::make_shared<const Exposition>(std::move(page), fields_.fields());
    const SteadyTime now = std::chrono::steady_clock::now();
    for (const Form form : kForms)
      if (scraping.demand.wanted(form, now)) exposition->render(form);
    return {std::move(seen), exposition};
  }

  Result<void> write_textfile(const Observation& seen) {
    if (options_.textfile.empty()) return {};
    auto written = write_file_atomically(options_.textfile,
                                         metrics::write_text(session_page(seen, expose_options(options_))), 0644);
    if (written) return {};
    ++self_.textfile_failures;
    return fail(written.error().code, "textfile {}: {}", options_.textfile, written.error().what);
  }

 private:
  const Options& options_;
  FieldSource& fields_;
  SelfState self_;
};

Result<void> print(const Options& options, const Published& published) {
  // --once with nothing else asked for is a person looking.
  const Print form = options.print == Print::None && options.textfile.empty() ? Print::Table : options.print;
  std::string text;
  switch (form) {
    case Print::Json:
      text = snapshot_json(published.seen);
      break;
    case Print::Prom:
      text = *published.exposition->render({});
      break;
    case Print::Table:
      text = table(published.seen, options.node_name);
      break;
    case Print::None:
      return {};
  }
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return fail(Code::Unavailable,
                "print: standard output does not take the text (disk full, or the reader closed the pipe)");
  return {};
}

/// A file that a CronJob leaves behind is taken for the whole truth, so it is written whole or not at all.
Result<void> all_sessions_known(const Options& options, const Observation& seen) {
  if (!seen.sessions_known())
    return fail(Code::Denied,
                "textfile {} not written: processes cannot be told apart outside the host's PID namespace; run "
                "on the host, or in a pod with hostPID: true",
                options.textfile);
  std::string unknown = seen.snapshot.inventory_why;
  for (const gpu::Device& device : seen.snapshot.devices)
    if (!lists_sessions(device))
      unknown += fmt::format("{}GPU {} does not tell its processes: {}", unknown.empty() ? "" : "; ", device.index,
                             device.why);
  if (unknown.empty()) return {};
  return fail(Code::Unavailable,
              "textfile {} not written, an old one stands: {}. Reset the device, give it time by --deadline, or leave "
              "it out by --devices",
              options.textfile, unknown);
}

Result<void> run_once(const Options& options, Collector& collector, FieldSource& fields, std::stop_token stop) {
  collector.collect();  // the first of the two samples that rates need
  wait_until(std::chrono::steady_clock::now() + kBetweenSamples, stop);
  Publisher publisher(options, fields);
  Scraping nobody;
  const Published published = publisher.publish(collector.collect(), nobody);
  if (!published.seen.driver_up) return fail(Code::Unavailable, "{}", published.seen.driver_problem);
  if (!options.textfile.empty()) TRY(all_sessions_known(options, published.seen));
  TRY(publisher.write_textfile(published.seen));
  return print(options, published);
}

Result<void> serve(const Options& options, Collector& collector, FieldSource& fields, std::stop_token stop,
                   std::atomic<bool>& reload) {
  collector.start();
  Scraping scraping;
  Publisher publisher(options, fields);
  Latest<Published> latest;
  latest.publish(publisher.publish(collector.collect(), scraping));

  const Milliseconds fresh_for = std::max<Milliseconds>(10 * options.interval, 60s);
  const auto server = TRY(http::Server::listen(TRY(http::web_options(options.address, options.web_config)),
                                               agent_routes(latest, scraping, fresh_for)));
  log::info("agent ready", {{"address", server->address()}, {"interval", format_duration(options.interval)}});
  if (!wait_until(std::chrono::steady_clock::now() + std::min<Milliseconds>(options.interval, kBetweenSamples), stop))
    return {};

  bool textfile_ok = true;
  every(options.interval, stop, [&] {
    fields.refresh(reload.exchange(false));
    latest.publish(publisher.publish(collector.collect(), scraping, server->stats()));
    const auto written = publisher.write_textfile(latest.get()->seen);
    if (!written && textfile_ok)
      log::error("textfile not written, the old one stands", {{"why", written.error().what}});
    textfile_ok = static_cast<bool>(written);
  });
  log::info("agent stopping");
  return {};
}

}  // namespace

Result<void> run(const Options& options, std::stop_token stop, std::atomic<bool>& reload) {
  bound_heap(2, 4 << 20);  // a page of a megabyte or so is made anew each time
  const std::stop_callback watchdog(stop, leave_when_stuck);
  const auto fields = TRY(FieldSource::open(options.collectors, options.dcgm_names));
  Collector collector(options);
  if (options.once) return run_once(options, collector, *fields, stop);
  return serve(options, collector, *fields, stop, reload);
}

}  // namespace tessera::agent
