#pragma once
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "relay/config.h"
#include "relay/discoverer.h"
#include "relay/scrape.h"

namespace tessera::relay {

/// Scrapes all, each once and all at the same time. Unavailable at the stop.
Result<void> scrape_once(const std::vector<std::unique_ptr<Scrape>>& scrapes, const std::stop_token& stop);

/// What every source has, once each has been read or has said why not.
struct Discovered {
  std::vector<Target> targets;
  std::vector<SourceStatus> sources;
  std::vector<Sifted::Dropped> dropped;
};

/// `also` is asked of the discovery before it ends. Unavailable at the stop.
Result<Discovered> discover_once(const Config& config, const Options& options, const std::stop_token& stop,
                                 const std::function<Result<void>(const Discoverer&)>& also = {});

}  // namespace tessera::relay
