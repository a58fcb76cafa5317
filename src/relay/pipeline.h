#pragma once
// All that runs under one configuration: discovery, the scrape thread, and a forward for each destination.
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "relay/config.h"
#include "relay/discoverer.h"
#include "relay/forward.h"
#include "relay/options.h"
#include "relay/scrape_loop.h"

namespace tessera::relay {

class Pipeline {
 public:
  /// `before` are the scrapes of the pipeline before, see ScrapeLoop::open.
  static Result<std::unique_ptr<Pipeline>> start(Config config, const Options& options,
                                                 ScrapeLoop::Scrapes before = {});
  /// stop() with a deadline that has passed.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  const Config& config() const { return config_; }
  const Discoverer& discoverer() const { return *discoverer_; }
  const ScrapeLoop& loop() const { return *loop_; }
  ScrapeLoop::Scrapes scrapes() const { return loop_->scrapes(); }
  const std::vector<std::unique_ptr<Forward>>& forwards() const { return forwards_; }

  /// No more is scraped, and what was scraped is queued. Then the queues are sent until they are empty or the deadline
  /// is there; what is left stays on disk.
  void stop(SteadyTime deadline);

 private:
  explicit Pipeline(Config config) : config_(std::move(config)) {}

  const Config config_;
  std::vector<std::unique_ptr<Forward>> forwards_;
  std::unique_ptr<ScrapeLoop> loop_;
  std::jthread scraping_;
  std::unique_ptr<Discoverer> discoverer_;  // last: it tells the loop of targets
};

}  // namespace tessera::relay
