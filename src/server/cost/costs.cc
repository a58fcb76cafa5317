#include "server/cost/costs.h"

#include <algorithm>

#include "base/log.h"
#include "fleet/cost/ledger.h"
#include "fleet/cost/rate_history.h"
#include "server/cost/live.h"
#include "store/cost_bucket.h"
#include "store/cost_rates.h"
#include "store/devices.h"

namespace tessera::server {
namespace {
using Clock = std::chrono::steady_clock;

constexpr EpochMs kBucket = fleet::kCostBucket.count();
constexpr EpochMs kMostOpen = 8;  // more are a backlog, which is closed as it can be
constexpr Milliseconds kHourAgain{5'000};
constexpr Milliseconds kTellAgain{15'000};

CostSight sight_of(const CostsOptions& options, const Published& known, const CostMemory& kept) {
  CostSight out(options.settings, options.owners, kept);
  out.look(*known.view, known.cluster, known.view->time);
  return out;
}

Result<fleet::RateBook> rates_now(const CostSettings& settings, const std::vector<fleet::Rate>& known, EpochMs now) {
  return fleet::RateBook::of(known.empty() ? fleet::repriced({}, TRY(wanted_rates(settings)), now) : known);
}

/// Rows of what is not in the ledger yet, behind those that are.
void add_open(store::CostRows& into, EpochMs bucket, const std::vector<store::CostPosting>& postings) {
  for (const store::CostPosting& one : postings) {
    fleet::CostRow& row = into.rows.emplace_back();
    row.bucket = bucket;
    row.subject = &into.subjects.emplace_back(one.subject);
    if (one.owner) row.owner = &into.owners.emplace_back(*one.owner);
    row.kind = one.kind;
    row.basis = one.basis;
    row.amount = one.amount;
  }
}

}  // namespace

Costs::Costs(CostsOptions options, const Latest<Published>& fleet, store::Readers& readers)
    : options_(std::move(options)),
      currency_(*fleet::Currency::named(options_.settings.currency)),
      fleet_(fleet),
      readers_(readers) {}

Result<store::CostRows> Costs::rows_of(store::Database& database, const Open& open,
                                       std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone) {
  // A bucket that is closed meanwhile is not told twice: it is not asked of the ledger.
  std::vector<fleet::CostWindow> closed;
  for (fleet::CostWindow piece : pieces) {
    piece.to = std::min(piece.to, open.closed_until.value_or(piece.from));
    if (piece.from < piece.to) closed.push_back(piece);
  }
  auto out = TRY(store::cost_rows(database, closed, zone));
  for (const auto& [bucket, postings] : open.buckets)
    for (const fleet::CostWindow& piece : pieces)
      if (piece.from <= bucket && bucket < piece.to) add_open(out, piece.from, postings);
  return out;
}

Result<CostsKnown> Costs::known(std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone, EpochMs now) {
  CostsKnown out;
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    const auto open = TRY(open_time(database, now));
    out.ledger = TRY(rows_of(database, *open, pieces, zone));
    out.closed_until = open->closed_until;
    out.known_until = open->until;
    return {};
  }));
  return out;
}

Result<CostsUntil> Costs::each(std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone, EpochMs now,
                               const std::function<Result<void>(const fleet::CostWindow&, store::CostRows)>& take) {
  CostsUntil out;
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    const auto open = TRY(open_time(database, now));
    out = {open->closed_until, open->until};
    std::size_t count = 0;
    for (const fleet::CostWindow& piece : pieces) {
      auto rows = TRY(rows_of(database, *open, {&piece, 1}, zone));
      count += rows.rows.size();
      if (count > options_.limits.rows)
        return fail(Code::Invalid, "more than {} lines of the ledger: ask for a shorter window or longer pieces",
                    options_.limits.rows);
      TRY(take(piece, std::move(rows)));
    }
    return {};
  }));
  return out;
}

Result<ServedTime> Costs::served(fleet::CostWindow window, EpochMs now) {
  ServedTime out;
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    const auto open = TRY(open_time(database, now));
    const auto first = TRY(store::first_served_tokens(database));
    window.from = std::max(window.from, first.value_or(window.to));
    window.to = std::min(window.to, fleet::cost_bucket_of(open->until.value_or(window.from)));
    window.to = std::max(window.from, window.to);
    out = {window, TRY(store::served_tokens(database, window.from, window.to)), {}};
    const EpochMs closed = std::clamp(open->closed_until.value_or(window.from), window.from, window.to);
    out.costs = TRY(store::serving_costs(database, window.from, closed, options_.limits.rows));
    for (const auto& [bucket, postings] : open->buckets)
      for (const store::CostPosting& one : postings)
        if (closed <= bucket && bucket < window.to && one.owner && fleet::is_allocated(one.kind))
          out.costs.push_back({bucket, *one.owner, one.kind, one.amount});
    return {};
  }));
  return out;
}

