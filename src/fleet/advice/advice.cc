#include "fleet/advice/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

struct Rule {
  Kind kind;
  Said (*said)(const Workload&, const Options&);
};
/// In the order of Kind; Share, which is of several, is tried behind those before it.
constexpr std::array<Rule, 3> kBeforeShare = {
    {{Kind::IdleHeld, idle_held}, {Kind::DropUnused, drop_unused}, {Kind::OverProvisioned, over_provisioned}}};
constexpr std::array<Rule, 3> kBehindShare = {
    {{Kind::Schedule, schedule}, {Kind::CheaperModel, cheaper_model}, {Kind::Spot, spot}}};

template <std::size_t kRules>
Said first_of(const std::array<Rule, kRules>& rules, const Workload& of, const Options& options) {
  for (const Rule& rule : rules)
    if (!options.off.contains(rule.kind))
      if (Said said = rule.said(of, options)) return said;
  return std::nullopt;
}

void advise_workloads(std::vector<Advice>& out, const Facts& facts, const Options& options) {
  std::vector<const Workload*> rest;
  for (const Workload& one : facts.workloads) {
    if (one.holds.empty()) continue;
    if (Said said = first_of(kBeforeShare, one, options))
      out.push_back(*std::move(said));
    else
      rest.push_back(&one);
  }
  std::set<const Workload*> sharing;
  for (Sharing& one : options.off.contains(Kind::Share) ? std::vector<Sharing>() : share(rest, options)) {
    sharing.insert(one.who.begin(), one.who.end());
    out.push_back(std::move(one.advice));
  }
  for (const Workload* one : rest) {
    if (sharing.contains(one)) continue;
    if (Said said = first_of(kBehindShare, *one, options)) out.push_back(*std::move(said));
  }
}

}  // namespace

std::vector<Advice> advise(const Facts& facts, const Options& options) {
  std::vector<Advice> out;
  advise_workloads(out, facts, options);
  const auto add = [&](Said said) {
    if (said) out.push_back(*std::move(said));
  };
  for (const Pool& one : facts.pools) add(reserve(one, options));
  for (Advice& one : hardware(facts.troubles, options)) out.push_back(std::move(one));
  for (const Scattered& one : facts.scattered) add(defragment(one, options));
  const auto is_short = [&](const Quota& of) {  // to lower and to raise it cannot both be right
    return std::ranges::any_of(facts.shortages, [&](const QuotaShortage& one) {
      return !one.days.empty() && std::tie(one.cluster, one.space, one.name, one.resource) ==
                                      std::tie(of.cluster, of.space, of.name, of.resource);
    });
  };
  for (const Quota& one : facts.quotas)
    if (!is_short(one)) add(quota(one, options));
  for (const QuotaShortage& one : facts.shortages) add(quota_too_small(one, options));
  std::erase_if(out, [&](const Advice& one) {
    return options.off.contains(one.kind) || one.confidence < options.least_confidence ||
           (one.saving && one.saving->per_month < options.least_per_month);
  });
  std::ranges::sort(out, [](const Advice& a, const Advice& b) {
    const Micros left = a.saving ? a.saving->per_month : -1, right = b.saving ? b.saving->per_month : -1;
    return left != right ? left > right : a.id < b.id;
  });
  return out;
}

Milliseconds least_window(Kind kind, const Options& options) {
  return Milliseconds(static_cast<std::int64_t>(static_cast<double>(row_of(kind).least.count()) * options.time_scale));
}

double confidence_of(Kind kind, double observed, Milliseconds window, const Options& options) {
  const auto least = static_cast<double>(least_window(kind, options).count());
  return observed * std::min(1.0, static_cast<double>(window.count()) / (2 * least));
}

std::string_view confidence_word(double confidence) {
  constexpr double kMedium = 0.6, kHigh = 0.85;
  return confidence >= kHigh ? "high" : confidence >= kMedium ? "medium" : "low";
}

bool has_changed(const Put& then, const Put& now) {
  if (then.aim != now.aim || then.per_month.has_value() != now.per_month.has_value()) return true;
  return then.per_month && Wide{*now.per_month} * 4 > Wide{*then.per_month} * 5;
}

}  // namespace tessera::fleet::advice
