#include "relay/scrape_loop.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLongestWait = 500ms;  // how late a stop may be noticed

std::uint64_t hash_of(const std::string& key) { return XXH3_64bits(key.data(), key.size()); }

/// Two intervals and a tenth: what a pod needs that was only away for a moment.
Milliseconds grace(const Target& target) { return target.interval * 21 / 10; }

}  // namespace

void ScrapeTotals::add(const TargetStatus& status) {
  add(ScrapeTotals{status.scrapes, status.failures, status.missed, status.samples_of_all, status.duplicates,
                   status.too_far_ahead, status.clamped});
}

void ScrapeTotals::add(const ScrapeTotals& others) {
  scrapes += others.scrapes;
  failures += others.failures;
  missed += others.missed;
  samples += others.samples;
  duplicates += others.duplicates;
  too_far_ahead += others.too_far_ahead;
  clamped += others.clamped;
}

Result<std::unique_ptr<ScrapeLoop>> ScrapeLoop::open(Labels external, std::vector<Outgoing> ways, Scrapes before) {
  auto fetch = TRY(http::FetchLoop::open({}));
  return std::unique_ptr<ScrapeLoop>(
      new ScrapeLoop(std::move(external), std::move(ways), std::move(before), std::move(fetch)));
}

ScrapeLoop::ScrapeLoop(Labels external, std::vector<Outgoing> ways, Scrapes before,
                       std::unique_ptr<http::FetchLoop> fetch)
    : external_(std::move(external)), ways_(std::move(ways)), fetch_(std::move(fetch)) {
  for (auto& scrape : before) before_.emplace(scrape->target().key(), std::move(scrape));
  published_.publish(Scrapes{});
}

void ScrapeLoop::set_targets(std::vector<Target> targets) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(targets);
  }
  fetch_->wake();
}

ScrapeLoop::Scrapes ScrapeLoop::scrapes() const { return *published_.get(); }

ScrapeTotals ScrapeLoop::totals() const {
  const std::lock_guard lock(mutex_);
  ScrapeTotals all = gone_;
  for (const auto& scrape : counted_) all.add(scrape->status());
  return all;
}

void ScrapeLoop::run(const std::stop_token& stop) {
  const std::stop_callback woken(stop, [this] { fetch_->wake(); });
  while (!stop.stop_requested()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    last_turn_ = now;
    take_targets(now);
    start_due(now);
    end_leaving(now);
    seal_due(now);
    fetch_->run_until(next_event(now));
  }
  for (const auto& [key, scrape] : scrapes_) fetch_->cancel(*scrape);
  for (const Outgoing& way : ways_)
    for (Batch* batch : way.shards) batch->seal();
}

void ScrapeLoop::take_targets(SteadyTime now) {
  std::optional<std::vector<Target>> wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted.swap(wanted_);
  }
  if (!wanted) return;
  std::map<std::string, const Target*> by_key;
  for (const Target& target : *wanted) by_key.emplace(target.key(), &target);
  for (auto it = scrapes_.begin(); it != scrapes_.end();) {
    const auto gone = it++;
    if (by_key.contains(gone->first)) continue;
    drop(gone->second, gone->first, now);
    scrapes_.erase(gone);
  }
  for (const auto& [key, target] : by_key)
    if (!scrapes_.contains(key)) enter(*target, key, now);
  end_those_before(now);
  publish({});
}

/// The labels alone choose the shard: a pod that moved to another address, under labels that do not tell, goes on with
/// the same series, and they must not overtake what is still queued.
std::shared_ptr<Scrape> ScrapeLoop::make(const Target& target) const {
  const std::uint64_t hash = hash_of(shown(target.labels));
  std::vector<Scrape::Way> ways;
  for (const auto& [destination, shards] : ways_) ways.push_back({destination, shards[hash % shards.size()]});
  return std::make_shared<Scrape>(target, external_, ways);
}

