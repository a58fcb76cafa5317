#pragma once
// Inside the room. How much of the time of late the clocks of busy devices were held down, beside others of their
// model.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "fleet/alerts/own_past.h"
#include "fleet/inventory/fleet.h"

namespace tessera::fleet::alerts {

/// As of what was noted, at the time of the view.
class NeighbourThrottling {
 public:
  NeighbourThrottling(const View& view, const OwnPast& past);

  /// Unknown while that of too few is known, as for some minutes after a restart; of a device that is not busy, or of
  /// whose model too few are, nothing is observed.
  void observe(const Device& device, const std::string& key, const std::shared_ptr<const Subject>& subject,
               Round& round) const;
  /// What is usual of the model's busy ones; absent where that of too few is known.
  std::optional<Centre> usual(const std::string& model) const;

 private:
  struct Model {
    std::size_t devices = 0;       ///< busy ones, known or not
    std::optional<Centre> centre;  ///< of those of which it is known
    double often = 0;              ///< a fifth of them is above this
  };
  std::optional<double> deviation(const Model& model, const std::string& key) const;

  const OwnPast& past_;
  const EpochMs now_;
  std::map<std::string, Model> models_;
};

}  // namespace tessera::fleet::alerts
