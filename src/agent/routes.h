#pragma once
// The agent's HTTP interface: everything is served from the last published collection.
#include <vector>

#include "agent/exposition.h"
#include "agent/observation.h"
#include "base/latest.h"
#include "http/server.h"

namespace tessera::agent {

struct Published {
  Observation seen;
  std::shared_ptr<const Exposition> exposition;
};

struct Scraping {
  Demand demand;
  std::atomic<std::uint64_t> served = 0;
};

/// `fresh_for`: how old the last collection may be before /livez and /readyz say so.
std::vector<http::Route> agent_routes(const Latest<Published>& latest, Scraping& scraping, Milliseconds fresh_for);

}  // namespace tessera::agent
