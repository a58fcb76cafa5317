#pragma once
// What all shards of a destination share: which form of request it takes, what was sent and lost, and how it goes. Any
// thread may call anything. Says each change once on the log, not each try.
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "relay/config.h"
#include "relay/request_kind.h"

namespace tessera::relay {

/// A shard that is trying again.
struct Trouble {
  EpochMs since = 0;
  std::uint64_t attempts = 0;
  std::string what;      ///< of the last attempt
  EpochMs next_try = 0;  ///< no earlier
};

struct Failure {
  EpochMs time = 0;
  std::string what;
};

/// Counts are since the start. The queues' own counts are in journal::Stats.
struct DestinationStats {
  RequestKind kind = RequestKind::V2Snappy;  ///< of the next request that is begun
  std::uint64_t samples_sent = 0;            ///< taken by the receiver
  std::uint64_t bytes_sent = 0;              ///< bodies of all requests, tries included
  std::uint64_t retries = 0;
  std::uint64_t receiver_rejected = 0;              ///< samples that a receiver said it left out of a request it took
  std::map<std::string, std::uint64_t> requests{};  ///< by the status of the reply; "failed" without one
  std::map<std::string, std::uint64_t> dropped{};   ///< samples, by reason
  std::uint32_t in_flight = 0;
  std::optional<Milliseconds> last_latency{};  ///< of a request that was replied to
  std::optional<EpochMs> newest_sent{};        ///< the latest time of a record that was taken
  std::optional<EpochMs> last_success{};
  std::optional<Failure> last_failure{};
  std::map<std::uint32_t, Trouble> trouble{};  ///< by shard
};

class DestinationState {
 public:
  explicit DestinationState(const Destination& destination);

  const std::string& name() const { return name_; }

  /// The form of the next request that is begun.
  RequestKind kind() const;
  wire::Protocol protocol() const { return form_of(kind()).protocol; }

  /// The form in which a queued request goes out now.
  RequestKind kind_for(RequestKind queued) const;

  /// Whether the receiver has ever taken this form.
  bool has_taken(RequestKind kind) const { return taken_ & bit(kind); }

  /// The receiver does not understand requests of this form. False: there is no other that it may be sent.
  bool fall_back(RequestKind from, const std::string& why);

  /// Requests taken so far, of all shards: who sees it rise knows that the receiver is well.
  std::uint64_t successes() const { return successes_; }

  void began(std::size_t bytes, bool retry);
  void replied(int status, Milliseconds latency);
  void failed();  ///< no reply
  void taken(std::uint32_t shard, RequestKind kind, std::uint64_t samples, EpochMs time);
  void rejected(std::uint64_t samples, const std::string& why);  ///< left out of a request that was taken
  void trying_again(std::uint32_t shard, const std::string& what, Milliseconds delay);
  void settled(std::uint32_t shard);  ///< it tries that request no more, whatever became of it

  /// `reason` is a short word for a metric. Told at most once a minute and reason.
  void dropped(const std::string& reason, std::uint64_t samples, const std::string& why);

  DestinationStats stats() const;

 private:
  static constexpr unsigned bit(RequestKind kind) { return 1U << static_cast<unsigned>(kind); }
  struct Told {
    std::optional<SteadyTime> when;
    std::uint64_t samples_since = 0;
  };
  std::uint64_t to_tell(const std::string& subject, std::uint64_t samples, const std::string& why);

  const std::string name_;
  const Protocol wanted_;
  std::atomic<unsigned> taken_ = 0;       ///< bits of kinds
  std::atomic<unsigned> not_spoken_ = 0;  ///< bits of kinds
  std::atomic<std::uint64_t> successes_ = 0;
  mutable std::mutex mutex_;
  // All below is guarded by mutex_.
  DestinationStats stats_;
  std::map<std::string, Told> told_;
  std::optional<SteadyTime> told_trouble_;  ///< when the last trouble was told
  bool recovery_untold_ = false;
};

}  // namespace tessera::relay
