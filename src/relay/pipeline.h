#pragma once
// All that runs under one configuration: discovery, the scrape thread, and a forward for each destination.
#include <filesystem>
#include <memory>
#include <set>
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
  static Result<std::unique_ptr<Pipeline>> start(Config config, const Options& options);
  /// Goes on with the scrapes of the pipeline before; an error leaves them as they are.
  static Result<std::unique_ptr<Pipeline>> start(Config config, const Options& options, ScrapeLoop::Heritage& before);
  /// stop() with a deadline that has passed.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// The replicas that are there from now on, as Share has them.
  void share_among(std::vector<unsigned> living) { discoverer_->share_among(std::move(living)); }

  const Config& config() const { return config_; }
  const Discoverer& discoverer() const { return *discoverer_; }
  const ScrapeLoop& loop() const { return *loop_; }
  ScrapeLoop::Scrapes scrapes() const { return loop_->scrapes(); }
  const std::vector<std::unique_ptr<Forward>>& forwards() const { return forwards_; }

  /// Ends the sending from those queues that another pipeline under `next` will open, while scraping goes on; requests
  /// under way may end until the deadline.
  void yield_queues(const Config& next, SteadyTime deadline);
  /// Scraping ends here, to go on in another pipeline, and the queues that were yielded are closed. What is left of
  /// this one is stop().
  ScrapeLoop::Heritage hand_over();

  /// No more is scraped, and what was scraped is queued. Then the queues are sent until they are empty or the deadline
  /// is there; what is left stays on disk.
  void stop(SteadyTime deadline);

 private:
  Pipeline(Config config, std::filesystem::path data) : config_(std::move(config)), data_(std::move(data)) {}
  void stop_scraping();

  const Config config_;
  const std::filesystem::path data_;
  std::set<Forward*> yielded_;
  std::vector<std::unique_ptr<Forward>> forwards_;
  std::unique_ptr<ScrapeLoop> loop_;
  std::jthread scraping_;
  std::unique_ptr<Discoverer> discoverer_;  // last: it tells the loop of targets
};

}  // namespace tessera::relay
