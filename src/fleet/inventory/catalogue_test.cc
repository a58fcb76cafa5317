// The catalogue against what is known of the boards: names, memory, MIG and status, row by row.
#include "fleet/inventory/catalogue.h"

#include <gtest/gtest.h>

#include <set>

namespace tessera::fleet {
namespace {

constexpr auto kCurrent = ModelStatus::Current;
constexpr auto kOver = ModelStatus::EndOfLife;

constexpr struct {
  std::string_view nvml_name, key, architecture;
  unsigned memory_gib, mig_max_slices;
  ModelStatus status = kCurrent;
} kBoards[] = {
    {"NVIDIA GeForce GTX 1080", "GTX1080", "Pascal", 8, 0, kOver},
    {"GeForce GTX 1080 Ti", "GTX1080TI", "Pascal", 11, 0, kOver},
    {"NVIDIA TITAN Xp", "TITANXP", "Pascal", 12, 0, kOver},
    {"NVIDIA GeForce RTX 2080", "RTX2080", "Turing", 8, 0},
    {"NVIDIA GeForce RTX 2080 Ti", "RTX2080TI", "Turing", 11, 0},
    {"NVIDIA GeForce RTX 3080", "RTX3080", "Ampere", 10, 0},
    {"NVIDIA GeForce RTX 3090", "RTX3090", "Ampere", 24, 0},
    {"NVIDIA GeForce RTX 4080", "RTX4080", "Ada Lovelace", 16, 0},
    {"NVIDIA GeForce RTX 4090", "RTX4090", "Ada Lovelace", 24, 0},
    {"Tesla V100-SXM2-16GB", "V100_16GB", "Volta", 16, 0},
    {"Tesla V100-PCIE-32GB", "V100_32GB", "Volta", 32, 0},
    {"NVIDIA A100-SXM4-40GB", "A100_40GB", "Ampere", 40, 7},
    {"NVIDIA A100 80GB PCIe", "A100_80GB", "Ampere", 80, 7},
    {"NVIDIA H100 80GB HBM3", "H100_80GB", "Hopper", 80, 7},
    // Behind the fixed ones.
    {"NVIDIA H100 PCIe", "H100_80GB", "Hopper", 80, 7},
    {"NVIDIA H100 NVL", "H100_94GB", "Hopper", 94, 7},
    {"NVIDIA H20", "H20_96GB", "Hopper", 96, 7},
    {"NVIDIA GH200 480GB", "GH200_96GB", "Hopper", 96, 7},
    {"NVIDIA H200", "H200_141GB", "Hopper", 141, 7},
    {"NVIDIA H200 NVL", "H200_141GB", "Hopper", 141, 7},
    {"NVIDIA B200", "B200_180GB", "Blackwell", 180, 7},
    {"NVIDIA GB200", "GB200_186GB", "Blackwell", 186, 7},
    {"NVIDIA B300 SXM6 AC", "B300_288GB", "Blackwell", 288, 7},
    {"NVIDIA GB300", "GB300_288GB", "Blackwell", 288, 7},
    {"NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTXPRO6000", "Blackwell", 96, 4},
    {"NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTXPRO6000", "Blackwell", 96, 4},
    {"NVIDIA RTX PRO 5000 Blackwell", "RTXPRO5000", "Blackwell", 48, 2},
    {"NVIDIA A30", "A30", "Ampere", 24, 4},
    {"NVIDIA A10", "A10", "Ampere", 24, 0},
    {"NVIDIA A40", "A40", "Ampere", 48, 0},
    {"NVIDIA L4", "L4", "Ada Lovelace", 24, 0},
    {"NVIDIA L40", "L40", "Ada Lovelace", 48, 0},
    {"NVIDIA L40S", "L40S", "Ada Lovelace", 48, 0},
    {"Tesla T4", "T4", "Turing", 16, 0},
    {"NVIDIA GeForce RTX 5090", "RTX5090", "Blackwell", 32, 0},
    {"Tesla P100-PCIE-16GB", "P100_16GB", "Pascal", 16, 0},
    {"Tesla V100S-PCIE-32GB", "V100S_32GB", "Volta", 32, 0},
};
constexpr std::size_t kFixed = 14;

TEST(Catalogue, HasEveryBoardWithItsFigures) {
  std::set<std::string_view> keys;
  for (const auto& board : kBoards) {
    EXPECT_EQ(model_key_of(board.nvml_name), board.key);
    const Model* model = find_model(board.key);
    ASSERT_TRUE(model) << board.key;
    EXPECT_EQ(model->architecture, board.architecture) << board.key;
    EXPECT_EQ(model->memory_gib, board.memory_gib) << board.key;
    EXPECT_EQ(model->mig_max_slices, board.mig_max_slices) << board.key;
    EXPECT_EQ(model->status, board.status) << board.key;
    keys.insert(board.key);
  }
  EXPECT_EQ(models().size(), keys.size()) << "a model that is not held against anything";
}

TEST(Catalogue, TheFixedKeysComeFirstInTheirOrder) {
  for (std::size_t i = 0; i < kFixed; ++i) EXPECT_EQ(models()[i].key, kBoards[i].key) << i;
}

TEST(Catalogue, AnUnknownModelKeepsItsName) {
  EXPECT_EQ(model_key_of("NVIDIA Unheard Of 9000"), "NVIDIA Unheard Of 9000");
  EXPECT_FALSE(find_model("NVIDIA Unheard Of 9000"));
}

}  // namespace
}  // namespace tessera::fleet
