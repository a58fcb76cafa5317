#pragma once
// GPU models as data: what people call them, and what no series of a foreign exporter tells. Figures that a driver
// reports stand above these.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tessera::fleet {

enum class ModelStatus : std::uint8_t { Current, EndOfLife };

struct Model {
  std::string_view key;  ///< "H100_80GB"
  std::string_view name;
  std::string_view architecture;
  unsigned memory_gib = 0;      ///< as marketed
  unsigned mig_max_slices = 0;  ///< compute slices of the whole device; 0: not MIG-capable
  ModelStatus status = ModelStatus::Current;
};

/// The fixed keys first, in their order, then the others.
std::span<const Model> models();

/// Null for a key that is not in the catalogue.
const Model* find_model(std::string_view key);

/// `H100_80GB` of "NVIDIA H100 80GB HBM3". A model that is in no table is known by its NVML name, never dropped.
std::string model_key_of(std::string_view nvml_name);

/// `H100_2G20GB` of the model's key and "2g.20gb"; `_ME`, `_ME_ALL`, `_GFX` and `_NO_ME` stand for a profile's
/// attribute. Absent for a model that is not in the catalogue and for what is no profile.
std::optional<std::string> profile_key(std::string_view model_key, std::string_view profile);

}  // namespace tessera::fleet
