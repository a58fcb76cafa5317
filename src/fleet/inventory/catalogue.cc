#include "fleet/inventory/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "gpu/models.h"
#include "gpu/profile_name.h"

namespace tessera::fleet {
namespace {

constexpr auto kEndOfLife = ModelStatus::EndOfLife;
constexpr Model kModels[] = {
    {"GTX1080", "GeForce GTX 1080", "Pascal", 8, 0, kEndOfLife},
    {"GTX1080TI", "GeForce GTX 1080 Ti", "Pascal", 11, 0, kEndOfLife},
    {"TITANXP", "TITAN Xp", "Pascal", 12, 0, kEndOfLife},
    {"RTX2080", "GeForce RTX 2080", "Turing", 8},
    {"RTX2080TI", "GeForce RTX 2080 Ti", "Turing", 11},
    {"RTX3080", "GeForce RTX 3080", "Ampere", 10},
    {"RTX3090", "GeForce RTX 3090", "Ampere", 24},
    {"RTX4080", "GeForce RTX 4080", "Ada Lovelace", 16},
    {"RTX4090", "GeForce RTX 4090", "Ada Lovelace", 24},
    {"V100_16GB", "Tesla V100 16 GB", "Volta", 16},
    {"V100_32GB", "Tesla V100 32 GB", "Volta", 32},
    {"A100_40GB", "A100 40 GB", "Ampere", 40, 7},
    {"A100_80GB", "A100 80 GB", "Ampere", 80, 7},
    {"H100_80GB", "H100 80 GB", "Hopper", 80, 7},
    {"H100_94GB", "H100 NVL", "Hopper", 94, 7},
    {"H20_96GB", "H20", "Hopper", 96, 7},
    {"GH200_96GB", "GH200 96 GB", "Hopper", 96, 7},
    {"H200_141GB", "H200", "Hopper", 141, 7},
    {"B200_180GB", "B200", "Blackwell", 180, 7},
    {"GB200_186GB", "GB200", "Blackwell", 186, 7},
    {"B300_288GB", "B300", "Blackwell", 288, 7},
    {"GB300_288GB", "GB300", "Blackwell", 288, 7},
    {"RTXPRO6000", "RTX PRO 6000 Blackwell", "Blackwell", 96, 4},
    {"RTXPRO5000", "RTX PRO 5000 Blackwell", "Blackwell", 48, 2},
    {"A30", "A30", "Ampere", 24, 4},
    {"A10", "A10", "Ampere", 24},
    {"A40", "A40", "Ampere", 48},
    {"L4", "L4", "Ada Lovelace", 24},
    {"L40", "L40", "Ada Lovelace", 48},
    {"L40S", "L40S", "Ada Lovelace", 48},
    {"T4", "T4", "Turing", 16},
    {"RTX5090", "GeForce RTX 5090", "Blackwell", 32},
    {"P100_16GB", "Tesla P100 16 GB", "Pascal", 16},
    {"V100S_32GB", "Tesla V100S 32 GB", "Volta", 32},
};

}  // namespace

std::span<const Model> models() { return kModels; }

const Model* find_model(std::string_view key) {
  const auto* found = std::ranges::find(kModels, key, &Model::key);
  return found == std::end(kModels) ? nullptr : found;
}

std::string model_key_of(std::string_view nvml_name) {
  return std::string(gpu::model_key(nvml_name).value_or(nvml_name));
}

std::optional<std::string> profile_key(std::string_view model_key, std::string_view profile) {
  const auto name = gpu::parse_profile_name(profile);
  if (!name || !find_model(model_key)) return std::nullopt;
  const bool is_part = name->compute_slices != name->gpu_instance_slices;
  std::string attribute;
  if (name->attribute == "-me")
    attribute = "_NO_ME";
  else
    for (const char c : name->attribute)
      attribute += c == '+' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format("{}_{}{}G{}GB{}", model_key.substr(0, model_key.find('_')),
                     is_part ? fmt::format("{}C", name->compute_slices) : "", name->gpu_instance_slices,
                     name->gigabytes, attribute);
}

}  // namespace tessera::fleet
