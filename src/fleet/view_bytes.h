#pragma once
// What a view is made of as bytes, for servers that show what another one keeps.
#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/inventory/node.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet {

std::string to_bytes(const Node& node);
std::string to_bytes(const Served& engine);

// Invalid for what to_bytes() of this version has not written. Defined on any bytes.
Result<Node> node_from_bytes(std::string_view bytes);
Result<Served> engine_from_bytes(std::string_view bytes);

}  // namespace tessera::fleet
