#include "server/keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "store/sessions.h"
#include "wire/series_walk.h"
#include "wire/staleness.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kEpoch = 60s;  // how finely the index knows when a series was last seen

std::size_t bytes_of(const Batch& batch) { return batch.message.size() + batch.samples.size() * sizeof(BatchSample); }

}  // namespace

Keeper::Keeper(KeeperOptions options, Latest<Published>& published, store::Database& database,
               journal::Journal& journal)
    : options_(std::move(options)),
      published_(published),
      database_(database),
      journal_(journal),
      fleet_(options_.fleet) {
  publish();  // before the thread begins, so that readers always find a view
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Keeper::~Keeper() = default;

bool Keeper::has_room() const {
  const std::lock_guard lock(mutex_);
  return queued_bytes_ < options_.max_queued_bytes;
}

void Keeper::wait_for_room() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return queued_bytes_ < options_.max_queued_bytes; });
}

void Keeper::take(Batch batch) {
  const std::lock_guard lock(mutex_);
  queued_bytes_ += bytes_of(batch);
  queue_.push_back(std::move(batch));
  queued_.notify_one();
}

KeeperStats Keeper::stats() const {
  const std::lock_guard lock(mutex_);
  KeeperStats out = stats_;
  out.queued_bytes = queued_bytes_;
  return out;
}

std::uint32_t Keeper::epoch() const { return static_cast<std::uint32_t>((Clock::now() - started_) / kEpoch) + 1; }

void Keeper::run(const std::stop_token& stop) {
  auto due = Clock::now() + options_.publish_every;
  auto save_at = Clock::now() + options_.save_every;
  auto look = Clock::now() + kEpoch;
  for (;;) {
    std::unique_lock lock(mutex_);
    queued_.wait_until(lock, stop, due, [this] { return !queue_.empty(); });
    if (queue_.empty() && stop.stop_requested()) break;
    if (!queue_.empty()) {
      const Batch batch = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= bytes_of(batch);
      lock.unlock();
      room_.notify_all();
      apply(batch);
      applied_ = std::max(applied_, batch.sequence);
    } else {
      lock.unlock();
    }
    const auto now = Clock::now();
    if (now >= due) {
      publish();
      due = Clock::now() + options_.publish_every;
    }
    if (now >= save_at) {
      save();
      save_at = Clock::now() + options_.save_every;
    }
    if (now >= look) {
      look = now + kEpoch;
      const auto old = static_cast<std::uint32_t>(options_.forget_series_after / kEpoch);
      if (epoch() > old) index_.drop_before(epoch() - old, [this](std::uint32_t slot) { fleet_.forget(slot); });
    }
  }
  publish();
  save();
}

void Keeper::apply(const Batch& batch) {
  const std::uint32_t now = epoch();
  const auto find_all = [&] {
    slots_.clear();
    bool all = true;
    for (const BatchSample& sample : batch.samples) {
      slots_.push_back(index_.find(sample.series, now));
      all &= slots_.back() != fleet::SeriesIndex::kUnknown;
    }
    return all;
  };
  if (!find_all()) {
    learn_new(batch);
    find_all();
  }
  KeeperStats seen;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const BatchSample& sample = batch.samples[i];
    if (slots_[i] == fleet::kNothing || slots_[i] == fleet::SeriesIndex::kUnknown) {
      ++seen.ignored;
    } else if (wire::is_stale(sample.value)) {
      fleet_.end(slots_[i], sample.time);
      ++seen.samples;
    } else {
      ++(fleet_.apply(slots_[i], sample.value, sample.time) ? seen.samples : seen.not_newer);
    }
  }
  const std::lock_guard lock(mutex_);
  stats_.samples += seen.samples;
  stats_.ignored += seen.ignored;
  stats_.not_newer += seen.not_newer;
  stats_.series = index_.size();
}

/// The labels are read only where a series is met for the first time.
void Keeper::learn_new(const Batch& batch) {
  wire::SeriesWalk walk(batch.protocol, batch.message);
  for (auto more = walk.next(); more && *more; more = walk.next()) {
    const fleet::SeriesKey key{walk.key().low, walk.key().high};
    if (walk.samples().empty() || index_.find(key, epoch()) != fleet::SeriesIndex::kUnknown) continue;
    const wire::Sample& first = walk.samples().front();
    if (wire::is_stale(first.value)) continue;  // something that was never known has ended
    index_.insert(key, fleet_.learn(walk.labels(), first.time), epoch());
  }
}

// In one transaction with the position, so that a restart counts nothing twice. What cannot be saved now stays, and the
// journal keeps what it was made of.
void Keeper::save() {
  for (fleet::Ended& one : fleet_.take_ended()) unsaved_.push_back(std::move(one));
  if (unsaved_.empty() && saved_ == applied_) return;
  auto done = store::commit(database_, unsaved_, applied_);
  if (done) done = journal_.acknowledge(applied_);
  if (!done && !save_failed_)
    log::error("what has been taken in cannot be saved; it stays in the journal and is tried again",
               {{"why", done.error().what}});
  if (done && save_failed_) log::info("saving works again");
  save_failed_ = !done;
  const std::lock_guard lock(mutex_);
  if (done) {
    stats_.sessions += unsaved_.size();
    unsaved_.clear();
    saved_ = applied_;
  } else {
    ++stats_.failed_saves;
  }
  stats_.unsaved = unsaved_.size();
}

void Keeper::publish() {
  const auto begin = Clock::now();
  const EpochMs now = now_epoch_ms();
  Published next;
  if (options_.cluster)
    if (auto cluster = options_.cluster->get()) {
      fleet_.take_cluster(*cluster, now);
      next.cluster = std::move(cluster);
    }
  fleet_.advance(now);
  next.view = fleet_.publish(now);
  next.overviews = fold_.of(*next.view);
  next.applied = applied_;
  published_.publish(std::move(next));
  const std::lock_guard lock(mutex_);
  stats_.publish_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace tessera::server
