#include "relay/scrape_loop.h"

#include <algorithm>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLongestWait = 500ms;  // how late a stop may be noticed

std::uint64_t hash_of(const std::string& key) { return XXH3_64bits(key.data(), key.size()); }

/// What samples that are taken now are stamped with.
EpochMs stamp(ScrapeClock& clock) { return clock.time(std::chrono::steady_clock::now(), now_epoch_ms()); }

/// Two intervals and a tenth: what a pod needs that was only away for a moment.
Milliseconds grace(const Target& target) { return target.interval * 21 / 10; }

}  // namespace

void ScrapeTotals::add(const TargetStatus& status) {
  add(ScrapeTotals{status.scrapes, status.failures, status.missed, status.samples_of_all, status.duplicates,
                   status.too_far_ahead, status.unfit, status.clamped, status.refused});
}

void ScrapeTotals::add(const ScrapeTotals& others) {
  scrapes += others.scrapes;
  failures += others.failures;
  missed += others.missed;
  samples += others.samples;
  duplicates += others.duplicates;
  too_far_ahead += others.too_far_ahead;
  unfit += others.unfit;
  clamped += others.clamped;
  for (std::size_t i = 0; i < refused.size(); ++i) refused[i] += others.refused[i];
}

Result<std::unique_ptr<ScrapeLoop>> ScrapeLoop::open(Labels external, std::vector<Outgoing> ways, Heritage before) {
  if (!before.fetch) before.fetch = TRY(http::FetchLoop::open({}));
  if (!before.health_log) before.health_log = std::make_shared<HealthLog>();
  return std::unique_ptr<ScrapeLoop>(new ScrapeLoop(std::move(external), std::move(ways), std::move(before)));
}

ScrapeLoop::ScrapeLoop(Labels external, std::vector<Outgoing> ways, Heritage before)
    : external_(std::move(external)),
      ways_(std::move(ways)),
      fetch_(std::move(before.fetch)),
      clock_(before.clock),
      health_log_(std::move(before.health_log)),
      scrapes_(std::move(before.scrapes)),
      leaving_(std::move(before.leaving)),
      due_(std::move(before.due)),
      gone_(before.gone) {
  for (const auto& [key, scrape] : scrapes_) scrape->send_to(ways_of(scrape->target()));
  for (const auto& [key, leaving] : leaving_) leaving.scrape->send_to(ways_of(leaving.scrape->target()));
  publish({});
}

ScrapeLoop::~ScrapeLoop() {
  for (const auto& [key, scrape] : scrapes_) fetch_->cancel(*scrape);
  for (const auto& [key, leaving] : leaving_) fetch_->cancel(*leaving.scrape);
}

ScrapeLoop::Heritage ScrapeLoop::hand_over() {
  Heritage out;
  out.fetch = fetch_;
  out.clock = clock_;
  out.health_log = health_log_;
  out.scrapes.swap(scrapes_);
  out.leaving.swap(leaving_);
  out.due.swap(due_);
  const std::lock_guard lock(mutex_);
  out.gone = gone_;
  return out;
}

void ScrapeLoop::set_targets(std::vector<Target> targets, std::set<std::string> unread) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = Wanted{std::move(targets), std::move(unread)};
  }
  fetch_->wake();
}

ScrapeLoop::Scrapes ScrapeLoop::scrapes() const { return *published_.get(); }

std::set<std::string> ScrapeLoop::silent() const {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::set<std::string> keys;
  for (const auto& scrape : *published_.get()) {
    const Target& target = scrape->target();
    if (now - scrape->status().answered > 2 * target.interval + target.timeout) keys.insert(target.key());
  }
  return keys;
}

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
    take_successors(now);
    start_due(now);
    end_leaving(now);
    seal_due(now);
    health_log_->sum_up(now);
    fetch_->run_until(next_event(now));
  }
  for (const Outgoing& way : ways_)
    for (Batch* batch : way.shards) batch->seal();
}

