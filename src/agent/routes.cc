#include "agent/routes.h"

#include "agent/snapshot_json.h"

namespace tessera::agent {
namespace {

constexpr std::string_view kIndex =
    "<!doctype html><html lang=\"en\"><title>tessera-agent</title><h1>tessera-agent</h1><ul>"
    "<li><a href=\"/metrics\">/metrics</a>: Prometheus text or OpenMetrics</li>"
    "<li><a href=\"/api/v1/snapshot\">/api/v1/snapshot</a>: the same as JSON</li>"
    "<li><a href=\"/livez\">/livez</a> (or /health), <a href=\"/readyz\">/readyz</a>: health</li></ul></html>\n";

http::Response plain(int status, std::string text) {
  http::Response response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

http::Response metrics(const Latest<Published>& latest, Scraping& scraping, const http::Request& request) {
  const Form form = negotiate(request.header("accept"), request.header("accept-encoding"));
  scraping.demand.note(form, std::chrono::steady_clock::now());
  scraping.served.fetch_add(1, std::memory_order_relaxed);
  http::Response response;
  response.content_type = form.openmetrics ? metrics::kOpenMetricsContentType : metrics::kTextContentType;
  if (form.gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  response.shared_body = latest.get()->exposition->render(form);
  return response;
}

/// Empty if the last collection is fresh.
std::string staleness(const Latest<Published>& latest, Milliseconds fresh_for) {
  const Milliseconds age{now_epoch_ms() - latest.get()->seen.time};
  if (age <= fresh_for) return {};
  return fmt::format("the last collection ended {} ago; expected at most {}\n", format_duration(age),
                     format_duration(fresh_for));
}

http::Response livez(const Latest<Published>& latest, Milliseconds fresh_for) {
  const std::string stale = staleness(latest, fresh_for);
  return stale.empty() ? plain(200, "ok\n") : plain(503, stale);
}

http::Response readyz(const Latest<Published>& latest, Milliseconds fresh_for) {
  if (const std::string stale = staleness(latest, fresh_for); !stale.empty()) return plain(503, stale);
  const auto published = latest.get();
  if (!published->seen.driver_up) return plain(503, published->seen.driver_problem + '\n');
  return plain(200, "ok\n");
}

http::Response snapshot(const Latest<Published>& latest) {
  http::Response response;
  response.content_type = "application/json";
  response.body = snapshot_json(latest.get()->seen);
  return response;
}

}  // namespace

std::vector<http::Route> agent_routes(const Latest<Published>& latest, Scraping& scraping, Milliseconds fresh_for) {
  const auto live = [&, fresh_for](const http::Request&) { return livez(latest, fresh_for); };
  return {{"GET", "/metrics", [&](const http::Request& r) { return metrics(latest, scraping, r); }},
          {"GET", "/livez", live},
          {"GET", "/health", live},  // what dcgm-exporter's chart probes, for life and readiness alike
          {"GET", "/readyz", [&, fresh_for](const http::Request&) { return readyz(latest, fresh_for); }},
          {"GET", "/api/v1/snapshot", [&](const http::Request&) { return snapshot(latest); }},
          {"GET", "/", [](const http::Request&) {
             http::Response response = plain(200, std::string(kIndex));
             response.content_type = "text/html; charset=utf-8";
             return response;
           }}};
}

}  // namespace tessera::agent
