// Whole plans as they are printed: golden/NAME.yaml comes to golden/NAME.objects.yaml.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "operator/dry_run.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

TEST(Golden, EachManifestComesToTheseObjects) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_SOURCE_DIR "/src/operator/golden")) {
    const std::string file = entry.path().string();
    if (file.ends_with(".objects.yaml")) continue;
    const std::string objects = file.substr(0, file.size() - std::string_view(".yaml").size()) + ".objects.yaml";
    const std::string printed = must(dry_run({.file = file, .minor = 30}));
    EXPECT_TRUE(printed == must(read_file(objects)))
        << objects << " differs: tessera-operator --once --dry-run --file " << file << " prints what to look at";
    ++seen;
  }
  EXPECT_EQ(seen, 4);
}

}  // namespace
}  // namespace tessera::operate
