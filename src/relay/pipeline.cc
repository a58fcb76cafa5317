#include "relay/pipeline.h"

#include <algorithm>

#include "base/every.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

bool is_sent(const std::vector<std::unique_ptr<Forward>>& forwards) {
  return std::ranges::all_of(forwards, [](const auto& forward) {
    return std::ranges::all_of(forward->queues(), [](const auto& queue) { return queue.pending.records == 0; });
  });
}

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::start(Config config, const Options& options, ScrapeLoop::Scrapes before) {
  std::unique_ptr<Pipeline> self(new Pipeline(std::move(config)));
  std::vector<Outgoing> ways;
  for (const Destination& destination : self->config_.destinations) {
    self->forwards_.push_back(TRY(Forward::open(destination, options.data)));
    ways.push_back(self->forwards_.back()->outgoing());
  }
  self->loop_ = TRY(ScrapeLoop::open(self->config_.external_labels, std::move(ways), std::move(before)));
  ScrapeLoop& loop = *self->loop_;
  self->scraping_ = std::jthread([&loop](const std::stop_token& stop) { loop.run(stop); });
  self->discoverer_ = Discoverer::start(self->config_, options,
                                        [&loop](std::vector<Target> targets) { loop.set_targets(std::move(targets)); });
  return self;
}

Pipeline::~Pipeline() { stop(std::chrono::steady_clock::now()); }

void Pipeline::stop(SteadyTime deadline) {
  discoverer_.reset();
  if (scraping_.joinable()) {
    scraping_.request_stop();
    scraping_.join();
  }
  // Senders that go on empty the queues: a clean end leaves nothing for the next start.
  constexpr Milliseconds kLook = 20ms;
  while (!is_sent(forwards_) && std::chrono::steady_clock::now() < deadline)
    wait_until(std::min(deadline, std::chrono::steady_clock::now() + kLook), {});
  for (const auto& forward : forwards_) forward->request_stop();
  for (const auto& forward : forwards_) forward->finish(deadline);
}

}  // namespace tessera::relay
