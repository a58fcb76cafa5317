#include "relay/reference.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::relay {
namespace {

TEST(RelayMetricsReference, IsTheOneInDocs) {
  const auto written = read_file(TESSERA_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(written) << written.error().what;
  const auto begin = written->find("\n# Metrics of tessera-relay\n");
  ASSERT_NE(begin, std::string::npos) << "run ./dev docs and commit docs/metrics.md";
  const auto end = written->find("\n# Metrics of tessera-server\n");
  ASSERT_NE(end, std::string::npos) << "run ./dev docs and commit docs/metrics.md";
  EXPECT_EQ(written->substr(begin + 1, end - begin - 1), metrics_reference())
      << "run ./dev docs and commit docs/metrics.md";
}

}  // namespace
}  // namespace tessera::relay
