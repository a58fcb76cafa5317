#include "relay/self_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "metrics/parse.h"
#include "relay/catalog.h"
#include "relay/overview_test.h"

namespace tessera::relay {
namespace {
using testing::HasSubstr;
using testing::Not;

class Names : public metrics::PageReader {
 public:
  void sample(const metrics::Sample& sample) override { names.emplace(sample.name); }
  std::set<std::string, std::less<>> names;
};

std::string page() { return write_text(self_metrics(sample_overview(), {1.5, 4096})); }

TEST(SelfMetrics, PassTheStrictLintInBothFormats) {
  const auto made = self_metrics(sample_overview(), {1.5, 4096});
  Names names;
  const auto text = metrics::parse_text(metrics::write_text(made), names, metrics::Rules::Strict);
  EXPECT_TRUE(text) << text.error().what;
  const auto open = metrics::parse_openmetrics(metrics::write_openmetrics(made), names, metrics::Rules::Strict);
  EXPECT_TRUE(open) << open.error().what;
}

TEST(SelfMetrics, AreThoseOfTheCatalogue) {
  Names names;
  ASSERT_TRUE(metrics::parse_text(page(), names));
  for (const Described* described : catalog::kAll)
    EXPECT_TRUE(names.names.erase(std::string(described->metric.name)))
        << described->metric.name << " is in the catalogue, and on no page";
  EXPECT_THAT(names.names, testing::IsEmpty()) << "on the page, and in no catalogue";
}

TEST(SelfMetrics, NamesTellTypeAndUnit) {
  std::set<std::string_view> names;
  for (const Described* described : catalog::kAll) {
    const auto& [name, type, unit, help, is_gauge] = described->metric;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
    EXPECT_TRUE(name.starts_with("tessera_relay_") || name.starts_with("process_")) << name;
    EXPECT_EQ(type == metrics::Type::Counter, name.ends_with("_total")) << name;
    EXPECT_TRUE(help.ends_with(".")) << name;
    EXPECT_FALSE(is_gauge) << name << ": our own types are what they are";
    if (unit != "seconds" && unit != "bytes") continue;
    EXPECT_NE(name.find("_" + std::string(unit)), std::string_view::npos) << name;
  }
}

TEST(SelfMetrics, TellWhatIsSeen) {
  static constexpr std::string_view kLines[] = {
      "tessera_relay_config_last_reload_successful 1",
      "tessera_relay_config_last_reload_success_timestamp_seconds 1799999970",
      "tessera_relay_discovery_source_ready{source=\"pods of all namespaces\"} 0",
      "tessera_relay_discovery_source_targets{source=\"files a.json\"} 3",
      "tessera_relay_targets_dropped 1",
      "tessera_relay_shard_members{state=\"living\"} 2",
      "tessera_relay_shard_members{state=\"away\"} 1",
      "tessera_relay_shard_lease_held 1",
      "tessera_relay_targets{job=\"dcgm\",state=\"down\"} 1",
      "tessera_relay_targets{job=\"empty\",state=\"up\"} 0",
      "tessera_relay_scrapes_total{outcome=\"good\"} 6",
      "tessera_relay_scrapes_total{outcome=\"failed\"} 4",
      "tessera_relay_scrapes_total{outcome=\"missed\"} 2",
      "tessera_relay_pages_refused_total{limit=\"body_size_limit\"} 1",
      "tessera_relay_pages_refused_total{limit=\"sample_limit\"} 2",
      "tessera_relay_pages_refused_total{limit=\"label_limit\"} 0",
      "tessera_relay_samples_scraped_total 2940",
      "tessera_relay_samples_left_out_total{reason=\"too_far_ahead\"} 6",
      "tessera_relay_samples_left_out_total{reason=\"unfit_name\"} 7",
      "tessera_relay_queue_samples{destination=\"prom \\\"1\\\"\"} 350",
      "tessera_relay_queue_bytes{destination=\"prom \\\"1\\\"\"} 4600",
      "tessera_relay_queue_oldest_timestamp_seconds{destination=\"prom \\\"1\\\"\"} 1799999987.5",
      "tessera_relay_lag_seconds{destination=\"prom \\\"1\\\"\"} 12.5",
      "tessera_relay_lag_seconds{destination=\"quiet\"} 0",
      "tessera_relay_requests_total{destination=\"prom \\\"1\\\"\",status=\"503\"} 2",
      "tessera_relay_requests_total{destination=\"quiet\",status=\"failed\"} 0",
      "tessera_relay_dropped_samples_total{destination=\"prom \\\"1\\\"\",reason=\"full\"} 70",
      "tessera_relay_dropped_samples_total{destination=\"prom \\\"1\\\"\",reason=\"unqueued\"} 8",
      "tessera_relay_dropped_samples_total{destination=\"prom \\\"1\\\"\",reason=\"status_400\"} 11",
      "tessera_relay_highest_sent_timestamp_seconds{destination=\"prom \\\"1\\\"\"} 1799999980",
      "tessera_relay_shards_retrying{destination=\"prom \\\"1\\\"\"} 1",
      "process_resident_memory_bytes 4096",
      "process_start_time_seconds 1799999940"};
  const std::string text = page();
  for (const std::string_view line : kLines) EXPECT_THAT(text, HasSubstr("\n" + std::string(line) + "\n"));
}

TEST(SelfMetrics, AbsentIsAbsent) {
  Overview seen = sample_overview();
  seen.http.reset();
  seen.sharing.reset();
  const std::string text = write_text(self_metrics(seen, {}));
  EXPECT_THAT(text, Not(HasSubstr("tessera_relay_queue_oldest_timestamp_seconds{destination=\"quiet\"}")));
  EXPECT_THAT(text, Not(HasSubstr("tessera_relay_highest_sent_timestamp_seconds{destination=\"quiet\"}")));
  EXPECT_THAT(text, Not(HasSubstr("process_resident_memory_bytes")));
  EXPECT_THAT(text, Not(HasSubstr("tessera_relay_http_refused_total")));
  EXPECT_THAT(text, Not(HasSubstr("tessera_relay_shard_members")));
}

TEST(SelfMetrics, TwoSourcesOfOneNameAreOne) {
  Overview seen = sample_overview();
  seen.sources = {{"files a.json", true, "", 3}, {"files a.json", true, "gone", 2}};
  const std::string text = write_text(self_metrics(seen, {}));
  EXPECT_THAT(text, HasSubstr("tessera_relay_discovery_source_targets{source=\"files a.json\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("tessera_relay_discovery_source_ready{source=\"files a.json\"} 0\n"));
}

}  // namespace
}  // namespace tessera::relay
