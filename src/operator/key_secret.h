#pragma once
// Inside the room: the Secret of API keys, made once.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "operator/plan.h"

namespace tessera::operate {

/// A key as `tessera-server keys generate` makes one.
Result<std::string> make_api_key();

/// The Secret with new keys; it goes with its resource.
Result<nlohmann::ordered_json> key_secret_object(const GpuMonitor& monitor, const KeySecret& secret);

}  // namespace tessera::operate