void ScrapeLoop::take_targets(SteadyTime now) {
  std::optional<Wanted> wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted.swap(wanted_);
  }
  if (!wanted) return;
  std::map<std::string, const Target*> by_key;
  std::set<std::string> elsewhere;
  for (const Target& target : wanted->targets) {
    if (target.ours)
      by_key.emplace(target.key(), &target);
    else
      elsewhere.insert(target.key());
  }
  for (auto it = scrapes_.begin(); it != scrapes_.end();) {
    const auto gone = it++;
    const bool may_come = wanted->unread.contains(gone->second->target().job->id) && !elsewhere.contains(gone->first);
    if (by_key.contains(gone->first) || may_come) continue;
    drop(gone->second, gone->first, now);
    scrapes_.erase(gone);
  }
  successors_.clear();
  for (const auto& [key, target] : by_key) {
    const auto known = scrapes_.find(key);
    if (known == scrapes_.end())
      enter(*target, key, now);
    else if (!known->second->is_for(*target, external_))
      successors_.emplace(key, *target);
  }
  publish(let_go(elsewhere));
}

/// A marker of ours would stand between the samples of who scrapes them now.
ScrapeTotals ScrapeLoop::let_go(const std::set<std::string>& elsewhere) {
  ScrapeTotals gone;
  for (const std::string& key : elsewhere)
    if (const auto left = leaving_.extract(key)) {
      fetch_->cancel(*left.mapped().scrape);
      gone.add(left.mapped().scrape->status());
    }
  return gone;
}

/// Targets whose settings have changed: what is under way ends as it began.
void ScrapeLoop::take_successors(SteadyTime now) {
  ScrapeTotals ended;
  const auto count = std::erase_if(successors_, [&](const auto& entry) {
    const auto& [key, target] = entry;
    std::shared_ptr<Scrape>& place = scrapes_.at(key);
    if (place->running()) return false;
    const auto old = std::exchange(place, make(target));
    place->take_over(*old);
    ended.add(old->status());
    const auto tick = std::ranges::find(due_, old.get(), &Due::second);
    const bool same_place = old->target().interval == target.interval;
    const SteadyTime when = same_place ? tick->first : first_tick(*place, key, now);
    due_.erase(tick);
    due_.emplace(when, place.get());
    return true;
  });
  if (count > 0) publish(ended);
}

/// The labels alone choose the shard: a pod that moved to another address, under labels that do not tell, goes on with
/// the same series, and they must not overtake what is still queued.
std::vector<Scrape::Way> ScrapeLoop::ways_of(const Target& target) const {
  const std::uint64_t hash = hash_of(shown(target.labels));
  std::vector<Scrape::Way> ways;
  for (const auto& [destination, shards] : ways_) ways.push_back({destination, shards[hash % shards.size()]});
  return ways;
}

std::shared_ptr<Scrape> ScrapeLoop::make(const Target& target) const {
  auto scrape = std::make_shared<Scrape>(target, external_, ways_of(target));
  scrape->tell_changes_to(health_log_);
  return scrape;
}

void ScrapeLoop::enter(const Target& target, const std::string& key, SteadyTime now) {
  std::shared_ptr<Scrape> scrape;
  if (const auto back = leaving_.extract(key)) {
    scrape = std::move(back.mapped().scrape);
    if (!scrape->is_for(target, external_)) successors_.emplace(key, target);
  } else {
    scrape = make(target);
  }
  due_.emplace(first_tick(*scrape, key, now), scrape.get());
  scrapes_.emplace(key, std::move(scrape));
}

/// A page that is being read is read to its end: it comes before the end of its series.
void ScrapeLoop::drop(const std::shared_ptr<Scrape>& scrape, const std::string& key, SteadyTime now) {
  const auto tick = std::ranges::find(due_, scrape.get(), &Due::second);
  const auto until_tick = tick == due_.end() ? 0ms : std::chrono::duration_cast<Milliseconds>(tick->first - now);
  const EpochMs missed_at = stamp(clock_) + std::max(until_tick, 0ms).count();  // never before its last sample
  if (tick != due_.end()) due_.erase(tick);
  leaving_.insert_or_assign(key, Leaving{scrape, now + grace(scrape->target()), missed_at});
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
    scrape->start(*fetch_, stamp(clock_));
    const NextTick next = next_tick(when, scrape->target().interval, now);
    if (next.passed_over > 0) scrape->passed_over(next.passed_over);
    due_.emplace(next.when, scrape);
  }
}

void ScrapeLoop::end_leaving(SteadyTime now) {
  ScrapeTotals ended;
  const auto count = std::erase_if(leaving_, [&](const auto& entry) {
    if (entry.second.when > now || entry.second.scrape->running()) return false;
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
  for (const auto& [key, leaving] : leaving_)
    if (!leaving.scrape->running()) next = std::min(next, leaving.when);
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
