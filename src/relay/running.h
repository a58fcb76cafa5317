#pragma once
// The pipeline that runs, and its replacement by another while requests ask about it. Thread contract: one thread
// replaces and stops, any looks.
#include <atomic>
#include <memory>
#include <shared_mutex>

#include "base/result.h"
#include "relay/pipeline.h"
#include "relay/queue_folders.h"

namespace tessera::relay {

class Running {
 public:
  explicit Running(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

  /// What `ask` returns of the pipeline, or its type's default where none runs any more.
  template <class Ask>
  auto ask(const Ask& ask) const {
    const std::shared_lock lock(mutex_);
    return pipeline_ ? ask(static_cast<const Pipeline&>(*pipeline_)) : decltype(ask(*pipeline_)){};
  }
  bool runs() const {
    const std::shared_lock lock(mutex_);
    return pipeline_ != nullptr;
  }

  /// Another pipeline goes on where the old one ended, with its scrapes under way and with those of its queues that it
  /// names too; the others are sent until the deadline. If the new one cannot start, the old configuration is started
  /// anew, and the error says why. If that cannot start either, none runs any more.
  Result<void> replace(Config config, const Options& options, SteadyTime deadline);
  void stop(SteadyTime deadline);

  /// The replicas that are there from now on, under this configuration and those to come.
  void share_among(const std::vector<unsigned>& living);

  /// Looks for queues that nobody sends, and says so on the log. By the thread that replaces.
  void look_for_abandoned_queues(const std::filesystem::path& data);
  /// Those of them whose folders are still there.
  std::vector<AbandonedQueue> abandoned_queues() const;

  void note_reload(bool good);
  bool last_reload_good() const { return good_; }
  EpochMs last_good_reload() const { return when_; }

 private:
  Error go_back(const Error& why, std::unique_ptr<Pipeline> before, const Options& options,
                ScrapeLoop::Heritage& scrapes);

  mutable std::shared_mutex mutex_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<AbandonedQueue> abandoned_;  // guarded by mutex_
  std::vector<unsigned> living_;           // guarded by mutex_
  std::atomic<bool> good_ = true;
  std::atomic<EpochMs> when_ = now_epoch_ms();
};

}  // namespace tessera::relay
