#pragma once
#include <compare>
#include <optional>
#include <string>

namespace tessera::fleet {

/// Which part of a device: the whole, a GPU instance, or a compute instance in one.
struct Part {
  std::optional<unsigned> gpu_instance;
  std::optional<unsigned> compute_instance;
  auto operator<=>(const Part&) const = default;
};

/// "", "/1" or "/1/0": behind a device's name.
inline std::string part_name(const Part& part) {
  std::string out;
  if (part.gpu_instance) out += '/' + std::to_string(*part.gpu_instance);
  if (part.compute_instance) out += '/' + std::to_string(*part.compute_instance);
  return out;
}

}  // namespace tessera::fleet
