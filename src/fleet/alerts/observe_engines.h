#pragma once
// Inside the room. Serving engines, as observations.
#include <map>
#include <memory>
#include <string>

#include "fleet/alerts/evaluator.h"
#include "fleet/inventory/fleet.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet::alerts {

/// Remembers engines that fall silent: they are observed as unknown until their pod has no process any longer, or for
/// an hour where nobody tells of processes.
class Engines {
 public:
  void observe(const View& view, const ServingView& serving, Round& round);

 private:
  struct Known {
    std::shared_ptr<const Subject> subject;
    std::shared_ptr<const Served> last;
  };
  std::map<std::string, Known> known_;  ///< by key
};

}  // namespace tessera::fleet::alerts
