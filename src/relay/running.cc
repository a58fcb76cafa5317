#include "relay/running.h"

#include <mutex>

namespace tessera::relay {

Result<void> Running::replace(Config config, const Options& options, SteadyTime deadline) {
  const std::unique_lock lock(mutex_);
  pipeline_->stop(deadline);
  const auto scrapes = pipeline_->scrapes();
  Config old = pipeline_->config();
  pipeline_.reset();  // the queues have one owner at a time
  auto started = Pipeline::start(std::move(config), options, scrapes);
  if (started) {
    pipeline_ = *std::move(started);
    return {};
  }
  auto again = Pipeline::start(std::move(old), options, scrapes);
  if (!again)
    return fail(Code::Internal, "{}; and the old one does not start again either: {}", started.error().what,
                again.error().what);
  pipeline_ = *std::move(again);
  return started.error();
}

void Running::stop(SteadyTime deadline) {
  const std::unique_lock lock(mutex_);
  if (pipeline_) pipeline_->stop(deadline);
}

void Running::note_reload(bool good) {
  good_ = good;
  if (good) when_ = now_epoch_ms();
}

}  // namespace tessera::relay
