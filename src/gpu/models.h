#pragma once
// The short names of GPU models, as people and budgets say them.
#include <optional>
#include <string_view>

namespace tessera::gpu {

/// `H100_80GB` of "NVIDIA H100 80GB HBM3", `RTX4090` of "GeForce RTX 4090". Takes NVML's names of all driver ages (with
/// and without "NVIDIA "), of MIG devices, and feature discovery's with `-` for blanks. Absent for a model that is not
/// in the table: it is then known by its NVML name.
std::optional<std::string_view> model_key(std::string_view nvml_name);

}  // namespace tessera::gpu
