// Utilization over a window of time: what the rollups have, weighed as what is now is.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "fleet/cluster/owners.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/utilization.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"
#include "server/past_devices.h"
#include "server/utilization_window.h"

namespace tessera::server {
namespace {

using fleet::Field;
using fleet::GroupBy;

constexpr int kBuckets = 12;  // a window is made of at least so many, where there are finer ones

/// Over the parts of a group. Integrals are of ratios and milliseconds.
struct Sum {
  double busy = 0, known = 0, whole = 0;                              ///< weighted, over whole devices
  double allocated_busy = 0, allocated_known = 0, allocated_all = 0;  ///< weighted, over the parts
  double simple_busy = 0, simple_known = 0;
  std::set<const fleet::Device*> devices;
  std::uint64_t parts = 0;
};

struct Row {
  std::string key, cluster;
  Sum sum;
  double window_ms = 0;
  std::optional<double> value;
};

constexpr SortColumn<Row> kSort[] = {
    {"key", [](const Row& r) { return SortValue(r.key); }},
    {"cluster", [](const Row& r) { return SortValue(r.cluster); }},
    {"value", [](const Row& r) { return SortValue(r.value); }},
    {"deviceCount", [](const Row& r) { return SortValue(static_cast<double>(r.sum.devices.size())); }},
    {"partCount", [](const Row& r) { return SortValue(static_cast<double>(r.sum.parts)); }},
};

std::optional<double> ratio(double part, double whole) {
  return whole > 0 ? std::optional(part / whole) : std::nullopt;
}

/// What a part of a device came to; where several had it in turn, for one of them.
struct Share {
  const store::UsageOf* of = nullptr;
  double busy = 0;   ///< integral of its utilization
  double known = 0;  ///< ms
  double all = 0;    ///< ms in which it was there, or was had
  std::string_view space, pod;
};

/// What the window has of one device.
struct Had {
  const fleet::Node* node = nullptr;
  const fleet::Device* device = nullptr;
  double observed = 0;
  std::vector<Share> parts;
};

/// Of all devices that the filter wants: those of the view, and those that it has no longer, or not for who asks, of
/// which there are rows.
class Window {
 public:
  Window(const Known& known, const WindowQuery& asked, double window_ms)
      : known_(known), asked_(asked), window_ms_(window_ms) {
    for (const auto& node : known_.view.nodes)
      for (const fleet::Device& device : node->devices)
        devices_[{node->cluster, device.facts->uuid}] = {node.get(), &device, 0, {}};
  }

  /// What the span has. Kept by the caller, as is the view.
  Result<void> add(store::Database& database, const std::vector<store::UsageSum>& sums,
                   const std::vector<store::OwnedSum>& owned) {
    TRY(recall(database, sums, owned));
    std::erase_if(devices_, [&](const auto& one) { return !asked_.wants(*one.second.node, *one.second.device); });
    find_subjects(sums);
    if (asked_.by_owner())
      add_owned(owned);
    else
      add_all(sums);
    for (const auto& [key, had] : devices_) add(had);
    return {};
  }

  std::vector<Row> rows() {
    std::vector<Row> out;
    for (auto& [key, sum] : groups_) {
      Row row{key.second, key.first, std::move(sum), window_ms_, {}};
      row.value = asked_.over_device ? ratio(row.sum.busy, row.sum.known)
                                     : ratio(row.sum.allocated_busy, row.sum.allocated_known);
      out.push_back(std::move(row));
    }
    return out;
  }

 private:
  bool wants(const store::OwnedSum& one) const {
    return is_any(asked_.spaces, one.space) && (!asked_.pod || *asked_.pod == one.pod);
  }

