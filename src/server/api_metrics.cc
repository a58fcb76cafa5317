// A device or an instance over time.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/history.h"

namespace tessera::server {
namespace {

using fleet::Field;
using fleet::Totals;

constexpr std::int64_t kMostPoints = 11'000;  // as Prometheus has it
constexpr std::int64_t kPoints = 120;         // where no step is asked for

/// What one step comes to.
struct Point {
  Totals device;                  ///< or the instance that was asked for
  std::vector<Totals> instances;  ///< of a device in MIG mode, beside `weights`
  std::vector<double> weights;    ///< in compute slices
  std::optional<double> whole;    ///< what the device weighs
  std::int64_t step_ms = 0;
};

bool is_cut(const Point& point) {
  return std::ranges::any_of(point.instances, [](const Totals& one) { return one.observed_ms > 0; });
}

/// Over the whole device, whose free slices are idle.
std::optional<double> mean_of(const Point& point, Field field) {
  if (!is_cut(point) || !point.whole) return point.device.mean(field);
  double sum = *point.whole * static_cast<double>(point.device[field].sum),
         any = static_cast<double>(point.device[field].ms);
  double known = *point.whole * static_cast<double>(point.device.observed_ms);
  for (std::size_t i = 0; i < point.instances.size(); ++i) {
    const auto& of = point.instances[i][field];
    sum += point.weights[i] * static_cast<double>(of.sum);
    known -= point.weights[i] * static_cast<double>(point.instances[i].observed_ms - of.ms);
    any += static_cast<double>(of.ms);
  }
  if (any <= 0 || known <= 0) return std::nullopt;
  return sum / known / fleet::kFieldRows[static_cast<std::size_t>(field)].scale;
}

/// Of all instances together, where the device does not tell.
std::optional<double> memory_of(const Point& point) {
  if (const auto told = point.device.mean(Field::MemoryUsed)) return told;
  double sum = 0;
  bool any = false;
  for (const Totals& one : point.instances) {
    sum += static_cast<double>(one[Field::MemoryUsed].sum);
    any |= one[Field::MemoryUsed].ms > 0;
  }
  if (!any || point.device.observed_ms <= 0) return std::nullopt;
  return sum / static_cast<double>(point.device.observed_ms) /
         fleet::kFieldRows[static_cast<std::size_t>(Field::MemoryUsed)].scale;
}

/// For how long somebody had it; of a device that is cut, the part of it that somebody had.
double owned_ms(const Point& point) {
  double out = static_cast<double>(point.device.owned_ms);
  if (!point.whole || *point.whole <= 0) return out;
  for (std::size_t i = 0; i < point.instances.size(); ++i)
    out += point.weights[i] / *point.whole * static_cast<double>(point.instances[i].owned_ms);
  return out;
}

template <Field kField>
Json percent(const Point& point) {
  return percent_of(mean_of(point, kField));
}

Json rounded(std::optional<double> value, double steps = 10) {
  return value ? Json(std::round(*value * steps) / steps) : Json(nullptr);
}

struct FieldOf {
  std::string_view name;
  Json (*of)(const Point& point);
};
// In the order of the columns.
constexpr FieldOf kFields[] = {
    {"utilizationPercent", percent<Field::Utilization>},
    {"utilizationPercentMax",
     [](const Point& p) { return is_cut(p) ? Json(nullptr) : percent_of(p.device.max(Field::Utilization)); }},
    {"memoryUsedBytes", [](const Point& p) { return bytes_or_null(memory_of(p)); }},
    {"memoryUsedBytesMax", [](const Point& p) { return bytes_or_null(p.device.max(Field::MemoryUsed)); }},
    {"powerWatts", [](const Point& p) { return rounded(p.device.mean(Field::Power)); }},
    {"powerWattsMax", [](const Point& p) { return rounded(p.device.max(Field::Power)); }},
    {"temperatureCelsius", [](const Point& p) { return rounded(p.device.mean(Field::Temperature)); }},
    {"temperatureCelsiusMax", [](const Point& p) { return rounded(p.device.max(Field::Temperature)); }},
    {"smActivePercent", percent<Field::SmActive>},
    {"tensorActivePercent", percent<Field::TensorActive>},
    {"dramActivePercent", percent<Field::DramActive>},
    {"allocatedSeconds", [](const Point& p) { return rounded(owned_ms(p) / 1000, 1000); }},
};

constexpr std::string_view kColumns[] = {"time",
                                         "coverage",
                                         "utilizationPercent",
                                         "utilizationPercentMax",
                                         "memoryUsedBytes",
                                         "memoryUsedBytesMax",
                                         "powerWatts",
                                         "powerWattsMax",
                                         "temperatureCelsius",
                                         "temperatureCelsiusMax",
                                         "smActivePercent",
                                         "tensorActivePercent",
                                         "dramActivePercent",
                                         "allocatedSeconds"};

std::vector<std::string_view> field_names() {
  std::vector<std::string_view> out;
  for (const FieldOf& one : kFields) out.push_back(one.name);
  return out;
}

struct Series {
  std::map<std::int64_t, Point> points;  ///< by the second in which the step begins
};

/// The buckets in which a restricted viewer had the subject and no other pod did: of those alone he is told.
Result<std::set<std::int64_t>> had_alone(store::Database& database, std::int64_t subject, const store::Span& span,
                                         const Viewer& viewer) {
  std::set<std::int64_t> own, others;
  TRY(store::each_owner(database, subject, span, [&](std::int64_t bucket, std::string_view space) {
    if (!space.empty()) (viewer.sees(space) ? own : others).insert(bucket);
  }));
  std::erase_if(own, [&](std::int64_t bucket) { return others.contains(bucket); });
  return own;
}

/// Everything that the span has of the device, or of one instance, and the viewer may see.
Result<void> read_series(store::Database& database, const FoundDevice& found, std::optional<unsigned> instance,
                         const store::Span& span, std::int64_t step, const Viewer& viewer, Series& into) {
  const auto whole = fleet::whole_weight(*found.device, gpu::Weight::ComputeSlices);
  const auto subjects = TRY(store::usage_of_device(database, found.node->cluster, found.device->facts->uuid));
  for (const store::UsageOf& one : subjects) {
    if (instance && one.gpu_instance != instance) continue;
    const bool main = instance.has_value() || !one.gpu_instance;
    std::set<std::int64_t> alone;
    if (viewer.restricted()) alone = TRY(had_alone(database, one.id, span, viewer));
    TRY(store::each_bucket(database, one.id, span, [&](std::int64_t bucket, const Totals& totals) {
      if (viewer.restricted() && !alone.contains(bucket)) return;
      Point& point = into.points[bucket / step * step];
      point.whole = instance ? std::nullopt : whole;
      point.step_ms = step * 1000;
      if (main) return point.device.add(totals);
      // One of several that had this number in turn, or one of several that stand beside each other: sums alike.
      point.instances.push_back(totals);
      point.weights.push_back(one.compute_slices.value_or(0));
    }));
  }
  return {};
}

Json point_json(std::int64_t at, const Point* point, const std::vector<std::size_t>& fields) {
  Json out = {{"time", time_json(at * 1000)}};
  const double covered =
      point ? static_cast<double>(point->device.observed_ms) / static_cast<double>(point->step_ms) : 0;
  out["coverage"] = std::round(std::clamp(covered, 0.0, 1.0) * 10'000) / 10'000;
  for (const std::size_t field : fields)
    out[std::string(kFields[field].name)] =
        point && point->device.observed_ms > 0 ? kFields[field].of(*point) : Json(nullptr);
  return out;
}

}  // namespace

const Columns kMetricColumns = kColumns;

Page list_metrics(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  const TimeRange range = read_range(query, known.view.time, std::chrono::hours(1));
  Milliseconds step = query.duration("step").value_or(Milliseconds((range.to - range.from) / kPoints));
  auto fields = query.words("fields", field_names());
  const auto given = query.whole("gpuInstance", -1, 0xFFFF, -1);
  const auto instance = given < 0 ? std::nullopt : std::optional(static_cast<unsigned>(given));
  if (fields.empty())
    for (std::size_t i = 0; i < std::size(kFields); ++i) fields.push_back(i);
  const store::Span span = span_of(known.history, range, step, known.view.time);
  const std::int64_t seconds = step.count() / 1000, points = (span.to - span.from) / seconds;
  if (points > kMostPoints)
    query.fault("step", fmt::format("the range has {} steps of {}: at most {} are given", points, format_duration(step),
                                    kMostPoints));
  if (!query.finish()) return {};
  const auto found = find_past_device(known, query, query.path("deviceId"), cluster);
  if (!found) return {};
  const bool restricted = known.viewer.restricted();
  if (restricted && !instance && fleet::is_cut(*found->device)) {
    refuse_whole_board(query, known.viewer);
    return {};
  }
  auto series = std::make_shared<Series>();
  if (!ask(known.history, query, [&](store::Database& database) {
        return read_series(database, *found, instance, span, seconds, known.viewer, *series);
      }))
    return {};
  if (restricted && series->points.empty()) {
    query.refuse({403, "restricted",
                  fmt::format("{} is told of the time in which nobody else had it: there is none from {} to {}",
                              known.viewer.caller, format_time(range.from), format_time(range.to))});
    return {};
  }
  Page page;
  page.about = {{"deviceId", fleet::device_id(found->node->name, found->device->facts->index)},
                {"deviceUuid", found->device->facts->uuid},
                {"cluster", found->node->cluster},
                {"step", format_duration(step)},
                {"resolution", format_duration(std::chrono::seconds(span.bucket))}};
  page.total = page.rows = static_cast<std::size_t>(points);
  page.row = [series, fields, from = span.from, seconds](std::size_t at, Json& into) {
    const std::int64_t begin = from + static_cast<std::int64_t>(at) * seconds;
    const auto point = series->points.find(begin);
    into = point_json(begin, point == series->points.end() ? nullptr : &point->second, fields);
  };
  return page;
}

}  // namespace tessera::server
