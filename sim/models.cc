#include "sim/models.h"

#include <algorithm>

#include "nvml/abi.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

// Names, SM counts, board power, compute capability and the PCI ids of MIG-capable parts are published. Clocks, idle
// power, the driver's reserve and the other PCI ids are plausible values: nothing in the product may depend on them.
// clang-format off: a table
constexpr Model kModels[] = {
    // key, name, arch, cc, brand, MiB, reserved, SM, cores, bus, W, idle, min, SM MHz, mem MHz, PCI, fans, gen, links,
    // v
    {"gtx_1080", "NVIDIA GeForce GTX 1080", kPascal, 6, 1, kBrandGeForce, 8192, 73, 20, 128, 256, 180, 8, 90, 1911,
     5005, 0x1B80, 1, 3, 0, 0, false, false, nullptr},
    {"gtx_1080_ti", "NVIDIA GeForce GTX 1080 Ti", kPascal, 6, 1, kBrandGeForce, 11264, 86, 28, 128, 352, 250, 9,
     125, 1911, 5505, 0x1B06, 1, 3, 0, 0, false, false, nullptr},
    {"titan_xp", "NVIDIA TITAN Xp", kPascal, 6, 1, kBrandGeForce, 12288, 92, 30, 128, 384, 250, 9, 125, 1911, 5705,
     0x1B02, 1, 3, 0, 0, false, false, nullptr},
    {"rtx_2080", "NVIDIA GeForce RTX 2080", kTuring, 7, 5, kBrandGeForceRtx, 8192, 210, 46, 64, 256, 215, 10, 125,
     2100, 7000, 0x1E87, 2, 3, 1, 2, false, false, nullptr},
    {"rtx_2080_ti", "NVIDIA GeForce RTX 2080 Ti", kTuring, 7, 5, kBrandGeForceRtx, 11264, 245, 68, 64, 352, 250,
     12, 100, 2100, 7000, 0x1E07, 2, 3, 2, 2, false, false, nullptr},
    {"rtx_3080", "NVIDIA GeForce RTX 3080", kAmpere, 8, 6, kBrandGeForceRtx, 10240, 222, 68, 128, 320, 320, 15,
     100, 2100, 9501, 0x2206, 2, 4, 0, 0, false, false, nullptr},
    {"rtx_3090", "NVIDIA GeForce RTX 3090", kAmpere, 8, 6, kBrandGeForceRtx, 24576, 308, 82, 128, 384, 350, 18,
     100, 2100, 9751, 0x2204, 2, 4, 4, 3, false, false, nullptr},
    {"rtx_4080", "NVIDIA GeForce RTX 4080", kAda, 8, 9, kBrandGeForceRtx, 16376, 342, 76, 128, 256, 320, 12, 150,
     3105, 11201, 0x2704, 2, 4, 0, 0, false, false, nullptr},
    {"rtx_4090", "NVIDIA GeForce RTX 4090", kAda, 8, 9, kBrandGeForceRtx, 24564, 367, 128, 128, 384, 450, 16, 150,
     3105, 10501, 0x2684, 2, 4, 0, 0, false, false, nullptr},
    {"v100_pcie_16gb", "Tesla V100-PCIE-16GB", kVolta, 7, 0, kBrandTesla, 16384, 224, 80, 64, 4096, 250, 25, 100,
     1380, 877, 0x1DB4, 0, 3, 0, 0, true, true, nullptr},
    {"v100_sxm2_16gb", "Tesla V100-SXM2-16GB", kVolta, 7, 0, kBrandTesla, 16384, 224, 80, 64, 4096, 300, 40, 150,
     1530, 877, 0x1DB1, 0, 3, 6, 2, true, true, nullptr},
    {"v100_pcie_32gb", "Tesla V100-PCIE-32GB", kVolta, 7, 0, kBrandTesla, 32768, 258, 80, 64, 4096, 250, 25, 100,
     1380, 877, 0x1DB6, 0, 3, 0, 0, true, true, nullptr},
    {"v100_sxm2_32gb", "Tesla V100-SXM2-32GB", kVolta, 7, 0, kBrandTesla, 32768, 258, 80, 64, 4096, 300, 40, 150,
     1530, 877, 0x1DB5, 0, 3, 6, 2, true, true, nullptr},
    {"t4", "Tesla T4", kTuring, 7, 5, kBrandTesla, 15360, 450, 40, 64, 256, 70, 9, 60, 1590, 5001, 0x1EB8, 0, 3, 0,
     0, true, false, nullptr},
    {"a30", "NVIDIA A30", kAmpere, 8, 0, kBrandNvidia, 24576, 316, 56, 64, 3072, 165, 28, 100, 1440, 1215, 0x20B7,
     0, 4, 4, 3, true, true, &kMigA30},
    {"a100_pcie_40gb", "NVIDIA A100-PCIE-40GB", kAmpere, 8, 0, kBrandNvidia, 40960, 625, 108, 64, 5120, 250, 36,
     150, 1410, 1215, 0x20F1, 0, 4, 12, 3, true, true, &kMigA100_40},
    {"a100_sxm4_40gb", "NVIDIA A100-SXM4-40GB", kAmpere, 8, 0, kBrandNvidia, 40960, 625, 108, 64, 5120, 400, 50,
     100, 1410, 1215, 0x20B0, 0, 4, 12, 3, true, true, &kMigA100_40},
    {"a100_pcie_80gb", "NVIDIA A100 80GB PCIe", kAmpere, 8, 0, kBrandNvidia, 81920, 737, 108, 64, 5120, 300, 45,
     150, 1410, 1512, 0x20B5, 0, 4, 12, 3, true, true, &kMigA100_80},
    {"a100_sxm4_80gb", "NVIDIA A100-SXM4-80GB", kAmpere, 8, 0, kBrandNvidia, 81920, 737, 108, 64, 5120, 400, 62,
     100, 1410, 1593, 0x20B2, 0, 4, 12, 3, true, true, &kMigA100_80},
    {"l4", "NVIDIA L4", kAda, 8, 9, kBrandNvidia, 23034, 459, 58, 128, 192, 72, 12, 40, 2040, 6251, 0x27B8, 0, 4,
     0, 0, true, false, nullptr},
    {"l40s", "NVIDIA L40S", kAda, 8, 9, kBrandNvidia, 46068, 600, 142, 128, 384, 350, 33, 100, 2520, 9001, 0x26B9,
     0, 4, 0, 0, true, false, nullptr},
    {"h100_pcie", "NVIDIA H100 PCIe", kHopper, 9, 0, kBrandNvidia, 81559, 551, 114, 128, 5120, 350, 47, 200, 1755,
     1593, 0x2331, 0, 5, 18, 4, true, true, &kMigH100Pcie},
    {"h100_sxm", "NVIDIA H100 80GB HBM3", kHopper, 9, 0, kBrandNvidia, 81559, 551, 132, 128, 5120, 700, 70, 200,
     1980, 2619, 0x2330, 0, 5, 18, 4, true, true, &kMigH100Sxm},
    {"h200", "NVIDIA H200", kHopper, 9, 0, kBrandNvidia, 143771, 606, 132, 128, 6144, 700, 76, 200, 1980, 3201,
     0x2335, 0, 5, 18, 4, true, true, &kMigH200},
    {"b200", "NVIDIA B200", kBlackwell, 10, 0, kBrandNvidia, 183359, 718, 148, 128, 8192, 1000, 140, 200, 1965,
     3996, 0x2901, 0, 5, 18, 5, true, true, &kMigB200},
    {"rtx_pro_6000", "NVIDIA RTX PRO 6000 Blackwell Server Edition", kBlackwell, 12, 0, kBrandRtx, 97887, 638, 188,
     128, 512, 600, 30, 300, 2430, 12481, 0x2BB5, 0, 5, 0, 0, true, false, &kMigRtxPro6000},
    {"rtx_pro_6000_ws", "NVIDIA RTX PRO 6000 Blackwell Workstation Edition", kBlackwell, 12, 0, kBrandRtx, 97887,
     638, 188, 128, 512, 600, 14, 150, 2617, 14001, 0x2BB1, 2, 5, 0, 0, true, false, &kMigRtxPro6000},
};
// clang-format on

}  // namespace

std::span<const Model> models() { return kModels; }

const Model* find_model(std::string_view key) {
  const auto* row = std::ranges::find(kModels, key, &Model::key);
  return row == std::end(kModels) ? nullptr : row;
}

// RTX PRO 6000 counts as having GPM: it is Blackwell and has MIG; nothing published says otherwise.
bool has_gpm(const Model& model) { return model.data_center && model.architecture >= kHopper; }
bool has_thermal_margin(const Model& model) { return model.data_center && model.architecture >= kAda; }
bool has_remapped_rows(const Model& model) { return model.data_center && model.architecture >= kAmpere; }
bool has_retired_pages(const Model& model) { return model.data_center && model.architecture < kAmpere; }
bool has_energy(const Model& model) { return model.architecture >= kVolta; }

}  // namespace tessera::sim