  /// Devices that have rows and are not in the view, from the database; by owner, those of wanted owners alone: of
  /// a viewer who is restricted, what was his.
  Result<void> recall(store::Database& database, const std::vector<store::UsageSum>& sums,
                      const std::vector<store::OwnedSum>& owned) {
    std::set<std::int64_t> had;
    for (const store::OwnedSum& one : owned)
      if (wants(one)) had.insert(one.subject);
    PastDevices::Unseen unseen;
    for (const store::UsageSum& one : sums)
      if (!devices_.contains({one.of.cluster, one.of.device_uuid}) && (!asked_.by_owner() || had.contains(one.of.id)))
        unseen[{one.of.cluster, one.of.device_uuid}] = nullptr;
    for (const store::UsageSum& one : sums)
      if (const auto at = unseen.find({one.of.cluster, one.of.device_uuid}); at != unseen.end() && !one.of.gpu_instance)
        at->second = &one.of;
    TRY(past_.read(database, unseen, known_));
    for (const fleet::Node& node : past_.nodes()) {
      const fleet::Device& device = node.devices[0];
      devices_[{node.cluster, device.facts->uuid}] = {&node, &device, 0, {}};
    }
    return {};
  }

  void find_subjects(const std::vector<store::UsageSum>& sums) {
    for (const store::UsageSum& one : sums) {
      const auto found = devices_.find({one.of.cluster, one.of.device_uuid});
      if (found == devices_.end()) continue;
      by_subject_[one.of.id] = {&one.of, &found->second};
      if (one.of.gpu_instance) cut_.insert(&found->second);
      if (!one.of.gpu_instance) found->second.observed = static_cast<double>(one.totals.observed_ms);
    }
  }

  void add_owned(const std::vector<store::OwnedSum>& owned) {
    for (const store::OwnedSum& one : owned) {
      const auto found = by_subject_.find(one.subject);
      if (found == by_subject_.end() || !wants(one)) continue;
      found->second.second->parts.push_back(
          {found->second.first, one.util_sum, one.known_ms, static_cast<double>(one.share_ms), one.space, one.pod});
    }
  }

  void add_all(const std::vector<store::UsageSum>& sums) {
    for (const store::UsageSum& one : sums) {
      const auto found = by_subject_.find(one.of.id);
      if (found == by_subject_.end()) continue;
      const auto& util = one.totals[Field::Utilization];
      const double known = static_cast<double>(util.ms), busy = one.totals.mean(Field::Utilization).value_or(0) * known;
      // The time in which a device is cut is its instances'.
      const bool whole = !one.of.gpu_instance, is_cut = cut_.contains(found->second.second);
      if (whole && is_cut && util.ms == 0) continue;
      found->second.second->parts.push_back(
          {&one.of, busy, known, whole && is_cut ? known : static_cast<double>(one.totals.observed_ms), {}, {}});
    }
  }

  std::string key_of(const Had& had, const Share& part) const {
    switch (asked_.by) {
      case GroupBy::Cluster:
        return had.node->cluster;
      case GroupBy::Model:
        return fleet::model_key_of(had.device->facts->name);
      case GroupBy::Node:
        return had.node->name;
      case GroupBy::Namespace:
        return std::string(part.space);
      case GroupBy::Pod:
        return part.pod.empty() ? std::string() : fmt::format("{}/{}", part.space, part.pod);
      case GroupBy::Team:
        return std::string(fleet::team_of(known_.cluster, had.node->cluster, part.space, part.pod));
      case GroupBy::Profile:
        if (part.of->profile.empty()) return {};
        return fleet::profile_key(fleet::model_key_of(had.device->facts->name), part.of->profile)
            .value_or(part.of->profile);
      case GroupBy::Fleet:
        break;
    }
    return "fleet";
  }

  std::optional<double> weight_of(const Had& had, const store::UsageOf& of) const {
    if (!of.gpu_instance) return fleet::whole_weight(*had.device, asked_.weight);
    const auto weighs = asked_.weight == gpu::Weight::Sm ? of.sm_count : of.compute_slices;
    return weighs ? std::optional<double>(*weighs) : std::nullopt;
  }

