#include "server/cost/ledger_closer.h"

#include <algorithm>

#include "base/every.h"
#include "base/log.h"
#include "fleet/cost/ledger.h"
#include "store/cost_bucket.h"
#include "store/cost_rates.h"
#include "store/devices.h"
#include "store/served_tokens.h"

namespace tessera::server {
namespace {
using Clock = std::chrono::steady_clock;

constexpr EpochMs kBucket = fleet::kCostBucket.count();
constexpr EpochMs kHour = 3'600'000, kMinute = 60'000;
constexpr Milliseconds kLongWait{15 * kMinute};
constexpr std::size_t kLateAtOnce = 64;
constexpr std::size_t kDropAtOnce = 96;  // a day of buckets

/// What is dropped next is not worked out any more.
EpochMs oldest_within(Milliseconds back, EpochMs now) { return fleet::cost_bucket_of(now - back.count()) + kHour; }

}  // namespace

LedgerCloser::LedgerCloser(std::unique_ptr<store::Database> database, const Latest<Published>& fleet,
                           std::function<bool()> started, LedgerOptions options)
    : database_(std::move(database)), fleet_(fleet), started_(std::move(started)), options_(std::move(options)) {
  if (options_.look_every > Milliseconds(0))
    thread_ = std::jthread([this](const std::stop_token& stop) {
      every(options_.look_every, stop, [this] { static_cast<void>(look()); });
    });
}

LedgerCloser::~LedgerCloser() { thread_ = {}; }

LedgerStats LedgerCloser::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Result<void> LedgerCloser::look() {
  const auto known = fleet_.get();
  if (!known || !known->view || !started_()) return {};
  // Whose pods are, and of which pools nodes are, is told by the cluster: without it all would be priced as by default.
  if (known->cluster->watched && !known->cluster->synced) {
    wait_for_cluster();
    return {};
  }
  waits_since_.reset();
  auto done = look(*known);
  if (!done && !failing_) log::error("the cost ledger cannot be kept; it is tried again", {{"why", done.error().what}});
  failing_ = !done;
  if (done) return done;
  const std::lock_guard lock(mutex_);
  ++stats_.failures;
  return done;
}

/// Said once: a ledger that stands still would be noticed at the month's end else.
void LedgerCloser::wait_for_cluster() {
  if (!waits_since_) waits_since_ = Clock::now();
  if (*waits_since_ == SteadyTime::max() || Clock::now() - *waits_since_ < kLongWait) return;
  waits_since_ = SteadyTime::max();
  log::warn(
      "costs are not closed: the cluster that is watched has not told its nodes and pods for a quarter of an hour, "
      "and by them costs are whose they are: is its API server reachable, and has the server's account its rights?");
}

Result<void> LedgerCloser::look(const Published& known) {
  const EpochMs now = known.view->time;
  if (!sight_) TRY(begin(now));
  sight_->look(*known.view, known.cluster, now);
  tokens_.look(*known.serving, *known.cluster, now);
  TRY(keep_facts(now));
  TRY(keep_tokens(now));
  TRY(find_begin(now));
  const SteadyTime until = Clock::now() + options_.spend;
  TRY(close(now, until));
  TRY(correct(now, until));
  return drop_old(now);
}

Result<void> LedgerCloser::begin(EpochMs now) {
  const auto wanted = TRY(wanted_rates(options_.settings));
  rates_ = TRY(fleet::RateBook::of(TRY(store::keep_cost_rates(*database_, wanted, oldest_corrected(now), now))));
  sight_.emplace(options_.settings, options_.owners, TRY(cost_memory(*database_)));
  const auto newest = TRY(store::newest_cost_bucket(*database_));
  const std::lock_guard lock(mutex_);
  if (newest) stats_.closed_until = *newest + kBucket;
  return {};
}

Result<void> LedgerCloser::keep_facts(EpochMs now) {
  const CostMemory facts = sight_->unkept(now);
  if (facts.empty()) return {};
  TRY(remember(*database_, facts, now));
  sight_->kept(now);
  return {};
}

Result<void> LedgerCloser::keep_tokens(EpochMs now) {
  const auto due = tokens_.due(now);
  if (due.empty()) return {};
  TRY(database_->atomically([&]() -> Result<void> {
    for (const auto& [bucket, tokens] : due) TRY(store::add_served_tokens(*database_, bucket, tokens));
    return {};
  }));
  tokens_.kept(now);
  return {};
}

/// What the ledger has dropped already would be closed again, of less than there was.
EpochMs LedgerCloser::oldest_closed(EpochMs now) const {
  const auto days = std::min(options_.settings.backfill_days, options_.settings.retention_days);
  const Milliseconds back = std::min(options_.usage_kept, Milliseconds(std::chrono::hours(24 * days)));
  return oldest_within(back, now);
}

EpochMs LedgerCloser::oldest_corrected(EpochMs now) const { return oldest_within(options_.usage_kept, now); }

/// The first bucket of the first device. It may come to be an earlier one, where a node is heard of after the others.
Result<void> LedgerCloser::find_begin(EpochMs now) {
  if (begin_ && now - begin_found_at_ < kMinute) return {};
  const auto first = TRY(store::first_device_seen(*database_));
  begin_found_at_ = now;
  if (!first) return {};
  const EpochMs begin = std::max(fleet::cost_bucket_of(*first), oldest_closed(now));
  if (!begin_ || begin < *begin_ || *next_ < begin) next_ = begin;
  begin_ = begin;
  return {};
}

store::CostRules LedgerCloser::rules_at(EpochMs now) const {
  store::CostRules out = sight_->rules(*rates_);
  out.usage_from = now - options_.usage_kept.count();
  return out;
}

Result<void> LedgerCloser::close(EpochMs now, SteadyTime until) {
  if (!next_) return {};
  const store::CostRules rules = rules_at(now);
  while (*next_ + kBucket + options_.close_after.count() <= now && Clock::now() < until) {
    bool closed = false;
    if (!TRY(store::is_cost_bucket_closed(*database_, *next_))) {
      const auto postings = TRY(store::cost_of_bucket(*database_, *next_, rules));
      closed = TRY(writer_.close(*next_, postings, now));
    }
    *next_ += kBucket;
    const std::lock_guard lock(mutex_);
    stats_.closed += closed ? 1 : 0;
    stats_.closed_until = std::max(stats_.closed_until.value_or(0), *next_);
  }
  return {};
}

Result<void> LedgerCloser::correct(EpochMs now, SteadyTime until) {
  auto late = TRY(store::late_buckets(*database_, kLateAtOnce));
  const EpochMs oldest = oldest_corrected(now);
  if (!late.empty() && late.front().bucket < oldest) {
    TRY(store::drop_late_before(*database_, oldest));
    std::erase_if(late, [&](const store::LateBucket& one) { return one.bucket < oldest; });
  }
  std::erase_if(late_, [&](const auto& one) {
    return std::ranges::find(late, one.first, &store::LateBucket::bucket) == late.end();
  });
  const store::CostRules rules = rules_at(now);
  std::uint64_t corrected = 0;
  for (const store::LateBucket& one : late) {
    Late& seen = late_.try_emplace(one.bucket, Late{one.version, Clock::now()}).first->second;
    // What comes bit by bit is corrected once it is there.
    if (seen.version != one.version) seen = {one.version, Clock::now()};
    if (Clock::now() >= until || Clock::now() - seen.since < options_.settled_for) continue;
    const auto postings = TRY(store::corrected_cost_of_bucket(*database_, one.bucket, rules));
    corrected += TRY(writer_.correct(one, postings, now)) > 0 ? 1 : 0;
    late_.erase(one.bucket);
  }
  const std::lock_guard lock(mutex_);
  stats_.corrected += corrected;
  stats_.late = late_.size();
  return {};
}

Result<void> LedgerCloser::drop_old(EpochMs now) {
  if (now - dropped_at_ < kHour) return {};
  const Milliseconds kept = std::chrono::hours(24 * options_.settings.retention_days);
  const auto more = writer_.drop_before(now - kept.count(), kDropAtOnce);
  if (more && *more) return {};  // a step; the next look goes on
  dropped_at_ = now;             // also where it failed, so that it is not tried each second
  TRY(more);
  TRY(store::drop_served_tokens_before(*database_, now - kept.count()));
  TRY(forget_before(*database_, now - options_.usage_kept.count()));
  sight_->forget_before(now - options_.usage_kept.count());
  return {};
}

}  // namespace tessera::server
