#pragma once
// One destination, whole: for each of its shards an open request, a queue on disk and a sender. A target's samples all
// go through one shard, which is what keeps the samples of a series in order.
#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.h"
#include "journal/journal.h"
#include "relay/batch.h"
#include "relay/config.h"
#include "relay/destination_state.h"
#include "relay/scrape_loop.h"
#include "relay/sender.h"

namespace tessera::relay {

class Forward {
 public:
  /// Opens the queues under `data`, and goes on sending what they hold. As many shards as there were before, for as
  /// long as any of them holds something: a series that changed shards would overtake itself.
  static Result<std::unique_ptr<Forward>> open(const Destination& destination, const std::filesystem::path& data);

  const Destination& destination() const { return destination_; }
  const DestinationState& state() const { return state_; }
  Outgoing outgoing() const;                             ///< for the scrape thread
  std::vector<journal::Stats> queues() const;            ///< a shard each
  std::uint64_t lost_unqueued() const { return lost_; }  ///< samples that the disk did not take

  /// No more is sent, but what is under way may end until the deadline.
  void request_stop();
  void finish(SteadyTime deadline);

 private:
  struct Shard {
    std::unique_ptr<journal::Journal> queue;
    std::unique_ptr<Batch> batch;
    std::unique_ptr<Sender> sender;  // ends before its queue
  };
  explicit Forward(const Destination& destination);
  void put(journal::Journal& queue, const SealedBatch& sealed);

  const Destination& destination_;
  DestinationState state_;
  std::vector<Shard> shards_;
  std::atomic<std::uint64_t> lost_ = 0;
  bool disk_ok_ = true;  ///< of the scrape thread: told when it changes
};

}  // namespace tessera::relay
