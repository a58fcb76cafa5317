#pragma once
// GET /status: the server of itself, for `tessera doctor --server` and whoever asks why.
#include "server/api.h"
#include "server/routes.h"

namespace tessera::server {

Json status_json(const Told& told);

}  // namespace tessera::server
