#pragma once
// GET /status: the server of itself, for `tessera doctor --server` and whoever asks why.
#include "server/api.h"
#include "server/routes.h"

namespace tessera::server {

Json status_json(const Told& told);
/// Its member `cluster`; nullopt: none is watched.
Json cluster_json(const std::optional<ClusterWatchStats>& watched);

}  // namespace tessera::server
