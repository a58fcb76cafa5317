#include "relay/forward.h"

#include <algorithm>

#include "base/log.h"
#include "relay/queue_folders.h"

namespace tessera::relay {
namespace {
namespace fs = std::filesystem;

Result<std::vector<std::unique_ptr<journal::Journal>>> open_queues(const QueueSettings& settings, const fs::path& dir,
                                                                   std::size_t count) {
  std::vector<std::unique_ptr<journal::Journal>> queues;
  for (std::size_t i = 0; i < count; ++i)
    queues.push_back(TRY(journal::Journal::open(
        {.dir = dir / std::to_string(i), .max_bytes = settings.max_bytes / count, .max_age = settings.max_age})));
  return queues;
}

/// How many queues a destination's folder has: 0, 1, 2 and so on.
std::size_t count_queues(const fs::path& dir) {
  std::size_t count = 0;
  std::error_code unreadable;
  while (fs::is_directory(dir / std::to_string(count), unreadable)) ++count;
  return count;
}

bool is_empty(const std::vector<std::unique_ptr<journal::Journal>>& queues) {
  return std::ranges::all_of(queues, [](const auto& queue) { return queue->stats().pending.records == 0; });
}

/// The queues of before, and once they are empty as many as are wanted.
Result<std::vector<std::unique_ptr<journal::Journal>>> queues_of(const Destination& destination, const fs::path& dir) {
  const std::size_t wanted = destination.queue.shards;
  const std::size_t present = count_queues(dir);
  if (present == 0 || present == wanted) return open_queues(destination.queue, dir, wanted);
  auto queues = TRY(open_queues(destination.queue, dir, present));
  if (!is_empty(queues)) {
    log::warn(
        "number of shards not changed: their queues still hold samples, restart when they are sent",
        {{"destination", destination.name}, {"shards", std::to_string(present)}, {"wanted", std::to_string(wanted)}});
    return queues;
  }
  queues.clear();  // they hold their folders' locks
  std::error_code failed;
  for (std::size_t i = wanted; i < present; ++i) fs::remove_all(dir / std::to_string(i), failed);
  return open_queues(destination.queue, dir, wanted);
}

/// A request is a small part of its queue: one that is larger can never be queued, and one of half the size would be
/// dropped with the next.
BatchOptions batch_options(const Destination& destination, std::size_t queues) {
  constexpr std::uint64_t kRequestsInQueue = 8;
  constexpr std::uint64_t kFamilyBytes = 256;  // of the list of metadata: what the help of one may be
  BatchOptions out;
  out.max_samples = destination.queue.max_samples_per_send;
  out.max_bytes = std::min<std::uint64_t>(out.max_bytes, destination.queue.max_bytes / queues / kRequestsInQueue);
  out.max_metadata = std::min<std::uint64_t>(destination.metadata.max_per_send, out.max_bytes / kFamilyBytes);
  out.deadline = destination.queue.batch_deadline;
  return out;
}

}  // namespace

Forward::Forward(const Destination& destination) : destination_(destination), state_(destination) {}

Result<std::unique_ptr<Forward>> Forward::open(const Destination& destination, const fs::path& data) {
  auto queues = TRY(queues_of(destination, queue_folder(destination, data)));
  std::unique_ptr<Forward> forward(new Forward(destination));
  Forward* const self = forward.get();
  const BatchOptions options = batch_options(destination, queues.size());
  for (auto& queue : queues) {
    Shard shard;
    shard.queue = std::move(queue);
    journal::Journal* const into = shard.queue.get();
    shard.batch = std::make_unique<Batch>(
        options, [self] { return self->state_.kind(); },
        [self, into](const SealedBatch& sealed) { self->put(*into, sealed); });
    const auto number = static_cast<std::uint32_t>(forward->shards_.size());
    shard.sender = std::make_unique<Sender>(destination, number, *into, forward->state_);
    forward->shards_.push_back(std::move(shard));
  }
  return forward;
}

void Forward::put(journal::Journal& queue, const SealedBatch& sealed) {
  const auto put = queue.append(sealed.newest, sealed.samples, static_cast<std::uint8_t>(sealed.kind), sealed.body);
  if (!put) lost_ += sealed.samples;
  if (static_cast<bool>(put) == disk_ok_) return;
  disk_ok_ = static_cast<bool>(put);
  if (disk_ok_)
    log::info("queue takes samples again", {{"destination", destination_.name}});
  else
    log::error("queue takes no samples: they are lost until it does",
               {{"destination", destination_.name}, {"why", put.error().what}});
}

Outgoing Forward::outgoing() const {
  Outgoing way{&destination_, {}};
  for (const Shard& shard : shards_) way.shards.push_back(shard.batch.get());
  return way;
}

std::vector<journal::Stats> Forward::queues() const {
  std::vector<journal::Stats> all;
  for (const Shard& shard : shards_) all.push_back(shard.queue->stats());
  return all;
}

void Forward::request_stop() {
  for (const Shard& shard : shards_) shard.sender->request_stop();
}

void Forward::finish(SteadyTime deadline) {
  for (const Shard& shard : shards_) shard.sender->finish(deadline);
}

}  // namespace tessera::relay
