#pragma once
#include <compare>
#include <optional>

namespace tessera::fleet {

/// Which part of a device: the whole, a GPU instance, or a compute instance in one.
struct Part {
  std::optional<unsigned> gpu_instance;
  std::optional<unsigned> compute_instance;
  auto operator<=>(const Part&) const = default;
};

}  // namespace tessera::fleet
