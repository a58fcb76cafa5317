#include "server/route_counts.h"

#include <chrono>
#include <utility>

#include "metrics/own.h"
#include "server/catalog.h"

namespace tessera::server {
namespace {
constexpr std::string_view kCodes[] = {"2xx", "3xx", "4xx", "5xx"};
}  // namespace

void RouteCounts::count(std::vector<http::Route>& routes) {
  for (http::Route& route : routes) {
    Row& row = rows_.emplace_back();
    row.method = route.method;
    row.path = route.path;
    route.handle = [&row, handle = std::move(route.handle)](const http::Request& request) {
      const auto begin = std::chrono::steady_clock::now();
      http::Response out = handle(request);
      const auto took = std::chrono::steady_clock::now() - begin;
      row.microseconds +=
          static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
      if (out.status >= 200 && out.status < 600) ++row.by[static_cast<std::size_t>(out.status) / 100 - 2];
      return out;
    };
  }
}

void RouteCounts::append_to(metrics::Page& page) const {
  page.family(catalog::kRouteRequests.metric);
  for (const Row& row : rows_)
    for (std::size_t i = 0; i < std::size(kCodes); ++i)
      page.add(page.labels(metrics::label_text({{"method", row.method}, {"route", row.path}, {"code", kCodes[i]}})),
               static_cast<double>(row.by[i].load()));
  page.family(catalog::kRouteSeconds.metric);
  for (const Row& row : rows_)
    page.add(page.labels(metrics::label_text({{"method", row.method}, {"route", row.path}})),
             static_cast<double>(row.microseconds.load()) / 1e6);
}

}  // namespace tessera::server