  void add(const Had& had) {
    std::map<std::string, std::vector<const Share*>> by_key;
    for (const Share& part : had.parts)
      if (const std::string key = key_of(had, part); !key.empty()) by_key[key].push_back(&part);
    if (had.parts.empty() && !asked_.by_owner() && asked_.by != GroupBy::Profile) by_key[key_of(had, {})] = {};
    const auto whole = fleet::whole_weight(*had.device, asked_.weight);
    const bool in_one_cluster = asked_.by == GroupBy::Cluster || asked_.by == GroupBy::Node ||
                                asked_.by == GroupBy::Namespace || asked_.by == GroupBy::Pod;
    for (const auto& [key, parts] : by_key) {
      Sum& sum = groups_[{in_one_cluster ? had.node->cluster : "", key}];
      sum.devices.insert(had.device);
      sum.parts += parts.size();
      double busy = 0, missing = 0;
      bool all_weighed = whole.has_value();
      for (const Share* part : parts) {
        sum.simple_busy += part->busy;
        sum.simple_known += part->known;
        const auto weighs = weight_of(had, *part->of);
        all_weighed &= weighs.has_value();
        if (!weighs) continue;
        busy += *weighs * part->busy;
        missing += *weighs * (part->all - part->known);
        sum.allocated_busy += *weighs * part->busy;
        sum.allocated_known += *weighs * part->known;
        sum.allocated_all += *weighs * part->all;
      }
      if (!whole) continue;
      sum.whole += *whole * window_ms_;
      if (!all_weighed) continue;  // a mean over some of them would pass for one over all
      sum.busy += busy;
      sum.known += std::max(0.0, *whole * had.observed - missing);
    }
  }

  const Known& known_;
  const WindowQuery& asked_;
  const double window_ms_;
  PastDevices past_;
  std::map<std::pair<std::string_view, std::string_view>, Had> devices_;  ///< by cluster and UUID
  std::map<std::int64_t, std::pair<const store::UsageOf*, Had*>> by_subject_;
  std::set<const Had*> cut_;
  std::map<std::pair<std::string, std::string>, Sum> groups_;
};

Json row_json(const Row& row, gpu::Weight weight) {
  const Sum& sum = row.sum;
  const auto mean_weight = [&](double integral) {
    return integral > 0 ? Json(std::round(integral / row.window_ms * 1000) / 1000) : Json(nullptr);
  };
  const double coverage = ratio(sum.known, sum.whole).value_or(0);
  return {{"key", row.key},
          {"cluster", text_or_null(row.cluster)},
          {"value", percent_of(row.value)},
          {"utilization",
           {{"allocated", percent_of(ratio(sum.allocated_busy, sum.allocated_known))},
            {"device", percent_of(ratio(sum.busy, sum.known))},
            {"simple", percent_of(ratio(sum.simple_busy, sum.simple_known))},
            {"weight", gpu::weight_name(weight)},
            {"allocatedWeight", mean_weight(sum.allocated_all)},
            {"deviceWeight", mean_weight(sum.whole)},
            {"coverage", std::round(std::clamp(coverage, 0.0, 1.0) * 10'000) / 10'000},
            {"source", nullptr}}},
          {"deviceCount", sum.devices.size()},
          {"partCount", sum.parts}};
}

}  // namespace

Page list_window(const Known& known, Query& query, const WindowQuery& asked) {
  const Pager<Row> pager(query, kSort, "-value,key", "cluster,key");
  if (!query.finish()) return {};
  const EpochMs now = known.view.time;
  TimeRange range{now - asked.window.count(), now};
  Milliseconds step = asked.window / kBuckets;
  store::Span span = span_of(known.history, range, step, now);
  span.to = now / 1000 / span.bucket * span.bucket;
  span.from = span.to - (asked.window.count() / 1000 + span.bucket - 1) / span.bucket * span.bucket;
  std::vector<store::UsageSum> sums;
  std::vector<store::OwnedSum> owned;
  Window window(known, asked, static_cast<double>(span.to - span.from) * 1000);
  if (!ask(known.history, query, [&](store::Database& database) -> Result<void> {
        sums = TRY(store::usage_sums(database, span));
        if (asked.by_owner()) owned = TRY(store::owned_sums(database, span));
        return window.add(database, sums, owned);
      }))
    return {};
  std::vector<Row> rows = window.rows();
  Page page;
  page.about = {{"start", format_time(span.from * 1000)},
                {"end", format_time(span.to * 1000)},
                {"resolution", format_duration(std::chrono::seconds(span.bucket))}};
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows), weight = asked.weight](std::size_t at, Json& into) {
    into = row_json(rows[at], weight);
  };
  return page;
}

}  // namespace tessera::server
