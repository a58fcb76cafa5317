#include "relay/routes.h"

#include <fmt/format.h>

#include "base/footprint.h"
#include "relay/explanation.h"
#include "relay/json.h"
#include "relay/self_metrics.h"
#include "relay/targets_html.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLongestTurn = 30s;  // of the scrape thread, which looks twice a second at least

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kJson = "application/json";

constexpr std::string_view kNothingRuns = "no configuration runs: the log says why\n";

constexpr std::string_view kIndex =
    "<!doctype html><html lang=\"en\"><title>tessera-relay</title><h1>tessera-relay</h1><ul>"
    "<li><a href=\"/targets\">/targets</a>: what is scraped, and how it goes</li>"
    "<li>/explain?namespace=NAMESPACE&amp;pod=POD: why a pod is scraped or not</li>"
    "<li><a href=\"/status\">/status</a>: destinations and their queues</li>"
    "<li><a href=\"/metrics\">/metrics</a>: Prometheus text or OpenMetrics</li>"
    "<li><a href=\"/livez\">/livez</a>, <a href=\"/readyz\">/readyz</a>: health</li></ul></html>\n";

http::Response reply(int status, std::string_view type, std::string text) {
  http::Response response;
  response.status = status;
  response.content_type = type;
  response.body = std::move(text);
  return response;
}

/// Who asks differently gets another form of the same page.
http::Response negotiated(http::Response response) {
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  return response;
}

std::vector<SeenTarget> targets_of(const Pipeline& pipeline) {
  std::vector<SeenTarget> targets;
  for (const auto& scrape : pipeline.scrapes()) targets.push_back({scrape->target(), scrape->status()});
  sort_for_people(targets);
  return targets;
}

std::vector<SeenDestination> destinations_of(const Pipeline& pipeline) {
  std::vector<SeenDestination> destinations;
  for (const auto& forward : pipeline.forwards()) {
    const DestinationState& state = forward->state();
    const DestinationStats stats = state.stats();
    destinations.push_back({state.name(), forward->destination().url, stats, state.has_taken(stats.kind),
                            forward->queues(), forward->lost_unqueued()});
  }
  return destinations;
}

http::Response metrics(const Overview& seen, const http::Request& request) {
  const metrics::Page page = self_metrics(seen, footprint());
  const bool open = http::prefers(request.header("accept"), "application/openmetrics-text", "text/plain");
  http::Response response = negotiated(reply(200, open ? metrics::kOpenMetricsContentType : metrics::kTextContentType,
                                             open ? metrics::write_openmetrics(page) : metrics::write_text(page)));
  if (!http::wants_gzip(request.header("accept-encoding"))) return response;
  response.body = http::gzip(response.body);
  response.headers.emplace_back("Content-Encoding", "gzip");
  return response;
}

http::Response targets(const Overview& seen, const http::Request& request) {
  const bool html = http::prefers(request.header("accept"), "text/html", kJson);
  return negotiated(html ? reply(200, kHtml, targets_html(seen)) : reply(200, kJson, targets_json(seen)));
}

http::Response explain(const Running& running, const http::Request& request) {
  ExplainedPod explained{request.query_value("namespace"), request.query_value("pod"), {}};
  if (explained.pod_namespace.empty() || explained.pod.empty())
    return reply(400, kText, "expected: /explain?namespace=NAMESPACE&pod=POD\n");
  const auto explainer =
      running.ask([](const Pipeline& pipeline) { return std::optional(pipeline.discoverer().explainer()); });
  if (!explainer) return reply(503, kText, std::string(kNothingRuns));
  auto jobs = explainer->explain(explained.pod_namespace, explained.pod);  // which may take long: nothing is locked
  if (!jobs) return reply(jobs.error().code == Code::NotFound ? 404 : 503, kText, jobs.error().what + '\n');
  explained.jobs = *std::move(jobs);
  running.ask([&](const Pipeline& pipeline) {
    add_outcomes(explained, targets_of(pipeline), pipeline.discoverer().dropped());
    return true;
  });
  const bool text = http::prefers(request.header("accept"), "text/plain", kJson);
  return negotiated(text ? reply(200, kText, explanation_text(explained))
                         : reply(200, kJson, explanation_json(explained)));
}

http::Response livez(const Running& running) {
  const auto turn = running.ask([](const Pipeline& pipeline) { return std::optional(pipeline.loop().last_turn()); });
  if (!turn) return reply(503, kText, std::string(kNothingRuns));
  const auto age = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - *turn);
  if (age <= kLongestTurn) return reply(200, kText, "ok\n");
  return reply(503, kText,
               fmt::format("the scrape thread has not turned for {}; expected at most {}\n", format_duration(age),
                           format_duration(kLongestTurn)));
}

http::Response readyz(const Running& running) {
  const auto waits = running.ask([](const Pipeline& pipeline) {
    std::string out;
    if (pipeline.discoverer().ready()) return std::optional(out);
    for (const SourceStatus& source : pipeline.discoverer().sources())
      if (!source.ready)
        out += fmt::format("{}: {}\n", source.what, source.problem.empty() ? "not read yet" : source.problem);
    return std::optional(out.empty() ? "sources of targets are being read\n" : out);
  });
  if (!waits) return reply(503, kText, std::string(kNothingRuns));
  return waits->empty() ? reply(200, kText, "ok\n") : reply(503, kText, *waits);
}

}  // namespace

Overview look_at(const Running& running, EpochMs started) {
  Overview seen = running.ask([](const Pipeline& pipeline) {
    Overview out;
    out.config_file = pipeline.config().file;
    for (const Job& job : pipeline.config().jobs) out.jobs.push_back(job.name);
    out.discovered = pipeline.discoverer().ready();
    out.sources = pipeline.discoverer().sources();
    out.dropped = pipeline.discoverer().dropped();
    out.fallbacks = pipeline.discoverer().fallbacks();
    out.dropped_unshown = keep_dropped(out.dropped, pipeline.config().jobs);
    out.targets = targets_of(pipeline);
    out.scraped = pipeline.loop().totals();
    out.destinations = destinations_of(pipeline);
    return out;
  });
  seen.time = now_epoch_ms();
  seen.started = started;
  seen.abandoned = running.abandoned_queues();
  seen.last_reload_good = running.last_reload_good();
  seen.last_good_reload = running.last_good_reload();
  return seen;
}

std::vector<http::Route> relay_routes(const Running& running, Beside beside) {
  const auto look = [&running, beside = std::move(beside), started = now_epoch_ms()] {
    Overview seen = look_at(running, started);
    seen.http = beside.served();
    seen.sharing = beside.sharing();
    return seen;
  };
  return {{"GET", "/metrics", [look](const http::Request& request) { return metrics(look(), request); }},
          {"GET", "/targets", [look](const http::Request& request) { return targets(look(), request); }},
          {"GET", "/explain", [&running](const http::Request& request) { return explain(running, request); }},
          {"GET", "/status", [look](const http::Request&) { return reply(200, kJson, status_json(look())); }},
          {"GET", "/livez", [&running](const http::Request&) { return livez(running); }},
          {"GET", "/readyz", [&running](const http::Request&) { return readyz(running); }},
          {"GET", "/", [](const http::Request&) { return reply(200, kHtml, std::string(kIndex)); }}};
}

}  // namespace tessera::relay
