#pragma once
// The far end of one queue: posts its records to the destination, strictly in order, one at a time, and acknowledges
// each when the receiver has taken it or has refused it for good. What a receiver may take later is tried again for
// ever; of a request whose content it refuses, or fails at, only the series that it does not take alone are lost.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "journal/journal.h"
#include "relay/bisect.h"
#include "relay/destination_state.h"
#include "relay/poster.h"
#include "relay/verdict.h"
#include "wire/write_request.h"

namespace tessera::relay {

class Sender {
 public:
  /// Begins to send on a thread of its own. What it is given outlives it. A queue has one sender at a time.
  Sender(const Destination& destination, std::uint32_t shard, journal::Journal& queue, DestinationState& state);
  /// As finish() with a deadline that has passed.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  /// Nothing is begun any more, and every wait ends. Returns at once.
  void request_stop();

  /// request_stop(), and lets a request that is under way end until the deadline; then it is cut. What was not taken
  /// stays in the queue.
  void finish(SteadyTime deadline);

 private:
  /// Of a record; Left: what could not be judged is to be sent again as a whole.
  enum class Fate { Done, Left, Stopped };
  /// Of a parcel. Poison: it fails while others get through; Suspect: it fails again and again; Gone: dropped, counted.
  enum class End { Taken, BadContent, Poison, Suspect, Gone, Stopped };

  /// What is known of a parcel that does not go through.
  struct Ordeal {
    std::uint64_t patience;  ///< after so many equal failures it is suspect
    std::uint64_t repeats = 0;
    std::uint64_t equal = 0;  ///< failures in a row, all of this status
    int status = 0;
    std::uint64_t alone = 0;      ///< failures since which others got through
    std::uint64_t successes = 0;  ///< of the destination, at the last failure
    bool tried_new_credentials = false;
  };

  void run();
  Fate deliver(journal::Record record);
  End send(Parcel& parcel, Ordeal& ordeal);
  bool too_old(const Parcel& parcel) const;
  bool speak(Parcel& parcel, RequestKind kind);

  // Of one try; nullopt: another one.
  std::optional<End> attempt(Parcel& parcel, Ordeal& ordeal);
  std::optional<End> weigh(const http::ClientResponse& reply, const Parcel& parcel, Ordeal& ordeal);
  std::optional<End> failed(const http::ClientResponse& reply, Ordeal& ordeal);
  std::optional<End> later(const std::string& why, std::optional<Milliseconds> asked, Ordeal& ordeal);
  void taken(const http::ClientResponse& reply, const Parcel& parcel);

  // What does not go through as it is: sender_refusal.cc.
  Fate settle(Parcel parcel);
  Fate take_apart(const Parcel& parcel);
  Fate isolate(Parcel& parcel, Ordeal& ordeal, End why);
  Parcel part_of(const wire::WriteRequest& whole, Part part, const Parcel& parcel) const;
  std::size_t put_culprits_last(std::vector<wire::Series>& series) const;
  void drop_culprit(const wire::Series* series, std::uint64_t samples, End why);

  const Destination& destination_;
  const std::uint32_t shard_;
  journal::Journal& queue_;
  DestinationState& state_;
  Poster poster_;
  std::minstd_rand random_{std::random_device{}()};
  std::deque<std::vector<wire::Label>> culprits_;  ///< series that the receiver fails at, the latest last
  std::string last_reply_;                         ///< to the parcel under way, for people
  int last_status_ = 0;
  std::stop_source stop_, cut_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;  ///< guarded by mutex_
  std::jthread thread_;     ///< last: it uses all of the above
};

}  // namespace tessera::relay
