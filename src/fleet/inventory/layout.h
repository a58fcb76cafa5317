#pragma once
// What a device was cut into, as a value and as the text that is kept of it.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/inventory/node.h"

namespace tessera::fleet {

/// What a device was cut into from this time on.
struct LayoutSeen {
  std::string cluster;
  std::string device_uuid;
  EpochMs time = 0;
  bool mig = false;  ///< without it there are no instances
  std::vector<std::pair<Part, std::shared_ptr<const InstanceFacts>>> instances;
};

/// `-` without MIG; else instances separated by `|`, as `3.0 2g.20gb 0+2`: GPU and compute instance, profile, place and
/// size, as far as they are known.
std::string layout_text(const LayoutSeen& seen);
/// Of what layout_text() has written; what is not of its form is left out.
void read_layout(std::string_view text, LayoutSeen& into);

}  // namespace tessera::fleet
