#pragma once
// A node as bytes, for servers that show what another one keeps.
#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/inventory/node.h"

namespace tessera::fleet {

std::string to_bytes(const Node& node);

/// Invalid for what to_bytes() of this version has not written. Defined on any bytes.
Result<Node> node_from_bytes(std::string_view bytes);

}  // namespace tessera::fleet