Result<std::shared_ptr<const Costs::Open>> Costs::open_time(store::Database& database, EpochMs now) {
  const std::lock_guard lock(opening_);
  if (!open_ || Clock::now() - open_->made >= options_.again) open_ = TRY(make_open(database, now));
  return open_;
}

Result<std::shared_ptr<const Costs::Open>> Costs::make_open(store::Database& database, EpochMs now) const {
  auto out = std::make_shared<Open>();
  out->made = Clock::now();
  if (const auto newest = TRY(store::newest_cost_bucket(database))) out->closed_until = *newest + kBucket;
  out->until = out->closed_until;
  const auto known = fleet_.get();
  const auto first = TRY(store::first_device_seen(database));
  if (!known || !known->view || !first) return out;
  const EpochMs from = out->closed_until.value_or(fleet::cost_bucket_of(*first));
  const EpochMs until = now - 3 * options_.interval.count();
  if (until <= from || until - from > kMostOpen * kBucket) return out;
  const auto rates = TRY(rates_now(options_.settings, TRY(store::cost_rates(database)), now));
  const CostSight sight = sight_of(options_, *known, TRY(cost_memory(database)));
  store::CostRules rules = sight.rules(rates);
  rules.until = until;
  for (EpochMs bucket = from; bucket < until; bucket += kBucket)
    out->buckets.emplace_back(bucket, TRY(store::cost_of_bucket(database, bucket, rules)));
  out->until = until;
  return out;
}

Result<fleet::RateBook> Costs::rates(EpochMs now) const { return rates_now(options_.settings, {}, now); }

std::shared_ptr<const HourlyCosts> Costs::hourly() {
  const auto known = fleet_.get();
  static const auto kNothing = std::make_shared<const HourlyCosts>();
  if (!known || !known->view) return kNothing;
  const std::lock_guard lock(reckoning_);
  if (hourly_ && (hour_of_.lock() == known->view || Clock::now() - hour_made_ < kHourAgain)) return hourly_;
  auto made = make_hourly(*known);
  if (!made) {
    log::error("what the fleet costs an hour cannot be worked out", {{"why", made.error().what}});
    return hourly_ ? hourly_ : kNothing;
  }
  hourly_ = *std::move(made);
  hour_of_ = known->view;
  hour_made_ = Clock::now();
  return hourly_;
}

Result<std::shared_ptr<const HourlyCosts>> Costs::make_hourly(const Published& known) const {
  const EpochMs now = known.view->time;
  const auto book = TRY(rates(now));
  const CostSight sight = sight_of(options_, known, {});
  auto out = std::make_shared<HourlyCosts>();
  out->share_by = options_.settings.posting.share_by;
  out->postings = hourly_costs(*known.view, sight.rules(book));
  std::vector<fleet::CostRow> rows;
  for (const store::CostPosting& one : out->postings) {
    rows.push_back({0, &one.subject, one.owner ? &*one.owner : nullptr, one.kind, one.basis, one.amount, {}});
    if (one.owner && fleet::is_allocated(one.kind))
      out->owned[{one.owner->team, one.owner->project}] += one.amount.micros;
  }
  out->all = TRY(fleet::report(rows, {{0, kBucket}}, {})).front().all;
  return std::shared_ptr<const HourlyCosts>(std::move(out));
}

std::vector<fleet::Change> Costs::changes() {
  const auto known = fleet_.get();
  if (!known || !known->view) return {};
  const auto now = hourly();
  using fleet::CostKind;
  const fleet::CostSums& all = now->all;
  fleet::HourlyCost cost;
  cost.currency = currency_.code();
  cost.all = fleet::total(all) ? *fleet::total(all) : 0;
  cost.unallocated = all.of(CostKind::Unallocated);
  cost.unobserved = all.of(CostKind::Unobserved);
  cost.overhead = all.of(CostKind::Overhead);
  cost.allocated = cost.all - cost.unallocated - cost.unobserved - cost.overhead;
  const std::lock_guard lock(reckoning_);
  if (told_ == cost && Clock::now() - told_at_ < kTellAgain) return {};
  told_ = cost;
  told_at_ = Clock::now();
  fleet::Change change;
  change.kind = fleet::ChangeKind::CostRate;
  change.time = known->view->time;
  change.cost = cost;
  return {change};
}

}  // namespace tessera::server
