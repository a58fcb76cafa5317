#pragma once
// Inside this room: settings that come from the environment, as Spring's relaxed binding names them.
#include <optional>
#include <string>
#include <string_view>

#include "config/yaml.h"
#include "server/settings.h"

namespace tessera::server {

enum class Shape : std::uint8_t { Text, Value, List, Map };

/// `gpu.management.metrics.collection-interval` is GPU_MANAGEMENT_METRICS_COLLECTIONINTERVAL.
std::string variable_of(std::string_view key);

/// The value under the key's variable, also with `_` for `-`; nothing where none is set or it is empty. A list is
/// separated by commas.
Result<std::optional<config::Node>> from_environment(std::string_view key, Shape shape, const Environment& environment);

}  // namespace tessera::server
