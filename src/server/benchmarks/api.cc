#include "server/benchmarks/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/access/viewer.h"
#include "server/api_json.h"
#include "server/benchmarks/json.h"
#include "server/json_body.h"
#include "server/paging.h"
#include "server/resource.h"

namespace tessera::server {
namespace {
namespace benchmarks = fleet::benchmarks;
using benchmarks::Record;

constexpr std::string_view kColumns[] = {"id",   "model",  "driver", "name", "version", "value",
                                         "unit", "better", "source", "time", "watts"};
constexpr std::size_t kMostBytes = 4U << 20U;
constexpr std::size_t kMostCompared = 500;
/// Clocks of who measures may be ahead of the server's.
constexpr EpochMs kAhead = 86'400'000;

struct RunRow {
  Record run;
  std::string id;
};
constexpr SortColumn<RunRow> kSort[] = {
    {"time", [](const RunRow& r) { return SortValue(static_cast<double>(r.run.time)); }},
    {"name", [](const RunRow& r) { return SortValue(r.run.name); }},
    {"model", [](const RunRow& r) { return SortValue(r.run.model); }},
    {"driver", [](const RunRow& r) { return SortValue(r.run.driver); }},
    {"version", [](const RunRow& r) { return SortValue(r.run.version); }},
    {"value", [](const RunRow& r) { return SortValue(r.run.value); }},
    {"source", [](const RunRow& r) { return SortValue(r.run.source); }},
    {"id", [](const RunRow& r) { return SortValue(r.id); }}};

/// Texts may have commas in them: each comes by itself.
store::BenchmarkFilter read_filter(Query& query) {
  store::BenchmarkFilter out;
  out.models = query.each("model");
  out.drivers = query.each("driver");
  out.names = query.each("name");
  out.versions = query.each("version");
  out.sources = query.each("source");
  constexpr std::size_t kMostWords = 100;
  for (const auto& [name, list] :
       {std::pair("model", &out.models), std::pair("driver", &out.drivers), std::pair("name", &out.names),
        std::pair("version", &out.versions), std::pair("source", &out.sources)})
    if (list->size() > kMostWords) query.fault(name, fmt::format("given more than {} times", kMostWords));
  return out;
}

bool is_type(const http::Request& request, std::string_view type) {
  return lower(trim(request.header("Content-Type"))).starts_with(type);
}

http::Response unavailable(const Error& error, const http::Request& request) {
  return reply({503, "database-unavailable", "benchmarks cannot be read: " + error.what}, request);
}

class Routes {
 public:
  explicit Routes(Benchmarks& of) : benchmarks_(of) {}

  http::Response list(const http::Request& request) const {
    Query query(request);
    const Pager<RunRow> pager(query, kSort, "-time", "id");
    const auto filter = read_filter(query);
    if (!query.finish()) return reply(*query.problem(), request);
    auto kept = benchmarks_.kept(filter);
    if (!kept) return unavailable(kept.error(), request);
    std::vector<RunRow> rows;
    for (Record& one : *kept) {
      std::string id = benchmarks::id_of(one);
      rows.push_back({std::move(one), std::move(id)});
    }
    Page page;
    page.total = rows.size();
    page.next_cursor = pager.cut(rows);
    page.rows = rows.size();
    page.row = [&](std::size_t at, Json& into) { into = benchmark_json(rows[at].run); };
    return paged(page, kColumns, query, now_epoch_ms());
  }

  http::Response take(const http::Request& request) const {
    const bool csv = is_type(request, "text/csv");
    if (!csv && !is_type(request, "application/json"))
      return reply({415, "unsupported-type", "Content-Type: application/json or text/csv expected"}, request);
    if (request.body.size() > kMostBytes)
      return reply({413, "too-large", fmt::format("a body of at most {} bytes expected", kMostBytes)}, request);
    Query query(request);
    const bool dry_run = query.flag("dryRun").value_or(false);
    if (!query.finish()) return reply(*query.problem(), request);
    const EpochMs latest = now_epoch_ms() + kAhead;
    auto read = csv ? benchmarks::read_csv(request.body, latest) : parse_benchmarks(request.body, latest);
    if (!read) return reply({400, "invalid-records", read.error().what}, request);
    return benchmarks_.take(request, {*std::move(read), csv ? "line" : "record"}, dry_run);
  }

