#pragma once
// The server's second listener, for the cluster's API server and scheduler alone: TLS, and nothing but the webhook and
// the extender. Nobody is asked who he is there.
#include <memory>
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/admission/counts.h"
#include "server/allocations.h"
#include "server/keeper.h"
#include "server/leadership.h"

namespace tessera::server {

struct DoorOptions {
  std::string address;
  std::string certificate, key;  ///< files, read again when they change
  std::string cluster;           ///< which of the fleet's clusters asks
  Milliseconds check_files_every{2'000};
};

/// What is given outlives it.
struct Behind {
  const Latest<Published>& fleet;
  Allocations& allocations;
  const Leadership& leadership;
  AdmissionCounts& counts;
};

Result<std::unique_ptr<http::Server>> open_door(const DoorOptions& options, const Behind& behind);

std::vector<http::Route> door_routes(const std::string& cluster, const Behind& behind);

}  // namespace tessera::server
