#pragma once
#include <map>
#include <string>

#include "base/duration.h"
#include "base/footprint.h"
#include "kube/watch.h"
#include "metrics/page.h"
#include "operator/counts.h"

namespace tessera::operate {

/// All that /metrics tells.
struct Overview {
  bool leads = false;
  Totals totals{};
  std::map<std::string, kube::WatchStats> watches{};  ///< by kind
  EpochMs started = 0;
};

metrics::Page self_metrics(const Overview& seen, const Footprint& process);

}  // namespace tessera::operate
