#include "server/budgets/budgets.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <tuple>

#include "base/every.h"
#include "base/log.h"
#include "server/access/viewer.h"
#include "server/api_json.h"
#include "server/budgets/json.h"

namespace tessera::server {
namespace {
namespace budgets = fleet::budgets;
using Outcome = std::variant<Changed, Problem>;

constexpr std::size_t kMostBudgets = 1'000;  ///< each is held against the ledger in each look

std::string new_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

/// The one that is shown: of a custom one, it itself, also before it begins and when it is over.
Result<std::optional<fleet::CostWindow>> shown_period(const budgets::Budget& budget, EpochMs now) {
  if (budget.period.kind == budgets::PeriodKind::Custom) return std::optional(budget.period.custom);
  return budgets::period_at(budget, now);
}

/// Whether so much of it is another one that nothing counts which was told of it, whatever its thresholds are.
bool is_another(const budgets::Budget& before, budgets::Budget after) {
  after.thresholds = {budgets::Threshold{}};
  budgets::Crossing any;
  any.threshold = after.thresholds.front();
  return !budgets::still_counts(any, before, after);
}

/// The periods that are held against the ledger, the earliest first: those that are not done with, up to the one that
/// is shown. Who makes a budget does not ask what was before it.
Result<std::vector<fleet::CostWindow>> judged_periods(const store::KeptBudget& kept, const fleet::CostWindow& shown,
                                                      EpochMs done_until) {
  std::vector<fleet::CostWindow> out;
  if (kept.budget.period.kind != budgets::PeriodKind::Custom)
    for (EpochMs at = std::max(done_until, kept.created); at < shown.from; at = out.back().to) {
      const auto period = TRY(budgets::period_at(kept.budget, at));
      if (!period) break;
      out.push_back(*period);
    }
  out.push_back(shown);
  return out;
}

bool pays(const budgets::Scope& scope, const fleet::CostOwner& owner, bool overhead) {
  switch (scope.kind) {
    case budgets::ScopeKind::Fleet:
      return true;
    case budgets::ScopeKind::Team:
      return !overhead && owner.team == scope.name;
    case budgets::ScopeKind::Project:
      return !overhead && owner.project == scope.name;
    default:
      return !overhead && owner.space == scope.name;
  }
}

std::string sentence_of(const budgets::Budget& budget, const budgets::Standing& standing) {
  const bool spent = standing.spent.value_or(0) >= budget.amount;
  const auto zone = fleet::Zone::named(budget.time_zone);
  const std::string until = zone ? zone->format(standing.period.to) : format_time(standing.period.to);
  return fmt::format("budget '{}' of {} is {} for its period, which ends {}", budget.name,
                     budgets::scope_text(budget.scope), spent ? "spent" : "expected to be overspent", until);
}

std::optional<Problem> taken(const std::vector<store::KeptBudget>& known, const budgets::Budget& budget) {
  for (const store::KeptBudget& one : known)
    if (one.budget.name == budget.name && one.budget.id != budget.id)
      return Problem{409, "name-taken",
                     fmt::format("name: budget {} has the name '{}' already", one.budget.id, budget.name)};
  return std::nullopt;
}

Problem no_budget(const std::string& id) {
  return {404, "not-found", fmt::format("no budget has the id '{}'; /budgets lists them", id)};
}

const store::KeptBudget* find(const std::vector<store::KeptBudget>& known, std::string_view id) {
  const auto at = std::ranges::find(known, id, [](const store::KeptBudget& one) { return one.budget.id; });
  return at == known.end() ? nullptr : &*at;
}

}  // namespace

const BudgetStanding* BudgetBook::find(std::string_view id) const {
  for (const BudgetStanding& one : budgets)
    if (one.kept.budget.id == id) return &one;
  return nullptr;
}

std::string budget_etag(const store::KeptBudget& kept) { return etag_of(json_text(kept_json(kept))); }

Budgets::Budgets(const Latest<Published>& fleet, Changes& changes, store::Readers& readers,
                 std::function<bool()> started, BudgetOptions options)
    : fleet_(fleet), changes_(changes), readers_(readers), started_(std::move(started)), options_(std::move(options)) {
  // Until they are looked at nothing is known of how they stand; that they are there is.
  BudgetBook first;
  if (const auto kept = changes_.read([](store::Database& database) { return store::budgets(database); }))
    for (const store::KeptBudget& one : *kept) first.budgets.push_back({one, {}, "it has not been looked at yet", {}});
  book_.publish(std::move(first));
  if (options_.look_every > Milliseconds(0))
    thread_ = std::jthread([this](const std::stop_token& stop) {
      every(options_.look_every, stop, [this] { static_cast<void>(look()); });
    });
}

Budgets::~Budgets() { thread_ = {}; }

BudgetStats Budgets::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::optional<std::vector<fleet::alerts::BudgetCrossed>> Budgets::in_force() const {
  const auto known = book();
  if (known->time == 0) return std::nullopt;
  return known->in_force;
}

std::vector<BudgetWord> Budgets::words(const fleet::CostOwner& owner, bool overhead, EpochMs now) const {
  std::vector<BudgetWord> out;
  const auto known = book();
  for (const BudgetStanding& one : known->budgets) {
    const budgets::Budget& budget = one.kept.budget;
    if (budget.enforcement == budgets::Enforcement::None || !one.standing) continue;
    const fleet::CostWindow& period = one.standing->period;
    if (now < period.from || now >= period.to || !pays(budget.scope, owner, overhead)) continue;
    if (budgets::is_overspent(budget, *one.standing))
      out.push_back({one.kept, *one.standing, sentence_of(budget, *one.standing)});
  }
  std::ranges::partition(out, &BudgetWord::refuses);
  return out;
}

Result<void> Budgets::look() {
  const std::lock_guard lock(looking_);
  const auto known = fleet_.get();
  if (!known || !known->view || !started_()) return {};
  auto done = look_now();
  if (!done && !failing_)
    log::error("how budgets stand cannot be worked out; it is tried again", {{"why", done.error().what}});
  failing_ = !done;
  const std::lock_guard counting(mutex_);
  ++stats_.looks;
  stats_.failed_looks += done ? 0 : 1;
  return done;
}

/// Under looking_.
Result<void> Budgets::look_now() {
  const EpochMs now = fleet_.get()->view->time;
  Judged next;
  EpochMs turns = std::numeric_limits<EpochMs>::max();
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    next.kept = TRY(store::budgets(database));
    next.told = TRY(store::budget_crossings(database));
    done_until_ = TRY(store::budgets_judged(database));
    std::set<budgets::Scope> scopes;
    EpochMs from = now - budgets::kForecastHistory.count();  // the forecast learns from what was before a period, too
    for (const store::KeptBudget& one : next.kept) {
      scopes.insert(one.budget.scope);
      const auto period = shown_period(one.budget, now);
      if (!period || !*period) continue;
      from = std::min(from, TRY(judged_periods(one, **period, done_until_[one.budget.id])).front().from);
      if ((*period)->to > now) turns = std::min(turns, (*period)->to);
    }
    return spending_.look(database, scopes, from);
  }));
  next.ledger = spending_.version();
  if (book_.get()->time != 0 && next == judged_ && judged_from_ <= now && now < judged_until_) return {};
  TRY(judge(next, now));
  judged_ = std::move(next);
  judged_from_ = now;
  judged_until_ = turns;
  return {};
}

