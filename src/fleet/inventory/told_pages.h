#pragma once
// For tests: a fleet that is told pages of exposition text, as a sender of remote write would tell them.
#include <map>
#include <set>
#include <string>

#include "fleet/inventory/fleet.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet {

class ToldPages {
 public:
  explicit ToldPages(FleetOptions options = {}) : fleet(std::move(options)) {}

  /// A scrape of the target `job`: what it told before and does not tell now ends, as Prometheus and the relay have it.
  /// `labels` are the target's, as `node="a",job="x"`.
  void scrape(EpochMs time, const std::string& labels, const std::string& page);

  /// All series are forgotten, as those are that nobody has sent for long.
  void forget();

  Fleet fleet;
  Serving serving;

 private:
  struct Known {
    bool serves = false;  ///< a slot of `serving`, not of `fleet`
    Slot slot = kNothing;
  };
  std::map<std::string, Known> slots_;                        ///< by series
  std::map<std::string, std::set<std::string>> last_scrape_;  ///< series by target
};

/// The only node, or the one of that name; the test fails where there is none.
const Node& node_of(const View& view, const std::string& name = "");
const Device& device_of(const View& view, unsigned index, const std::string& node = "");

}  // namespace tessera::fleet
