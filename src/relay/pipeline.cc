#include "relay/pipeline.h"

#include <algorithm>

#include "base/every.h"
#include "relay/queue_folders.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

bool is_sent(const std::vector<std::unique_ptr<Forward>>& forwards) {
  return std::ranges::all_of(forwards, [](const auto& forward) {
    return std::ranges::all_of(forward->queues(), [](const auto& queue) { return queue.pending.records == 0; });
  });
}

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::start(Config config, const Options& options) {
  ScrapeLoop::Heritage none;
  return start(std::move(config), options, none);
}

Result<std::unique_ptr<Pipeline>> Pipeline::start(Config config, const Options& options, ScrapeLoop::Heritage& before) {
  std::unique_ptr<Pipeline> self(new Pipeline(std::move(config), options.data));
  std::vector<Outgoing> ways;
  for (const Destination& destination : self->config_.destinations) {
    self->forwards_.push_back(TRY(Forward::open(destination, options.data)));
    ways.push_back(self->forwards_.back()->outgoing());
  }
  self->loop_ = TRY(ScrapeLoop::open(self->config_.external_labels, std::move(ways), std::move(before)));
  ScrapeLoop& loop = *self->loop_;
  self->scraping_ = std::jthread([&loop](const std::stop_token& stop) { loop.run(stop); });
  self->discoverer_ = Discoverer::start(
      self->config_, options,
      [&loop](std::vector<Target> targets, std::set<std::string> unread) {
        loop.set_targets(std::move(targets), std::move(unread));
      },
      [&loop] { return loop.silent(); });
  return self;
}

Pipeline::~Pipeline() { stop(std::chrono::steady_clock::now()); }

void Pipeline::stop_scraping() {
  if (!scraping_.joinable()) return;
  scraping_.request_stop();
  scraping_.join();
}

void Pipeline::yield_queues(const Config& next, SteadyTime deadline) {
  std::set<std::filesystem::path> wanted;
  for (const Destination& destination : next.destinations) wanted.insert(queue_folder(destination, data_));
  for (const auto& forward : forwards_)
    if (wanted.contains(queue_folder(forward->destination(), data_))) yielded_.insert(forward.get());
  for (Forward* forward : yielded_) forward->request_stop();
  for (Forward* forward : yielded_) forward->finish(deadline);
}

ScrapeLoop::Heritage Pipeline::hand_over() {
  stop_scraping();
  std::erase_if(forwards_, [this](const auto& forward) { return yielded_.contains(forward.get()); });
  return loop_->hand_over();
}

void Pipeline::stop(SteadyTime deadline) {
  discoverer_.reset();
  stop_scraping();
  // Senders that go on empty the queues: a clean end leaves nothing for the next start.
  constexpr Milliseconds kLook = 20ms;
  while (!is_sent(forwards_) && std::chrono::steady_clock::now() < deadline)
    wait_until(std::min(deadline, std::chrono::steady_clock::now() + kLook), {});
  for (const auto& forward : forwards_) forward->request_stop();
  for (const auto& forward : forwards_) forward->finish(deadline);
}

}  // namespace tessera::relay
