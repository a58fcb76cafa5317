#include "server/cost/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fleet/cost/money.h"
#include "fleet/cost/rate_history.h"
#include "fleet/cost/zone.h"

namespace tessera::server {
namespace {

using config::Node;

constexpr EpochMs kBegin = std::numeric_limits<EpochMs>::min(), kEnd = std::numeric_limits<EpochMs>::max();

/// With the place in front where it is none.
template <class T>
Result<T> at(const Node& node, Result<T> read) {
  if (!read) return node.error(read.error().what);
  return read;
}

Result<fleet::Micros> amount_of(const Node& node) { return at(node, fleet::parse_decimal(TRY(node.text()))); }

/// RFC 3339, or a day, which begins at midnight UTC.
Result<EpochMs> time_of(const Node& node) {
  const std::string text = TRY(node.text());
  const bool is_day = std::ranges::count(text, 'T') == 0;
  if (const auto time = fleet::parse_time(is_day ? text + "T00:00:00Z" : text)) return *time;
  return node.error("a day (2026-11-01) or a time (2026-11-01T00:00:00+09:00) expected");
}

Result<std::optional<fleet::Purchase>> purchase_in(const Node& map) {
  const auto node = map.find("purchase");
  if (!node || node->is_null()) return std::optional<fleet::Purchase>();
  return fleet::purchase_named(TRY(node->word({"on-demand", "spot", "reserved"})));
}

Result<fleet::Rate> rate_of(const Node& node) {
  TRY(node.only({"model", "cluster", "node", "pool", "purchase", "per-hour", "from", "to"}));
  fleet::Rate out;
  TRY(node.read("model", out.model));
  TRY(node.read("cluster", out.cluster));
  TRY(node.read("node", out.node));
  TRY(node.read("pool", out.pool));
  out.purchase = TRY(purchase_in(node));
  const auto per_hour = node.find("per-hour");
  if (!per_hour) return node.error("per-hour: money for an hour of a GPU expected");
  out.per_hour = TRY(amount_of(*per_hour));
  if (const auto from = node.find("from"); from && !from->is_null()) out.from = TRY(time_of(*from));
  if (const auto to = node.find("to"); to && !to->is_null()) out.to = TRY(time_of(*to));
  return out;
}

bool are_of_the_same(const fleet::Rate& a, const fleet::Rate& b) {
  return a.model == b.model && a.cluster == b.cluster && a.node == b.node && a.pool == b.pool &&
         a.purchase == b.purchase;
}

template <class Enum>
Result<Enum> word_of(const Node& node, const std::vector<std::pair<std::string_view, Enum>>& words) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : words) names.push_back(name);
  const std::string word = TRY(node.word(names));
  return std::ranges::find(words, word, [](const auto& one) { return one.first; })->second;
}

}  // namespace

Result<void> read_currency(const Node& node, CostSettings& into) {
  into.currency = TRY(node.text());
  TRY(at(node, fleet::Currency::named(into.currency)));
  return {};
}

Result<void> read_default_rates(const Node& node, CostSettings& into) {
  into.default_rates = TRY(node.text_map());
  for (const Node::Entry& one : TRY(node.entries())) TRY(amount_of(one.value));
  return {};
}

Result<void> read_rates(const Node& node, CostSettings& into) {
  into.rates.clear();
  for (const Node& one : TRY(node.list())) into.rates.push_back(TRY(rate_of(one)));
  return at(node, fleet::check_wanted_rates(into.rates));
}

Result<void> read_mig_share(const Node& node, CostSettings& into) {
  using fleet::ShareBy;
  into.posting.share_by = TRY(word_of<ShareBy>(
      node,
      {{"compute-slices", ShareBy::ComputeSlices}, {"memory", ShareBy::Memory}, {"larger", ShareBy::LargerOfBoth}}));
  return {};
}

Result<void> read_shared_devices(const Node& node, CostSettings& into) {
  using fleet::SharedBy;
  into.posting.shared_by = TRY(word_of<SharedBy>(node, {{"requested", SharedBy::Requested}, {"used", SharedBy::Used}}));
  return {};
}

Result<void> read_share_idle(const Node& node, CostSettings& into) {
  using fleet::ShareIdle;
  into.share_idle = TRY(word_of<ShareIdle>(node, {{"false", ShareIdle::No},
                                                  {"true", ShareIdle::Weighted},
                                                  {"weighted", ShareIdle::Weighted},
                                                  {"even", ShareIdle::Even}}));
  return {};
}

Result<void> read_owners(const Node& node, CostSettings& into) {
  using fleet::OwnerField;
  into.owners.clear();
  for (const Node& one : TRY(node.list())) {
    TRY(one.only({"field", "namespace", "label", "value"}));
    const auto field = one.find("field");
    if (!field) return one.error("field: one of team, project, cost-centre expected");
    fleet::OwnerRule rule;
    rule.field = TRY(word_of<OwnerField>(
        *field,
        {{"team", OwnerField::Team}, {"project", OwnerField::Project}, {"cost-centre", OwnerField::CostCentre}}));
    TRY(one.read("namespace", rule.name_space));
    TRY(one.read("label", rule.label));
    TRY(one.read("value", rule.text));
    into.owners.push_back(std::move(rule));
  }
  return at(node, fleet::check({into.owners, {}}));
}

Result<void> read_nodes(const Node& node, CostSettings& into) {
  into.nodes.clear();
  for (const Node& one : TRY(node.list())) {
    TRY(one.only({"cluster", "node", "pool", "purchase"}));
    NodePlace place;
    TRY(one.read("cluster", place.cluster));
    TRY(one.read("node", place.node));
    TRY(one.read("pool", place.pool));
    place.purchase = TRY(purchase_in(one));
    into.nodes.push_back(std::move(place));
  }
  return {};
}

Result<void> read_time_zone(const Node& node, CostSettings& into) {
  into.time_zone = TRY(node.text());
  TRY(at(node, fleet::Zone::named(into.time_zone)));
  return {};
}

Result<std::vector<fleet::Rate>> wanted_rates(const CostSettings& settings) {
  std::vector<fleet::Rate> out = settings.rates;
  for (const auto& [model, amount] : settings.default_rates) {
    fleet::Rate rate;
    rate.model = model;
    rate.per_hour = TRY(fleet::parse_decimal(amount));
    const bool stood_in_for = std::ranges::any_of(settings.rates, [&](const fleet::Rate& one) {
      return one.from == kBegin && one.to == kEnd && are_of_the_same(one, rate);
    });
    if (!stood_in_for) out.push_back(std::move(rate));
  }
  TRY(fleet::check_wanted_rates(out));
  return out;
}

fleet::OwnerRules owner_rules(const CostSettings& settings, const std::vector<std::string>& team_labels,
                              const std::map<std::string, std::string>& teams) {
  fleet::OwnerRules out = fleet::default_owner_rules(team_labels);
  if (!settings.owners.empty()) out.rules = settings.owners;
  for (const auto& [space, team] : teams) out.rules.push_back({fleet::OwnerField::Team, space, "", team});
  out.overhead = settings.platform_namespaces;
  out.keep = settings.labels;
  return out;
}

}  // namespace tessera::server
