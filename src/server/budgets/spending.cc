#include "server/budgets/spending.h"

#include <algorithm>

#include "fleet/cost/ledger.h"

namespace tessera::server {
namespace {
using fleet::budgets::Scope;

constexpr EpochMs kBucket = fleet::kCostBucket.count();
constexpr EpochMs kAtOnce = 96 * kBucket;  // a day, so that no statement takes long

}  // namespace

/// `closed`: the buckets to be read. A bucket without entries of the scope has cost it nothing.
Result<void> Spending::read(store::Database& database, const Scope& scope, const Revisions& closed, Spent& into) {
  for (auto at = closed.begin(); at != closed.end();) {
    const EpochMs from = at->first;
    auto end = at;
    while (end != closed.end() && end->first < from + kAtOnce) ++end;
    const auto spent = store::spent_by_bucket(database, scope, from, std::prev(end)->first + kBucket);
    if (!spent && spent.error().code == Code::Unavailable) return spent.error();
    if (!spent) {
      into.trouble = spent.error().what;
      return {};
    }
    for (; at != end; ++at) {
      const auto found = spent->find(at->first);
      into.buckets[at->first] = found == spent->end() ? 0 : found->second;
    }
  }
  return {};
}

Result<void> Spending::look(store::Database& database, const std::set<Scope>& scopes, EpochMs from) {
  const store::LedgerVersion version = TRY(store::ledger_version(database));
  const bool has_all = std::ranges::all_of(scopes, [&](const Scope& one) { return scopes_.contains(one); });
  if (version_ == version && has_all && from >= from_) return {};
  const Revisions closed = TRY(store::closed_buckets(database, from, (version.newest + 1) * 1'000));
  Revisions changed;
  for (const auto& [bucket, revision] : closed) {
    const auto known = known_.find(bucket);
    if (known == known_.end() || known->second != revision) changed.emplace(bucket, revision);
  }
  std::map<Scope, Spent> next;
  for (const Scope& scope : scopes) {
    const auto known = scopes_.find(scope);
    const bool anew = known == scopes_.end() || !known->second.trouble.empty();
    Spent spent = anew ? Spent() : known->second;
    spent.buckets.erase(spent.buckets.begin(), spent.buckets.lower_bound(from));
    TRY(read(database, scope, anew ? closed : changed, spent));
    next.emplace(scope, std::move(spent));
  }
  scopes_ = std::move(next);
  known_ = closed;
  from_ = from;
  version_ = version;
  closed_until_ = version.buckets > 0 ? std::optional(version.newest * 1'000 + kBucket) : std::nullopt;
  return {};
}

Result<const fleet::budgets::SpentByBucket*> Spending::of(const Scope& scope) const {
  const auto found = scopes_.find(scope);
  if (found == scopes_.end())
    return fail(Code::NotFound, "budgets: nothing was read of {}", fleet::budgets::scope_text(scope));
  if (!found->second.trouble.empty()) return fail(Code::Invalid, "{}", found->second.trouble);
  return &found->second.buckets;
}

}  // namespace tessera::server
