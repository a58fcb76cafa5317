#include "server/keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLookEvery = 300s;  // for what is to be forgotten
constexpr EpochMs kArrivalEvery = 1'000;
// A device's last_seen in the database may be behind by this much: what vanished while the server was down is missed by
// what the journal tells of it, which is exact.
constexpr EpochMs kDeviceEvery = 5 * 60'000;

// What sessions have come to is noted within the time that a restart reads again, so that it knows all of it even after
// a kill; and seldom enough that a hundred thousand of them are a small part of what is written.
constexpr Milliseconds kSessionsEvery = 60s;
constexpr int kSessionsIntervals = 2;

// Messages wait one after the other, so a few are enough; a large one is given back.
constexpr std::size_t kSpare = 8, kMostSpare = 1U << 20U;

std::string_view bounded_name(fleet::Bounded what) {
  constexpr std::array<std::string_view, fleet::kBounded> kNames = {"node", "device", "instance", "session"};
  return kNames[static_cast<std::size_t>(what)];
}

std::size_t bytes_of(const Batch& batch) { return batch.message.size() + batch.samples.size() * sizeof(BatchSample); }

}  // namespace

Keeper::Keeper(KeeperOptions options, Latest<Published>& published, store::Database& database,
               journal::Journal& journal)
    : options_(std::move(options)),
      clock_(options_.fleet.interval * 5 / 2, options_.read_clock),
      published_(published),
      database_(database),
      journal_(journal),
      fleet_(options_.fleet),
      serving_(options_.serving),
      cluster_nodes_(options_.cluster_nodes),
      router_(fleet_, serving_, options_.max_series),
      inheritance_(options_.fleet, fleet_, options_.resumed.counted),
      session_notes_(std::min(kSessionsEvery, kSessionsIntervals * options_.fleet.interval)),
      archive_(database, fleet::span_for(options_.fleet.interval), options_.retention),
      saved_(options_.resumed.progress),
      recalling_(saved_.counted > 0),
      recall_from_(saved_.recall_from) {
  const EpochMs since = clock_.now() - fleet::kMissingKept.count();
  for (const fleet::Remembered& one : options_.resumed.devices) {
    if (one.device.last_seen < since) continue;  // it had been dropped
    known_devices_[one.cluster + '/' + one.device.facts->uuid] = {one.device.facts, one.node, one.device.last_seen};
    fleet_.remember(one);
  }
  for (const fleet::CountedBefore& one : options_.resumed.counted) fleet_.remember(one);
  for (const store::RunningSession& one : options_.resumed.running) go_on_with(one);
  if (options_.follows) return;
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

std::string Keeper::spare_message() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  std::string out = std::move(spare_.back());
  spare_.pop_back();
  return out;
}

void Keeper::spare(std::string message) {
  if (message.capacity() > kMostSpare) return;
  const std::lock_guard lock(mutex_);
  if (spare_.size() < kSpare) spare_.push_back(std::move(message));
}

void Keeper::caught_up() {
  const std::lock_guard lock(mutex_);
  caught_up_ = true;
  queued_.notify_one();
}

KeeperStats Keeper::stats() const {
  const std::lock_guard lock(mutex_);
  KeeperStats out = stats_;
  out.queued_bytes = queued_bytes_;
  out.clock_disbelieved = clock_.disbelieved();
  return out;
}

void Keeper::run(const std::stop_token& stop) {
  auto due = Clock::now() + options_.publish_every;
  auto save_at = Clock::now() + options_.save_every;
  const Milliseconds count_every = fleet::span_for(options_.fleet.interval);
  auto count_at = Clock::now() + count_every;
  auto look = Clock::now() + kLookEvery;
  for (;;) {
    std::unique_lock lock(mutex_);
    queued_.wait_until(lock, stop, due, [this] { return !queue_.empty() || (caught_up_ && recalling_); });
    if (queue_.empty() && stop.stop_requested()) break;
    if (!queue_.empty()) {
      Batch batch = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= bytes_of(batch);
      lock.unlock();
      room_.notify_all();
      if (recalling_ && batch.sequence > saved_.counted) end_recall();
      if (!batch.of_another) note_arrival(batch);
      apply(batch);
      applied_ = std::max(applied_, batch.sequence);
      spare(std::move(batch.message));
    } else {
      const bool all = caught_up_;
      lock.unlock();
      if (all && recalling_) end_recall();
    }
    const auto now = Clock::now();
    if (now >= due) {
      publish();
      due = Clock::now() + options_.publish_every;
      save_inherited();
    }
    if (!recalling_ && (now >= save_at || now >= count_at)) {
      save(now >= count_at, false);
      save_at = Clock::now() + options_.save_every;
      if (now >= count_at) count_at = Clock::now() + count_every;
    }
    if (now >= look) {
      look = now + kLookEvery;
      router_.forget_silent(options_.forget_series_after);
      if (!recalling_ && !pending_)
        for (const auto& [cluster, uuid] : fleet_.drop_gone(clock_.now())) known_devices_.erase(cluster + '/' + uuid);
    }
  }
  if (recalling_) return;  // all of it is in the database, and the rest in the journal
  publish();
  save(true, true);
}

