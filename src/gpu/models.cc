#include "gpu/models.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace tessera::gpu {
namespace {

struct Model {
  std::string_view name;  ///< NVML's, plain: lower case, blanks only, without the maker
  std::string_view key;
};

constexpr Model kModels[] = {
    {"geforce gtx 1080", "GTX1080"},
    {"geforce gtx 1080 ti", "GTX1080TI"},
    {"titan xp", "TITANXP"},
    {"tesla p100 pcie 16gb", "P100_16GB"},
    {"tesla p100 sxm2 16gb", "P100_16GB"},
    {"tesla v100 pcie 16gb", "V100_16GB"},
    {"tesla v100 sxm2 16gb", "V100_16GB"},
    {"tesla v100 pcie 32gb", "V100_32GB"},
    {"tesla v100 sxm2 32gb", "V100_32GB"},
    {"tesla v100s pcie 32gb", "V100S_32GB"},
    {"tesla t4", "T4"},
    {"t4", "T4"},
    {"geforce rtx 2080", "RTX2080"},
    {"geforce rtx 2080 ti", "RTX2080TI"},
    {"geforce rtx 3080", "RTX3080"},
    {"geforce rtx 3090", "RTX3090"},
    {"a10", "A10"},
    {"a40", "A40"},
    {"a30", "A30"},
    {"a100 pcie 40gb", "A100_40GB"},
    {"a100 sxm4 40gb", "A100_40GB"},
    {"a100 80gb pcie", "A100_80GB"},
    {"a100 sxm4 80gb", "A100_80GB"},
    {"geforce rtx 4080", "RTX4080"},
    {"geforce rtx 4090", "RTX4090"},
    {"l4", "L4"},
    {"l40", "L40"},
    {"l40s", "L40S"},
    {"h100 pcie", "H100_80GB"},
    {"h100 80gb hbm3", "H100_80GB"},
    {"h100 nvl", "H100_94GB"},
    {"h20", "H20_96GB"},
    {"gh200 480gb", "GH200_96GB"},  // the name counts the host's memory
    {"h200", "H200_141GB"},
    {"h200 nvl", "H200_141GB"},
    {"b200", "B200_180GB"},
    {"gb200", "GB200_186GB"},
    {"b300 sxm6 ac", "B300_288GB"},
    {"gb300", "GB300_288GB"},
    {"rtx pro 6000 blackwell workstation edition", "RTXPRO6000"},
    {"rtx pro 6000 blackwell max q workstation edition", "RTXPRO6000"},
    {"rtx pro 6000 blackwell server edition", "RTXPRO6000"},
    {"rtx pro 5000 blackwell", "RTXPRO5000"},
    {"geforce rtx 5090", "RTX5090"},
};

/// Without what varies by driver age and by who writes the name down.
std::string plain(std::string_view name) {
  std::string out = lower(trim(name));
  std::ranges::replace_if(out, [](char c) { return c == '-' || c == '_'; }, ' ');
  constexpr std::string_view kMaker = "nvidia ";
  if (out.starts_with(kMaker)) out.erase(0, kMaker.size());
  return out.substr(0, out.find(" mig "));
}

}  // namespace

std::optional<std::string_view> model_key(std::string_view nvml_name) {
  const std::string name = plain(nvml_name);
  const auto* found = std::ranges::find(kModels, name, &Model::name);
  if (found == std::end(kModels)) return std::nullopt;
  return found->key;
}

}  // namespace tessera::gpu
