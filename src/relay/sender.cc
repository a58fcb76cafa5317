#include "relay/sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/every.h"
#include "base/log.h"
#include "relay/isolation.h"
#include "relay/request_body.h"
#include "relay/retry_after.h"

namespace tessera::relay {
namespace {

constexpr Milliseconds kIdleTurn{60'000};
constexpr Milliseconds kDiskPause{1'000};
constexpr Milliseconds kMaxRetryAfter{300'000};  // a receiver's slip of the pen must not silence us for a day

// How often a request fails, while others of the destination get through, before it is held for the cause.
constexpr std::uint64_t kPatience = Isolation::kPatience;
constexpr int kNotNow = 503;  // is believed; any other failure of the server may be the request's doing

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Sender::Sender(const Destination& destination, std::uint32_t shard, journal::Journal& queue, DestinationState& state)
    : destination_(destination), shard_(shard), queue_(queue), state_(state), poster_(destination) {
  thread_ = std::jthread([this] {
    run();
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    ended_.notify_all();
  });
}

Sender::~Sender() { finish(steady_now()); }

void Sender::request_stop() { stop_.request_stop(); }

void Sender::finish(SteadyTime deadline) {
  request_stop();
  {
    std::unique_lock lock(mutex_);
    ended_.wait_until(lock, deadline, [this] { return has_ended_; });
  }
  cut_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Sender::run() {
  const auto say = [this](bool& was_well, std::string_view what, const Error& error) {
    if (std::exchange(was_well, false)) log::error(what, {{"destination", state_.name()}, {"error", error.what}});
  };
  bool readable = true, writable = true;
  queue_.rewind();  // to what a sender before us left unfinished
  while (!stop_.stop_requested()) {
    auto record = queue_.next(steady_now() + kIdleTurn, stop_.get_token());
    if (!record) {
      say(readable, "the queue cannot be read: trying again", record.error());
      wait_until(steady_now() + kDiskPause, stop_.get_token());
      continue;
    }
    readable = true;
    if (!*record) continue;
    const journal::Sequence sequence = (**record).sequence;
    if (deliver(**std::move(record)) == Fate::Stopped) break;
    if (const auto done = queue_.acknowledge(sequence); !done)
      say(writable, "the queue's cursor cannot be written: after a restart these requests are sent again",
          done.error());
    else
      writable = true;
  }
}

Sender::Fate Sender::deliver(journal::Record record) {
  const RequestForm* const form = form_of(record.kind);
  if (!form) {
    state_.dropped("unreadable", record.items,
                   fmt::format("the queue holds a request of unknown form {}", record.kind));
    return Fate::Done;
  }
  return settle({form->kind, record.items, record.time, std::move(record.body)});
}

Sender::End Sender::send(Parcel& parcel, Ordeal& ordeal) {
  while (!stop_.stop_requested()) {
    std::optional<End> end;
    if (too_old(parcel)) {
      state_.dropped(
          "too_old", parcel.samples,
          fmt::format("older than {} when its turn came", format_duration(*destination_.queue.sample_age_limit)));
      end = End::Gone;
    } else if (!speak(parcel, state_.kind_for(parcel.kind))) {
      end = End::Gone;
    } else {
      end = attempt(parcel, ordeal);
    }
    if (!end) continue;
    if (*end != End::Stopped) state_.settled(shard_);
    return *end;
  }
  return End::Stopped;
}

bool Sender::too_old(const Parcel& parcel) const {
  const auto& limit = destination_.queue.sample_age_limit;
  return limit && parcel.time < now_epoch_ms() - limit->count();
}

/// Puts the parcel into another form, where it is to be; false: it cannot be read, and is dropped.
bool Sender::speak(Parcel& parcel, RequestKind kind) {
  if (parcel.kind == kind) return true;
  const auto request = unpack(parcel.kind, parcel.body);
  if (!request) {
    state_.dropped("unreadable", parcel.samples, request.error().what);
    return false;
  }
  parcel.body = pack(kind, *request);
  parcel.kind = kind;
  return true;
}

std::optional<Sender::End> Sender::attempt(Parcel& parcel, Ordeal& ordeal) {
  state_.began(parcel.body.size(), ordeal.repeats > 0);
  const SteadyTime started = steady_now();
  const auto reply = poster_.post(parcel, ordeal.repeats, cut_.get_token());
  if (!reply) {
    state_.failed();
    if (cut_.stop_requested()) return End::Stopped;
    ordeal.equal = 0;
    return later(reply.error().what, std::nullopt, ordeal);
  }
  state_.replied(reply->status, std::chrono::duration_cast<Milliseconds>(steady_now() - started));
  last_status_ = reply->status;
  last_reply_ = excerpt(*reply);
  return weigh(*reply, parcel, ordeal);
}

std::optional<Sender::End> Sender::weigh(const http::ClientResponse& reply, const Parcel& parcel, Ordeal& ordeal) {
  const Asked asked{parcel.kind, state_.has_taken(parcel.kind), destination_.queue.retry_on_429};
  switch (judge(reply, asked)) {
    case Verdict::Taken:
      taken(reply, parcel);
      return End::Taken;
    case Verdict::Later:
      return failed(reply, ordeal);
    case Verdict::BadContent:
      return End::BadContent;
    case Verdict::NotSpoken:
      if (state_.fall_back(parcel.kind, last_reply_)) return std::nullopt;
      state_.dropped("not_spoken", parcel.samples,
                     fmt::format("the receiver does not speak {}, and nothing else may be sent: {}",
                                 form_of(parcel.kind).name, last_reply_));
      return End::Gone;
    case Verdict::Credentials:  // tokens are replaced while requests are under way
      if (poster_.credentials_may_change() && !std::exchange(ordeal.tried_new_credentials, true)) {
        ++ordeal.repeats;
        return std::nullopt;
      }
      [[fallthrough]];
    case Verdict::Refused:  // not tried again: the protocol forbids it, and who waits for ever loses the newest instead
      state_.dropped(fmt::format("status_{}", reply.status), parcel.samples, last_reply_);
      return End::Gone;
  }
  return End::Gone;
}

void Sender::taken(const http::ClientResponse& reply, const Parcel& parcel) {
  const auto written = parcel.kind == RequestKind::V2Snappy ? samples_written(reply) : std::nullopt;
  const std::uint64_t accepted = std::min(written.value_or(parcel.samples), parcel.samples);
  state_.taken(shard_, parcel.kind, accepted, parcel.time);
  if (accepted < parcel.samples) state_.rejected(parcel.samples - accepted, last_reply_);
}

/// A reply that says "later". Where everything else gets through meanwhile, or it is always the same reply, it may be
/// the request's doing.
std::optional<Sender::End> Sender::failed(const http::ClientResponse& reply, Ordeal& ordeal) {
  const bool may_be_poison = reply.status >= 500 && reply.status != kNotNow;
  const std::uint64_t successes = state_.successes();
  if (ordeal.repeats > 0 && successes > ordeal.successes && may_be_poison) ++ordeal.alone;
  ordeal.successes = successes;
  ordeal.equal = !may_be_poison ? 0 : reply.status == ordeal.status ? ordeal.equal + 1 : 1;
  ordeal.status = reply.status;
  if (const auto end = later(last_reply_, parse_retry_after(reply.header("retry-after"), now_epoch_ms()), ordeal))
    return end;
  if (!may_be_poison) return std::nullopt;
  if (ordeal.alone >= kPatience) return End::Poison;
  if (ordeal.equal >= ordeal.patience) return End::Suspect;
  return std::nullopt;
}

/// Waits. Full jitter, so that senders that failed together do not come back together.
std::optional<Sender::End> Sender::later(const std::string& why, std::optional<Milliseconds> asked, Ordeal& ordeal) {
  const QueueSettings& queue = destination_.queue;
  Milliseconds most = queue.min_backoff;
  for (std::uint64_t i = 0; i < ordeal.repeats && most < queue.max_backoff; ++i) most *= 2;
  most = std::min(most, queue.max_backoff);
  Milliseconds delay(std::uniform_int_distribution<Milliseconds::rep>(0, most.count())(random_));
  if (asked && asked->count() > 0) delay = std::min(*asked, kMaxRetryAfter);
  ++ordeal.repeats;
  state_.trying_again(shard_, why, delay);
  if (!wait_until(steady_now() + delay, stop_.get_token())) return End::Stopped;
  return std::nullopt;
}

}  // namespace tessera::relay
