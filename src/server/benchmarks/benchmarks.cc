#include "server/benchmarks/benchmarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "fleet/inventory/catalogue.h"
#include "server/api_json.h"
#include "server/benchmarks/json.h"
#include "server/json_body.h"

namespace tessera::server {
namespace {
namespace benchmarks = fleet::benchmarks;
using benchmarks::Record;
using Outcome = std::variant<Changed, Problem>;

constexpr std::size_t kRefusalsTold = 100;

/// Those that the records may be of.
store::BenchmarkFilter around(const std::vector<Record>& records) {
  constexpr std::size_t kMostNames = 100;
  std::set<std::string> names;
  for (const Record& one : records) {
    names.insert(one.name);
    if (names.size() > kMostNames) return {};
  }
  store::BenchmarkFilter out;
  out.names.assign(names.begin(), names.end());
  return out;
}

std::string where_of(const BenchmarkFile& file, const benchmarks::Refusal& of) {
  return fmt::format("{} {}", file.counted_in, of.at);
}

Json taken_json(const BenchmarkFile& file, const benchmarks::Merged& merged, bool dry_run) {
  Json refusals = Json::array();
  for (const benchmarks::Refusal& one : file.read.refused) {
    if (refusals.size() == kRefusalsTold) break;
    refusals.push_back({{"where", where_of(file, one)}, {"why", one.why}});
  }
  return {{"dryRun", dry_run},
          {"taken", merged.added + merged.corrected + merged.unchanged},
          {"added", merged.added},
          {"corrected", merged.corrected},
          {"unchanged", merged.unchanged},
          {"refused", file.read.refused.size()},
          {"refusals", std::move(refusals)}};
}

Problem nothing_right(const BenchmarkFile& file) {
  Problem out{400, "invalid-records", "no record is there"};
  if (file.read.refused.empty()) return out;
  const benchmarks::Refusal& first = file.read.refused.front();
  out.detail = fmt::format("all {} records are wrong, and none is taken; the first: {}: {}", file.read.refused.size(),
                           where_of(file, first), first.why);
  for (const benchmarks::Refusal& one : file.read.refused) {
    if (out.faults.size() == kRefusalsTold) break;
    out.faults.push_back({where_of(file, one), one.why});
  }
  return out;
}

Problem unavailable(const Error& error) {
  return {503, "database-unavailable", "benchmarks cannot be read: " + error.what};
}

Result<std::variant<benchmarks::Merged, Problem>> merged(store::Database& database, const BenchmarkFile& file) {
  using Out = std::variant<benchmarks::Merged, Problem>;
  const auto known = TRY(store::benchmarks(database, around(file.read.taken), store::kMostBenchmarks));
  auto out = benchmarks::merge(known, file.read.taken);
  if (const auto all = TRY(store::count_benchmarks(database, {})); all + out.added > store::kMostBenchmarks)
    return Out(Problem{409, "no-room",
                       fmt::format("{} runs are kept, and {} at most can be: nothing is taken of {} new ones; remove "
                                   "old ones (DELETE /benchmarks)",
                                   all, store::kMostBenchmarks, out.added)});
  return Out(std::move(out));
}

Json filter_json(const store::BenchmarkFilter& of) {
  Json out = Json::object();
  const auto add = [&](const char* name, const std::vector<std::string>& list) {
    if (!list.empty()) out[name] = list;
  };
  add("model", of.models);
  add("driver", of.drivers);
  add("name", of.names);
  add("version", of.versions);
  add("source", of.sources);
  return out;
}

std::vector<benchmarks::PowerLimit> power_limits(const fleet::View& view) {
  std::map<std::string, std::pair<double, double>> range;
  for (const auto& node : view.nodes)
    for (const fleet::Device& device : node->devices) {
      const auto limit = device.readings[gpu::Reading::PowerLimitWatts];
      if (device.presence != fleet::Presence::Present || !limit || *limit <= 0) continue;
      auto& [least, most] = range.try_emplace(fleet::model_key_of(device.facts->name), *limit, *limit).first->second;
      least = std::min(least, *limit);
      most = std::max(most, *limit);
    }
  std::vector<benchmarks::PowerLimit> out;
  for (const auto& [model, limits] : range)
    if (limits.first == limits.second) out.push_back({model, limits.first});
  return out;
}

}  // namespace

Benchmarks::Benchmarks(const Latest<Published>& fleet, Changes& changes, store::Readers& readers, const Costs* costs)
    : fleet_(fleet), changes_(changes), readers_(readers), costs_(costs) {}

Result<std::vector<Record>> Benchmarks::kept(const store::BenchmarkFilter& filter) const {
  std::vector<Record> out;
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    out = TRY(store::benchmarks(database, filter, store::kMostBenchmarks));
    return {};
  }));
  return out;
}