Result<void> Budgets::judge(Judged& of, EpochMs now) {
  BudgetBook next;
  next.time = now;
  next.closed_until = spending_.closed_until();
  std::vector<budgets::Crossing> fresh;
  std::map<std::string, EpochMs> done;
  for (const store::KeptBudget& one : of.kept) next.budgets.push_back(stand(one, now, of.told, fresh, done));
  // What is not kept has not been told of: the next look finds it again.
  if (options_.leads) {
    TRY(keep(of.kept, fresh, std::move(done), now));
    of.told.insert(of.told.end(), fresh.begin(), fresh.end());
    std::ranges::sort(of.told, {}, [](const budgets::Crossing& one) {
      return std::tuple(one.budget, one.period.from, budgets::basis_name(one.threshold.on), one.threshold.percent);
    });
  }
  for (BudgetStanding& one : next.budgets)
    for (const budgets::Crossing& crossing : of.told) {
      if (crossing.budget != one.kept.budget.id) continue;
      if (one.standing && crossing.period.from == one.standing->period.from) one.crossings.push_back(crossing);
      if (budgets::is_in_force(crossing, next.closed_until.value_or(crossing.period.from)))
        next.in_force.push_back({crossing, one.kept.budget.name, one.kept.budget.scope, one.kept.budget.time_zone});
    }
  book_.publish(std::move(next));
  return {};
}

/// `fresh` gets the thresholds that were crossed and not told of, in the period that is shown and in those before it
/// that are not done with; `done` up to where they are by now, where that is farther than it was.
BudgetStanding Budgets::stand(const store::KeptBudget& kept, EpochMs now, const std::vector<budgets::Crossing>& told,
                              std::vector<budgets::Crossing>& fresh, std::map<std::string, EpochMs>& done) {
  BudgetStanding out{.kept = kept};
  const budgets::Budget& budget = kept.budget;
  const auto closed_until = spending_.closed_until();
  const auto work_out = [&]() -> Result<void> {
    const auto shown = TRY(shown_period(budget, now));
    if (!shown) return {};
    const budgets::SpentByBucket& spent = *TRY(spending_.of(budget.scope));
    for (const fleet::CostWindow& one : TRY(judged_periods(kept, *shown, done_until_[budget.id]))) {
      const bool is_shown = one.from == shown->from;
      if (!is_shown && one.from >= closed_until.value_or(one.from)) continue;
      auto standing = TRY(budgets::standing(budget, one, spent, closed_until));
      for (budgets::Crossing& found : budgets::crossings(budget, standing, told, now))
        fresh.push_back(std::move(found));
      if (is_shown) out.standing = std::move(standing);
      if (!is_shown && budgets::is_done(one, *closed_until)) done[budget.id] = one.to;
    }
    return {};
  };
  if (const auto worked = work_out(); !worked) {
    out.standing.reset();
    out.trouble = worked.error().what;
  }
  return out;
}