/// One of a device that is not known any more has ended long ago.
void Keeper::go_on_with(const store::RunningSession& one) {
  if (const auto row = fleet_.remember(one.running)) return session_notes_.resumed(*row, one, started_);
  session_notes_.left_over(one.id);
  const fleet::Running& of = one.running;
  unsaved_.push_back({of.cluster, of.node, of.device_uuid, of.device_id, of.session, of.session.last_seen});
}

/// Which records a restart has to read again: those of the time in which a state that has not ended may have been told.
void Keeper::note_arrival(const Batch& batch) {
  fleet_.arrived(batch.arrived);
  // Where the clock was set back, what came before would be kept for reading again until that time has come once more.
  if (!arrivals_.empty() && arrivals_.back().time > batch.arrived)
    for (Arrival& one : arrivals_) one.time = std::min(one.time, batch.arrived);
  if (arrivals_.empty() || batch.arrived >= arrivals_.back().time + kArrivalEvery)
    arrivals_.push_back({batch.arrived, batch.sequence});
}

/// Here the last run had counted everything: what it came to is dropped, and the states that had not ended are known.
void Keeper::end_recall() {
  fleet_.meter().settle(saved_.counted_at);
  fleet_.meter().take();
  fleet_.take_ended();
  recalling_ = false;
}

void Keeper::apply(const Batch& batch) {
  if (batch.of_another) inheritance_.apply(batch);
  if (batch.of_another && batch.of_another->counted)
    return;  // what is in the database, sessions too, is known from there
  fleet_.meter().tell_of_before(batch.of_another.has_value());
  const Routed routed = router_.apply(batch);
  say_what_is_full();
  const std::lock_guard lock(mutex_);
  stats_.samples += routed.samples;
  stats_.ignored += routed.ignored;
  stats_.not_newer += routed.not_newer;
  stats_.clamped = fleet_.clamped();
  stats_.series = router_.series();
  stats_.refused = fleet_.refused();
  stats_.refused_keys = router_.refused();
  stats_.serving_refused = serving_.refused_series();
}

/// Once for each kind: a sender that makes too much of it does not stop.
void Keeper::say_what_is_full() {
  const auto say = [&](std::string_view what, std::uint64_t refused, bool& said) {
    if (refused == 0 || said) return;
    said = true;
    log::error("too much is told of: series of what there is no room for are passed over",
               {{"what", std::string(what)}});
  };
  for (std::size_t i = 0; i < fleet::kBounded; ++i)
    say(bounded_name(static_cast<fleet::Bounded>(i)), fleet_.refused()[i], said_full_[i]);
  say("series", router_.refused(), said_full_.back());
}

/// What usage has come to by now is the work of all that has been applied.
void Keeper::gather(EpochMs now) {
  fleet_.meter().settle(now);
  // A state lasts for a hold, and its subject may have been silent for another one.
  const EpochMs known_for = 5 * options_.fleet.interval.count();
  while (!arrivals_.empty() && arrivals_.front().time < now - known_for) {
    recall_from_ = std::max(recall_from_, arrivals_.front().sequence - 1);
    arrivals_.pop_front();
  }
  if (arrivals_.empty()) recall_from_ = applied_;
  // What a restart may not read again is noted, with room for how coarse arrivals are.
  fleet::Usage usage = fleet_.meter().take(now - known_for + 2 * kArrivalEvery);
  if (applied_ > saved_.counted || !usage.subjects.empty() || !usage.owners.empty() || !usage.silent.empty())
    pending_ = Pending{std::move(usage), {applied_, recall_from_, now}};
}

/// Those that are not in the database as they are.
void Keeper::gather_devices() {
  const auto published = published_.get();
  for (const auto& node : published->view->nodes)
    for (const fleet::Device& device : node->devices) {
      if (!device.live) continue;  // a restart would wait for it
      KnownDevice& known = known_devices_[node->cluster + '/' + device.facts->uuid];
      if (known.facts == device.facts && known.node == node->name && device.last_seen - known.last_seen < kDeviceEvery)
        continue;
      known = {device.facts, node->name, device.last_seen};
      fleet::Remembered one{node->cluster, node->name, {}};
      one.device.facts = device.facts;
      one.device.first_seen = device.first_seen;
      one.device.last_seen = device.last_seen;
      unsaved_devices_.push_back(std::move(one));
    }
}

