#include "operator/routes.h"

#include "operator/self_metrics.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLongestTurn = 5min;  // of the thread that reconciles

http::Response reply(int status, std::string body) {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

http::Response metrics_page(const Overview& seen, const http::Request& request) {
  const metrics::Page page = self_metrics(seen, footprint());
  const bool open = http::prefers(request.header("accept"), "application/openmetrics-text", "text/plain");
  http::Response out = reply(200, open ? metrics::write_openmetrics(page) : metrics::write_text(page));
  out.content_type = open ? metrics::kOpenMetricsContentType : metrics::kTextContentType;
  return out;
}

http::Response livez(const Counts& counts) {
  const auto age = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - counts.last_turn());
  if (age <= kLongestTurn) return reply(200, "ok\n");
  return reply(503, fmt::format("nothing was reconciled for {}; expected at most {}\n", format_duration(age),
                                format_duration(kLongestTurn)));
}

http::Response readyz(const Controller& controller) {
  const auto why = controller.unready();
  return why ? reply(503, *why + '\n') : reply(200, "ok\n");
}

}  // namespace

std::vector<http::Route> operator_routes(const Controller& controller, const Counts& counts,
                                         std::function<bool()> leads) {
  const auto look = [&controller, &counts, leads = std::move(leads), started = now_epoch_ms()] {
    return Overview{leads(), counts.totals(), controller.watches(), started};
  };
  return {{"GET", "/metrics", [look](const http::Request& request) { return metrics_page(look(), request); }},
          {"GET", "/livez", [&counts](const http::Request&) { return livez(counts); }},
          {"GET", "/readyz", [&controller](const http::Request&) { return readyz(controller); }}};
}

}  // namespace tessera::operate
