#include "relay/destination_state.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace tessera::relay {
namespace {

// A receiver that flaps, or refuses a sample of every request, does not fill the log.
constexpr Milliseconds kTellEvery{60'000};

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace

DestinationState::DestinationState(const Destination& destination)
    : name_(destination.name), wanted_(destination.protocol) {}

RequestKind DestinationState::kind() const {
  const bool v1 = wanted_ == Protocol::V1 || (not_spoken_ & bit(RequestKind::V2Snappy)) != 0;
  return v1 ? RequestKind::V1Snappy : RequestKind::V2Snappy;
}

// What was queued as version 1 stays so while the version is open: every receiver takes it, and nothing is gained by
// writing a backlog anew.
RequestKind DestinationState::kind_for(RequestKind queued) const {
  if (wanted_ == Protocol::V2) return RequestKind::V2Snappy;
  if (queued == RequestKind::V2Snappy) return kind();
  return (not_spoken_ & bit(queued)) != 0 ? RequestKind::V1Snappy : queued;
}

bool DestinationState::fall_back(RequestKind from, const std::string& why) {
  if (from == RequestKind::V1Snappy || wanted_ == Protocol::V2) return false;
  if ((not_spoken_.fetch_or(bit(from)) & bit(from)) != 0) return true;
  log::info("the receiver does not speak this form: sending another from now on",
            {{"destination", name_},
             {"refused", std::string(form_of(from).name)},
             {"now", std::string(form_of(RequestKind::V1Snappy).name)},
             {"reply", why}});
  return true;
}

void DestinationState::began(std::size_t bytes, bool retry) {
  const std::lock_guard lock(mutex_);
  stats_.bytes_sent += bytes;
  ++stats_.in_flight;
  if (retry) ++stats_.retries;
}

void DestinationState::replied(int status, Milliseconds latency) {
  const std::lock_guard lock(mutex_);
  --stats_.in_flight;
  ++stats_.requests[std::to_string(status)];
  stats_.last_latency = latency;
}

void DestinationState::failed() {
  const std::lock_guard lock(mutex_);
  --stats_.in_flight;
  ++stats_.requests["failed"];
}

void DestinationState::taken(std::uint32_t shard, RequestKind kind, std::uint64_t samples, EpochMs time) {
  taken_ |= bit(kind);
  ++successes_;
  bool tell = false;
  {
    const std::lock_guard lock(mutex_);
    stats_.samples_sent += samples;
    stats_.newest_sent = std::max(stats_.newest_sent.value_or(time), time);
    stats_.last_success = now_epoch_ms();
    stats_.trouble.erase(shard);
    tell = stats_.trouble.empty() && std::exchange(recovery_untold_, false);
  }
  if (tell) log::info("sending works again", {{"destination", name_}});
}

void DestinationState::trying_again(std::uint32_t shard, const std::string& what, Milliseconds delay) {
  {
    const std::lock_guard lock(mutex_);
    const EpochMs now = now_epoch_ms();
    const bool all_were_well = stats_.trouble.empty();
    Trouble& trouble = stats_.trouble.try_emplace(shard, Trouble{now, 0, "", 0}).first->second;
    ++trouble.attempts;
    trouble.what = what;
    trouble.next_try = now + delay.count();
    stats_.last_failure = {now, what};
    if (!all_were_well || (told_trouble_ && steady_now() - *told_trouble_ < kTellEvery)) return;
    told_trouble_ = steady_now();
    recovery_untold_ = true;
  }
  log::warn("sending fails: trying again until it works; samples wait in the queue on disk",
            {{"destination", name_}, {"error", what}});
}

void DestinationState::settled(std::uint32_t shard) {
  const std::lock_guard lock(mutex_);
  stats_.trouble.erase(shard);
}

/// How many samples are to be told of now; 0: nothing, too soon after the last time. With mutex_ held.
std::uint64_t DestinationState::to_tell(const std::string& subject, std::uint64_t samples, const std::string& why) {
  stats_.last_failure = {now_epoch_ms(), why};
  Told& told = told_[subject];
  told.samples_since += samples;
  if (told.when && steady_now() - *told.when < kTellEvery) return 0;
  told.when = steady_now();
  return std::exchange(told.samples_since, 0);
}

void DestinationState::rejected(std::uint64_t samples, const std::string& why) {
  std::uint64_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    stats_.receiver_rejected += samples;
    count = to_tell("", samples, why);
  }
  if (count > 0)
    log::warn("the receiver left samples out of requests that it took",
              {{"destination", name_}, {"samples", std::to_string(count)}, {"reply", why}});
}

void DestinationState::dropped(const std::string& reason, std::uint64_t samples, const std::string& why) {
  std::uint64_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    stats_.dropped[reason] += samples;
    count = to_tell(reason, samples, why);
  }
  if (count > 0)
    log::warn("samples dropped",
              {{"destination", name_}, {"reason", reason}, {"samples", std::to_string(count)}, {"error", why}});
}

DestinationStats DestinationState::stats() const {
  const std::lock_guard lock(mutex_);
  DestinationStats out = stats_;
  out.kind = kind();
  return out;
}

}  // namespace tessera::relay