Result<void> Budgets::keep(const std::vector<store::KeptBudget>& judged, std::vector<budgets::Crossing>& fresh,
                           std::map<std::string, EpochMs> done, EpochMs now) {
  if (fresh.empty() && done.empty()) return {};
  return changes_.read([&](store::Database& database) {
    return database.atomically([&]() -> Result<void> {
      TRY(store::drop_budget_crossings_before(database, now - options_.crossings_kept.count()));
      const auto known = TRY(store::budgets(database));
      const auto is_another = [&](const std::string& id) {
        const auto* is = find(known, id);
        return !is || !(*is == *find(judged, id));
      };
      std::erase_if(fresh, [&](const budgets::Crossing& one) { return is_another(one.budget); });
      std::erase_if(done, [&](const auto& one) { return is_another(one.first); });
      TRY(store::add_budget_crossings(database, fresh));
      return store::keep_budgets_judged(database, done);
    });
  });
}

/// By the fleet's clock, which says what period it is.
EpochMs Budgets::time() const {
  const auto known = fleet_.get();
  return known && known->view ? known->view->time : now_epoch_ms();
}

http::Response Budgets::shown_as_it_stands(http::Response made, const std::string& id) {
  if (made.status >= 300) return made;
  static_cast<void>(look());
  const auto known = book();
  const BudgetStanding* one = known->find(id);
  if (made.status == 204 || !one) return made;
  made.body = json_text(budget_json(*one, Burn::Told));
  made.headers.emplace_back("ETag", budget_etag(one->kept));
  return made;
}

http::Response Budgets::add(const http::Request& request, budgets::Budget budget) {
  budget.id = new_id();
  const EpochMs now = time();
  const std::string who = viewer_of(request).actor;
  const store::KeptBudget kept{budget, who, now, who, now};
  http::Response out = changes_.make(request, "budget.create", "", [&](store::Database& database) -> Result<Outcome> {
    const auto known = TRY(store::budgets(database));
    if (auto problem = taken(known, budget)) return Outcome(*std::move(problem));
    if (known.size() >= kMostBudgets)
      return Outcome(Problem{409, "no-room",
                             fmt::format("there are {} budgets, and no more are taken: remove some", kMostBudgets)});
    TRY(store::put_budget(database, kept));
    return Outcome(Changed{201, "budget:" + budget.id, json_text(kept_json(kept)), request.path + "/" + budget.id,
                           json_text(budget_json({.kept = kept}, Burn::Told))});
  });
  return shown_as_it_stands(std::move(out), budget.id);
}

http::Response Budgets::replace(const http::Request& request, const std::string& id, budgets::Budget budget) {
  budget.id = id;
  http::Response out =
      changes_.make(request, "budget.change", "budget:" + id, [&](store::Database& database) -> Result<Outcome> {
        const auto known = TRY(store::budgets(database));
        const store::KeptBudget* before = find(known, id);
        if (!before) return Outcome(no_budget(id));
        if (auto stale = check_if_match(request, budget_etag(*before))) return Outcome(*std::move(stale));
        if (auto problem = taken(known, budget)) return Outcome(*std::move(problem));
        const store::KeptBudget kept{budget, before->created_by, before->created, viewer_of(request).actor, time()};
        TRY(store::put_budget(database, kept));
        // What was before is not asked of another one; of what has another name alone, it still is.
        if (is_another(before->budget, budget)) TRY(store::keep_budgets_judged(database, {{id, kept.changed}}));
        for (const budgets::Crossing& one : TRY(store::budget_crossings(database)))
          if (one.budget == id && !budgets::still_counts(one, before->budget, budget))
            TRY(store::drop_budget_crossing(database, one));
        return Outcome(Changed{200, "budget:" + id, json_text(kept_json(kept)), "",
                               json_text(budget_json({.kept = kept}, Burn::Told))});
      });
  return shown_as_it_stands(std::move(out), id);
}

http::Response Budgets::drop(const http::Request& request, const std::string& id) {
  http::Response out =
      changes_.make(request, "budget.delete", "budget:" + id, [&](store::Database& database) -> Result<Outcome> {
        const auto known = TRY(store::budgets(database));
        const store::KeptBudget* before = find(known, id);
        if (!before) return Outcome(no_budget(id));
        if (auto stale = check_if_match(request, budget_etag(*before))) return Outcome(*std::move(stale));
        TRY(store::drop_budget(database, id));
        return Outcome(Changed{204, "budget:" + id, json_text(kept_json(*before))});
      });
  return shown_as_it_stands(std::move(out), id);
}

}  // namespace tessera::server
