#include "relay/running.h"

#include <mutex>

namespace tessera::relay {

Result<void> Running::replace(Config config, const Options& given, SteadyTime deadline) {
  pipeline_->yield_queues(config, deadline);  // not locked: this thread alone replaces it, and scraping goes on
  std::unique_ptr<Pipeline> before;
  Result<void> outcome;
  {
    const std::unique_lock lock(mutex_);
    Options options = given;
    options.share.living = living_;
    before = std::move(pipeline_);
    auto scrapes = before->hand_over();
    auto started = Pipeline::start(std::move(config), options, scrapes);
    if (started)
      pipeline_ = *std::move(started);
    else
      outcome = go_back(started.error(), std::move(before), options, scrapes);
  }
  if (before) before->stop(deadline);
  return outcome;
}

Error Running::go_back(const Error& why, std::unique_ptr<Pipeline> before, const Options& options,
                       ScrapeLoop::Heritage& scrapes) {
  Config old = before->config();
  before.reset();  // queues have one owner at a time
  auto again = Pipeline::start(std::move(old), options, scrapes);
  if (!again)
    return fail(Code::Internal, "{}; and the old one does not start again either: {}", why.what, again.error().what);
  pipeline_ = *std::move(again);
  return why;
}

void Running::stop(SteadyTime deadline) {
  const std::unique_lock lock(mutex_);
  if (pipeline_) pipeline_->stop(deadline);
}

void Running::share_among(const std::vector<unsigned>& living) {
  const std::unique_lock lock(mutex_);
  living_ = living;
  if (pipeline_) pipeline_->share_among(living);
}

void Running::note_reload(bool good) {
  good_ = good;
  if (good) when_ = now_epoch_ms();
}

}  // namespace tessera::relay
