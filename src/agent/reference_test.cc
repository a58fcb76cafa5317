#include "agent/reference.h"

#include <gtest/gtest.h>

#include "agent/catalog.h"
#include "base/files.h"

namespace tessera::agent {
namespace {

TEST(MetricsReference, IsTheOneInDocs) {
  const auto written = read_file(TESSERA_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(written) << written.error().what;
  const std::string ours = written->substr(0, written->find("\n# Metrics of tessera-relay\n"));
  EXPECT_EQ(ours, metrics_reference()) << "run ./dev docs and commit docs/metrics.md";
}

TEST(MetricsReference, EveryCounterIsNamedSo) {
  for (const Described* d : catalog::kAll)
    EXPECT_EQ(d->metric.type == metrics::Type::Counter, d->metric.name.ends_with("_total")) << d->metric.name;
}

}  // namespace
}  // namespace tessera::agent
