#pragma once
// Sessions and holders by the device that they stand on: what stands on one device says nothing of another.
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/observation.h"

namespace tessera::agent {

/// Points into the observation: while this lives, neither its lists nor the UUIDs of their subjects change.
class ByDevice {
 public:
  struct Here {
    std::vector<Session*> sessions;    ///< in the observation's order
    std::vector<Allocation*> holders;  ///< likewise
  };
  explicit ByDevice(Observation& seen);
  /// Of the physical device, its instances included; empty where nothing stands.
  const Here& at(const std::string& uuid) const;

 private:
  std::unordered_map<std::string_view, Here> devices_;
};

}  // namespace tessera::agent
