#include "server/budgets/start.h"

#include "server/cost/settings.h"

namespace tessera::server {

std::unique_ptr<Budgets> open_budgets(const Settings& settings, bool leads, const Latest<Published>& fleet,
                                      Changes& changes, store::Readers& readers, std::function<bool()> started) {
  if (!settings.cost.enabled) return nullptr;
  BudgetOptions options;
  options.leads = leads;
  options.currency = settings.cost.currency;
  options.time_zone = settings.cost.time_zone;
  options.crossings_kept = std::chrono::hours(24 * settings.cost.retention_days);
  return std::make_unique<Budgets>(fleet, changes, readers, std::move(started), std::move(options));
}

Payer payer_of(const fleet::OwnerRules& rules, const Published& known, const AllocationWish& wish) {
  Payer out;
  out.owner.cluster = wish.cluster.value_or("");
  out.owner.space = wish.space;
  out.owner.pod = wish.pod;
  fleet::PodLabels of{wish.space, nullptr, nullptr, nullptr};
  const fleet::ClusterView& cluster = *known.cluster;
  if (out.owner.cluster == cluster.cluster) {
    if (const fleet::ClusterPod* pod = cluster.pod(out.owner.cluster, wish.space, wish.pod)) of.pod = &pod->labels;
    if (const auto space = cluster.namespaces.find(wish.space); space != cluster.namespaces.end()) {
      of.space_labels = &space->second->labels;
      of.space_annotations = &space->second->annotations;
    }
  }
  const fleet::OwnerFound found = fleet::find_owner(rules, of);
  out.owner.team = found[fleet::OwnerField::Team].value;
  out.owner.project = found[fleet::OwnerField::Project].value;
  out.overhead = found.overhead;
  if (out.owner.team.empty()) out.owner.team = wish.team;
  return out;
}

std::function<fleet::CostOwner(const Published&, const AllocationWish&)> payer_by(const Settings& settings) {
  return [rules = owner_rules(settings.cost, settings.team_labels, settings.teams)](
             const Published& known, const AllocationWish& wish) { return payer_of(rules, known, wish).owner; };
}

std::function<std::vector<BudgetWord>(const Published&, const AllocationWish&)> budget_words(const Settings& settings,
                                                                                             const Budgets* budgets) {
  if (!budgets) return [](const Published&, const AllocationWish&) { return std::vector<BudgetWord>(); };
  return [budgets, rules = owner_rules(settings.cost, settings.team_labels, settings.teams)](
             const Published& known, const AllocationWish& wish) {
    const auto [owner, overhead] = payer_of(rules, known, wish);
    return budgets->words(owner, overhead, known.view->time);
  };
}

std::function<std::optional<std::vector<fleet::alerts::BudgetCrossed>>()> crossings_of(const Budgets* budgets) {
  if (!budgets) return [] { return std::optional(std::vector<fleet::alerts::BudgetCrossed>()); };
  return [budgets] { return budgets->in_force(); };
}

}  // namespace tessera::server
