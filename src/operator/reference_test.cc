#include "operator/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::operate {
namespace {

TEST(OperatorMetricsReference, IsTheOneInDocs) {
  const auto written = read_file(TESSERA_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_THAT(*written, testing::HasSubstr(metrics_reference())) << "run ./dev docs and commit docs/metrics.md";
}

}  // namespace
}  // namespace tessera::operate