void ScrapeLoop::enter(const Target& target, const std::string& key, SteadyTime now) {
  std::shared_ptr<Scrape> scrape;
  if (const auto back = leaving_.find(key); back != leaving_.end()) {
    scrape = std::move(back->second.scrape);
    leaving_.erase(back);
  } else {
    scrape = make(target);
    if (const auto old = before_.extract(key)) scrape->take_over(*old.mapped());
  }
  due_.emplace(first_tick(*scrape, key, now), scrape.get());
  scrapes_.emplace(key, std::move(scrape));
}

void ScrapeLoop::drop(const std::shared_ptr<Scrape>& scrape, const std::string& key, SteadyTime now) {
  fetch_->cancel(*scrape);
  scrape->cancelled();
  const auto tick = std::ranges::find(due_, scrape.get(), &Due::second);
  const auto until_tick = tick == due_.end() ? 0ms : std::chrono::duration_cast<Milliseconds>(tick->first - now);
  const EpochMs missed_at = now_epoch_ms() + std::max(until_tick, 0ms).count();
  if (tick != due_.end()) due_.erase(tick);
  leaving_.insert_or_assign(key, Leaving{scrape, now + grace(scrape->target()), missed_at});
}

/// Targets of the loop before that this configuration does not have.
void ScrapeLoop::end_those_before(SteadyTime now) {
  for (const auto& [key, old] : before_) {
    const auto scrape = make(old->target());
    scrape->take_over(*old);
    leaving_.insert_or_assign(key, Leaving{scrape, now + grace(old->target()), now_epoch_ms()});
  }
  before_.clear();
}

/// Where in each interval a target has its time: counted from the epoch, so that it is the same after a restart.
SteadyTime ScrapeLoop::first_tick(const Scrape& scrape, const std::string& key, SteadyTime now) const {
  const auto interval = scrape.target().interval.count();
  const auto offset = static_cast<EpochMs>(hash_of(key) % static_cast<std::uint64_t>(interval));
  return now + Milliseconds((offset - now_epoch_ms() % interval + interval) % interval);
}

void ScrapeLoop::start_due(SteadyTime now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto [when, scrape] = *due_.begin();
    due_.erase(due_.begin());
    scrape->start(*fetch_, clock_.time(std::chrono::steady_clock::now(), now_epoch_ms()));  // both clocks at once
    const Milliseconds interval = scrape->target().interval;
    due_.emplace(std::max(when + interval, now + interval / 2), scrape);
  }
}

void ScrapeLoop::end_leaving(SteadyTime now) {
  ScrapeTotals ended;
  const auto count = std::erase_if(leaving_, [&](const auto& entry) {
    if (entry.second.when > now) return false;
    entry.second.scrape->leave(entry.second.time);
    ended.add(entry.second.scrape->status());
    return true;
  });
  if (count > 0) publish(ended);
}

void ScrapeLoop::seal_due(SteadyTime now) {
  for (const Outgoing& way : ways_)
    for (Batch* batch : way.shards)
      if (batch->due() && *batch->due() <= now) batch->seal();
}

SteadyTime ScrapeLoop::next_event(SteadyTime now) const {
  SteadyTime next = now + kLongestWait;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  for (const auto& [key, leaving] : leaving_) next = std::min(next, leaving.when);
  for (const Outgoing& way : ways_)
    for (const Batch* batch : way.shards)
      if (batch->due()) next = std::min(next, *batch->due());
  return next;
}

/// `ended` are those that just left, so that nobody finds them counted twice or not at all.
void ScrapeLoop::publish(const ScrapeTotals& ended) {
  Scrapes all;
  for (const auto& [key, scrape] : scrapes_) all.push_back(scrape);
  Scrapes counted = all;
  for (const auto& [key, leaving] : leaving_) counted.push_back(leaving.scrape);
  {
    const std::lock_guard lock(mutex_);
    gone_.add(ended);
    counted_.swap(counted);
  }
  published_.publish(std::move(all));
}

}  // namespace tessera::relay
