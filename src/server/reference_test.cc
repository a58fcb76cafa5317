#include "server/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;

TEST(ServerMetricsReference, IsTheOneInDocs) {
  const auto written = read_file(TESSERA_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_THAT(*written, HasSubstr(metrics_reference())) << "run ./dev docs and commit docs/metrics.md";
}

TEST(SettingsReference, IsTheOneInDocs) {
  const auto written = read_file(TESSERA_SOURCE_DIR "/docs/configuration.md");
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_THAT(*written, HasSubstr(settings_reference()))
      << "put what build/release/bin/metrics_reference --settings prints into docs/configuration.md";
}

}  // namespace
}  // namespace tessera::server