Result<benchmarks::CompareHow> Benchmarks::known_of_models(const std::vector<Record>& records, EpochMs now) const {
  benchmarks::CompareHow out;
  if (costs_) {
    const fleet::RateBook rates = TRY(costs_->rates(now));
    std::set<std::string> models;
    for (const Record& one : records) models.insert(one.model);
    for (const std::string& model : models)
      if (const fleet::Rate* rate = rates.at({model, "", "", "", fleet::Purchase::OnDemand}, now))
        out.prices.push_back({model, rate->per_hour});
  }
  if (const auto known = fleet_.get(); known && known->view) out.limits = power_limits(*known->view);
  return out;
}

std::string Benchmarks::currency() const { return costs_ ? std::string(costs_->currency().code()) : std::string(); }

http::Response Benchmarks::take(const http::Request& request, const BenchmarkFile& file, bool dry_run) {
  if (file.read.taken.empty()) return reply(nothing_right(file), request);
  if (dry_run) {
    std::variant<benchmarks::Merged, Problem> found;
    const auto read = readers_.with([&](store::Database& database) -> Result<void> {
      found = TRY(merged(database, file));
      return {};
    });
    if (!read) return reply(unavailable(read.error()), request);
    if (const auto* problem = std::get_if<Problem>(&found)) return reply(*problem, request);
    return json_reply(request, taken_json(file, std::get<benchmarks::Merged>(found), true));
  }
  return changes_.make(request, "benchmark.import", "benchmarks", [&](store::Database& database) -> Result<Outcome> {
    auto found = TRY(merged(database, file));
    if (auto* problem = std::get_if<Problem>(&found)) return Outcome(std::move(*problem));
    const auto& what = std::get<benchmarks::Merged>(found);
    TRY(store::put_benchmarks(database, what.changed));
    const Json detail{{"added", what.added},
                      {"corrected", what.corrected},
                      {"unchanged", what.unchanged},
                      {"refused", file.read.refused.size()}};
    return Outcome(Changed{200, "benchmarks", json_text(detail), "", json_text(taken_json(file, what, false))});
  });
}

http::Response Benchmarks::drop(const http::Request& request, const std::string& id) {
  const std::string object = "benchmark:" + id;
  return changes_.make(request, "benchmark.delete", object, [&](store::Database& database) -> Result<Outcome> {
    const auto known = TRY(store::benchmarks(database, {}, store::kMostBenchmarks));
    const auto one = std::ranges::find(known, id, benchmarks::id_of);
    if (one == known.end())
      return Outcome(
          Problem{404, "not-found", fmt::format("no run of a benchmark has the id '{}'; /benchmarks lists them", id)});
    TRY(store::drop_benchmark(database, *one));
    return Outcome(Changed{204, object, json_text(benchmark_json(*one))});
  });
}

http::Response Benchmarks::drop_all(const http::Request& request, const store::BenchmarkFilter& filter, bool dry_run) {
  if (dry_run) {
    std::uint64_t count = 0;
    const auto read = readers_.with([&](store::Database& database) -> Result<void> {
      count = TRY(store::count_benchmarks(database, filter));
      return {};
    });
    if (!read) return reply(unavailable(read.error()), request);
    return json_reply(request, {{"dryRun", true}, {"removed", count}});
  }
  return changes_.make(request, "benchmark.delete", "benchmarks", [&](store::Database& database) -> Result<Outcome> {
    const std::uint64_t removed = TRY(store::drop_benchmarks(database, filter));
    const Json detail{{"removed", removed}, {"filter", filter_json(filter)}};
    return Outcome(
        Changed{200, "benchmarks", json_text(detail), "", json_text({{"dryRun", false}, {"removed", removed}})});
  });
}

}  // namespace tessera::server
