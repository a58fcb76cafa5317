#pragma once
// Kubernetes' amounts: "100m", "1.5", "2Gi", "1e3". Pure.
#include <optional>
#include <string_view>

namespace tessera::kube {

/// In the resource's unit: cores, bytes, devices. Nullopt for what is no quantity.
std::optional<double> parse_quantity(std::string_view text);

}  // namespace tessera::kube
