#include "fleet/cost/ledger.h"

namespace tessera::fleet {

EpochMs cost_bucket_of(EpochMs time) {
  const EpochMs rest = time % kCostBucket.count();
  return time - (rest < 0 ? rest + kCostBucket.count() : rest);
}

std::vector<Posting> correction(const std::vector<Posting>& entered, const std::vector<Posting>& now) {
  std::vector<Posting> all = now;
  for (Posting one : entered) {
    one.amount = {-one.amount.micros, -one.amount.device_ms, -one.amount.unpriced_ms};
    all.push_back(one);
  }
  std::vector<Posting> out = merged(std::move(all));
  std::erase_if(out, [](const Posting& one) { return one.amount.is_zero(); });
  return out;
}

Result<std::int64_t> CostLedger::settle(EpochMs bucket, const std::vector<Posting>& now) {
  if (bucket != cost_bucket_of(bucket))
    return fail(Code::Invalid, "cost ledger: {} is no bucket's begin", format_time(bucket));
  const auto [at, is_new] = buckets_.try_emplace(bucket);
  Bucket& of = at->second;
  std::vector<Posting> entered;
  for (const CostEntry& one : of.entries) entered.push_back(one.posting);
  const std::vector<Posting> postings = correction(entered, now);
  if (!is_new && postings.empty())
    return fail(Code::NotFound, "cost ledger: nothing to correct at {}", format_time(bucket));
  if (!is_new) ++of.revision;
  for (const Posting& one : postings) of.entries.push_back({bucket, of.revision, one});
  return of.revision;
}

std::vector<CostEntry> CostLedger::entries(EpochMs from, EpochMs to) const {
  std::vector<CostEntry> out;
  for (auto at = buckets_.lower_bound(from); at != buckets_.end() && at->first < to; ++at)
    out.insert(out.end(), at->second.entries.begin(), at->second.entries.end());
  return out;
}

}  // namespace tessera::fleet
