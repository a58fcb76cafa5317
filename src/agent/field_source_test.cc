#include "agent/field_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::agent {
namespace {

class FieldSourceTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    ASSERT_TRUE(write_file_atomically(dir_.path() / name, text));
  }
  std::unique_ptr<FieldSource> open(const std::string& name) {
    auto source = FieldSource::open((dir_.path() / name).string(), DcgmNames::V4_8);
    EXPECT_TRUE(source) << (source ? "" : source.error().what);
    return *std::move(source);
  }
  TempDir dir_;
};
constexpr std::string_view kTemperature = "DCGM_FI_DEV_GPU_TEMP, gauge, Temperature.\n";
constexpr std::string_view kTwo = "DCGM_FI_DEV_GPU_TEMP, gauge, Temperature.\nDCGM_FI_DEV_SM_CLOCK, gauge, Clock.\n";

TEST_F(FieldSourceTest, ABadFileAtStartIsAnErrorWithItsLine) {
  write("a.csv", "DCGM_FI_DEV_GPU_TEMP, gauge, Temperature.\nDCGM_FI_NO_SUCH, gauge, x\n");
  const auto source = FieldSource::open((dir_.path() / "a.csv").string(), DcgmNames::V4_8);
  ASSERT_FALSE(source);
  EXPECT_THAT(source.error().what, testing::HasSubstr("a.csv:2"));
}

TEST_F(FieldSourceTest, AFileThatCannotBeReadSaysWhatToDo) {
  const auto source = FieldSource::open((dir_.path() / "none.csv").string(), DcgmNames::V4_8);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Code::NotFound);
  EXPECT_THAT(source.error().what, testing::HasSubstr("none.csv: No such file"));
  EXPECT_THAT(source.error().what, testing::HasSubstr("by --collectors or DCGM_EXPORTER_COLLECTORS, or none"));
}

TEST_F(FieldSourceTest, AChangedFileIsReadAndABadOneLeavesTheLastGood) {
  write("a.csv", kTemperature);
  const auto source = open("a.csv");
  write("a.csv", kTwo);
  source->refresh(false);
  EXPECT_EQ(source->fields()->values.size(), 2U);
  write("a.csv", "nonsense\n");
  source->refresh(false);
  EXPECT_FALSE(source->last_reload_ok());
  EXPECT_EQ(source->fields()->values.size(), 2U);
  write("a.csv", kTemperature);
  source->refresh(false);
  EXPECT_TRUE(source->last_reload_ok());
  EXPECT_EQ(source->fields()->values.size(), 1U);
}

TEST_F(FieldSourceTest, AConfigMapsSymlinkSwapIsSeen) {
  namespace fs = std::filesystem;
  fs::create_directory(dir_.path() / "v1");
  fs::create_directory(dir_.path() / "v2");
  write("v1/a.csv", kTemperature);
  write("v2/a.csv", kTwo);
  fs::create_directory_symlink("v1", dir_.path() / "..data");
  fs::create_symlink("..data/a.csv", dir_.path() / "a.csv");
  const auto source = open("a.csv");
  fs::create_directory_symlink("v2", dir_.path() / "..data_tmp");
  fs::rename(dir_.path() / "..data_tmp", dir_.path() / "..data");
  source->refresh(false);
  EXPECT_EQ(source->fields()->values.size(), 2U);
}

TEST_F(FieldSourceTest, AForcedReloadReadsAnUnchangedFile) {
  write("a.csv", kTemperature);
  const auto source = open("a.csv");
  const auto before = source->fields();
  source->refresh(false);
  EXPECT_EQ(source->fields(), before);
  source->refresh(true);
  EXPECT_NE(source->fields(), before);
}

}  // namespace
}  // namespace tessera::agent
