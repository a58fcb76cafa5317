#include "relay/running.h"

#include <mutex>
#include <utility>

#include "base/log.h"

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
      outcome = go_back(started.error(), std::exchange(before, nullptr), options, scrapes);
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

void Running::look_for_abandoned_queues(const std::filesystem::path& data) {
  if (!pipeline_) return;
  auto found = relay::abandoned_queues(pipeline_->config(), data);
  for (const AbandonedQueue& queue : found)
    log::warn("queue abandoned: no destination of the configuration has it, nobody sends it",
              {{"folder", queue.folder.string()},
               {"samples", std::to_string(queue.samples)},
               {"bytes", std::to_string(queue.bytes)},
               {"what_to_do", "name a destination like the folder to send it, or delete the folder"}});
  const std::unique_lock lock(mutex_);
  abandoned_ = std::move(found);
}

std::vector<AbandonedQueue> Running::abandoned_queues() const {
  const std::shared_lock lock(mutex_);
  auto out = abandoned_;
  std::error_code unreadable;
  std::erase_if(out, [&](const AbandonedQueue& queue) { return !std::filesystem::exists(queue.folder, unreadable); });
  return out;
}

void Running::note_reload(bool good) {
  good_ = good;
  if (good) when_ = now_epoch_ms();
}

}  // namespace tessera::relay