// In one transaction with the position, so that a restart counts nothing twice. What cannot be saved now stays, and the
// journal keeps what it was made of.
void Keeper::save(bool usage, bool all_sessions) {
  const auto begin = Clock::now();
  const EpochMs now = clock_.now();
  for (fleet::Ended& one : fleet_.take_ended()) unsaved_.push_back(std::move(one));
  for (fleet::LayoutSeen& one : fleet_.take_layouts()) unsaved_layouts_.push_back(std::move(one));
  for (fleet::XidsSeen& one : fleet_.take_xids()) unsaved_xids_.push_back(std::move(one));
  if (unsaved_devices_.empty()) gather_devices();
  if (usage && !pending_ && applied_ > 0) gather(now);
  if (const auto noted = save_cluster_nodes(); !noted)
    log::warn("nodes of the cluster cannot be noted; it is tried again", {{"why", noted.error().what}});
  const store::RunningChanges& running = session_notes_.changes(fleet_, begin, all_sessions);
  if (unsaved_.empty() && unsaved_layouts_.empty() && unsaved_xids_.empty() && unsaved_devices_.empty() &&
      running.empty() && !pending_)
    return;
  store::Kept kept{unsaved_, unsaved_layouts_, unsaved_xids_, unsaved_devices_, nullptr, {}, &running};
  if (pending_) {
    kept.usage = &pending_->usage;
    kept.progress = pending_->progress;
  }
  // The position is that of what the disk has: behind a loss of power, a journal that ends before it is another one's.
  auto done = pending_ ? journal_.sync() : Result<void>();
  if (done) done = archive_.keep(kept, [this](std::uint32_t subject) { return fleet_.usage_subject(subject); }, now);
  if (done) note_saved(begin);
  // What is in the database stays counted, whatever becomes of the rest.
  if (done) done = journal_.acknowledge(saved_.recall_from);
  if (done) done = archive_.drop_old(now);
  if (!done && !save_failed_)
    log::error("what has been taken in cannot be saved; it stays in the journal and is tried again",
               {{"why", done.error().what}});
  if (done && save_failed_) log::info("saving works again");
  save_failed_ = !done;
  const std::lock_guard lock(mutex_);
  if (!done) ++stats_.failed_saves;
  stats_.failing = !done;
  if (done) stats_.saved_at = now;
  stats_.unsaved = unsaved_.size();
}

/// What other servers have handed over is no more where it came from when it is in the database. What cannot be saved
/// now stays.
void Keeper::save_inherited() {
  const EpochMs now = clock_.now();
  if (inherited_.empty()) inherited_ = inheritance_.take(now);
  while (!inherited_.empty()) {
    const Inheritance::Share& share = inherited_.front();
    const auto subject_of = [&](std::uint32_t subject) { return share.fleet->usage_subject(subject); };
    const auto done = archive_.keep_handed_over(share.journal, share.sequence, share.usage, subject_of, now);
    if (!done && !inheriting_failed_)
      log::error("what another server has handed over cannot be saved; it is tried again",
                 {{"journal", share.journal}, {"why", done.error().what}});
    inheriting_failed_ = !done;
    if (!done) return;
    inherited_.erase(inherited_.begin());
  }
}

void Keeper::note_saved(SteadyTime begin) {
  const std::lock_guard lock(mutex_);
  stats_.sessions += unsaved_.size();
  unsaved_.clear();
  unsaved_layouts_.clear();
  unsaved_xids_.clear();
  unsaved_devices_.clear();
  session_notes_.saved();
  if (!pending_) return;
  stats_.usage_rows += pending_->usage.subjects.size();
  stats_.usage_too_late = archive_.left_out();
  stats_.save_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  saved_ = pending_->progress;
  pending_.reset();
}

Result<void> Keeper::save_cluster_nodes() {
  const auto cluster = options_.cluster ? options_.cluster->get() : nullptr;
  if (!cluster) return {};
  for (const auto& node : published_.get()->view->nodes) {
    if (node->cluster != cluster->cluster) continue;
    const auto gone = cluster->gone.find(node->name);
    if (gone == cluster->gone.end() && !cluster->nodes.contains(node->name)) continue;
    const auto now = gone == cluster->gone.end() ? std::optional<EpochMs>() : std::optional(gone->second);
    const auto known = cluster_nodes_.find(node->name);
    if (known != cluster_nodes_.end() && known->second == now) continue;
    TRY(store::write_cluster_node(database_, node->cluster, node->name, now, now_epoch_ms()));
    cluster_nodes_[node->name] = now;
  }
  return {};
}

void Keeper::publish() {
  const auto begin = Clock::now();
  const EpochMs now = clock_.now();
  Published next;
  if (options_.cluster)
    if (auto cluster = options_.cluster->get()) {
      if (!recalling_) fleet_.take_cluster(*cluster, now);
      next.cluster = std::move(cluster);
    }
  if (!recalling_) fleet_.advance(now);
  next.view = fleet_.publish(now);
  next.overviews = fold_.of(*next.view);
  next.serving = serving_.publish(now);
  next.applied = applied_;
  next.epoch = options_.epoch;
  published_.publish(std::move(next));
  const std::lock_guard lock(mutex_);
  stats_.publish_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace tessera::server