  http::Response drop(const http::Request& request) const {
    Query query(request);
    if (!query.finish()) return reply(*query.problem(), request);
    return benchmarks_.drop(request, valid_utf8(request.param("benchmarkId")));
  }

  http::Response drop_all(const http::Request& request) const {
    Query query(request);
    const auto filter = read_filter(query);
    const bool dry_run = query.flag("dryRun").value_or(false);
    if (!query.finish()) return reply(*query.problem(), request);
    if (filter.models.empty() && filter.drivers.empty() && filter.names.empty() && filter.versions.empty() &&
        filter.sources.empty())
      return reply({400, "invalid-parameter", "which ones: model, driver, name, version or source expected"}, request);
    return benchmarks_.drop_all(request, filter, dry_run);
  }

  http::Response give(const http::Request& request) const {
    Query query(request);
    const auto filter = read_filter(query);
    const bool json = query.word("format", {"csv", "json"}).value_or(0) == 1;
    if (!query.finish()) return reply(*query.problem(), request);
    auto kept = benchmarks_.kept(filter);
    if (!kept) return unavailable(kept.error(), request);
    std::ranges::reverse(*kept);
    http::Response out;
    out.content_type = json ? "application/json" : "text/csv; charset=utf-8; header=present";
    out.body = json ? benchmarks_json(*kept) : benchmarks::to_csv(*kept);
    out.headers.emplace_back("Content-Disposition",
                             fmt::format("attachment; filename=\"benchmarks.{}\"", json ? "json" : "csv"));
    out.headers.emplace_back("X-Request-Id", request_id(request));
    return out;
  }

  http::Response compare(const http::Request& request) const {
    Query query(request);
    const auto filter = read_filter(query);
    const bool by_driver = query.word("by", {"model", "driver"}).value_or(0) == 1;
    const auto baseline = query.text("baseline");
    if (!query.finish()) return reply(*query.problem(), request);
    const auto kept = benchmarks_.kept(filter);
    if (!kept) return unavailable(kept.error(), request);
    const EpochMs now = now_epoch_ms();
    auto how = benchmarks_.known_of_models(*kept, now);
    if (!how) return reply({500, "internal", how.error().what}, request);
    how->by = by_driver ? benchmarks::By::Driver : benchmarks::By::Model;
    how->baseline = baseline;
    if (viewer_of(request).restricted()) how->limits.clear();  // which boards there are is not his to know
    const auto compared = benchmarks::compare(*kept, *how);
    Json items = Json::array();
    for (const benchmarks::Comparison& one : compared)
      if (items.size() < kMostCompared) items.push_back(comparison_json(one));
    return json_reply(request, {{"time", time_json(now)},
                                {"by", by_driver ? "driver" : "model"},
                                {"currency", text_or_null(benchmarks_.currency())},
                                {"truncated", compared.size() > items.size()},
                                {"items", std::move(items)}});
  }

  http::Response watch(const http::Request& request) const {
    Query query(request);
    const auto filter = read_filter(query);
    if (!query.finish()) return reply(*query.problem(), request);
    const auto kept = benchmarks_.kept(filter);
    if (!kept) return unavailable(kept.error(), request);
    Json out{{"time", time_json(now_epoch_ms())}};
    out.update(watched_json(benchmarks::watch(*kept)));
    return json_reply(request, out);
  }

 private:
  Benchmarks& benchmarks_;
};

}  // namespace

std::vector<http::Route> benchmark_routes(Benchmarks& of, const std::string& api) {
  const auto routes = std::make_shared<const Routes>(of);
  const auto to = [&](http::Response (Routes::*handle)(const http::Request&) const) {
    return [routes, handle](const http::Request& request) { return (routes.get()->*handle)(request); };
  };
  const std::string all = api + "/benchmarks";
  return {{"GET", all, to(&Routes::list)},
          {"POST", all, to(&Routes::take)},
          {"DELETE", all, to(&Routes::drop_all)},
          {"GET", all + "/export", to(&Routes::give)},
          {"GET", all + "/compare", to(&Routes::compare)},
          {"GET", all + "/regressions", to(&Routes::watch)},
          {"DELETE", all + "/{benchmarkId}", to(&Routes::drop)}};
}

}  // namespace tessera::server
