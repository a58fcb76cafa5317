// Which format a target is asked for, and what only OpenMetrics and requests' own lists can say: times in seconds,
// exemplars, units, help.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/e2e/node.h"
#include "tests/e2e_relay/gate.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"
#include "tests/e2e_relay/two_stores.h"
#include "wire/compression.h"
#include "wire/write_request.h"

namespace tessera::e2e {
namespace {
using testing::Contains;
using testing::Each;
using testing::Key;
using testing::Pair;

using Formats = TwoStores;

TEST_F(Formats, EachTargetIsAskedForWhatItsJobPrefers) {
  constexpr const char* kOnlyText = "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
  constexpr const char* kOnlyOpenMetrics = "application/openmetrics-text;version=1.0.0;q=0.2,*/*;q=0.1";
  constexpr const char* kOpenMetricsFirst =
      "application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
  constexpr const char* kTextFirst =
      "text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.2,*/*;q=0.1";
  constexpr struct {
    const char* job;
    const char* protocols;
    const char* accept;
    const char* spoken;
  } kCases[] = {
      {"unwritten", "", kOpenMetricsFirst, "openmetrics"},
      {"text", "PrometheusText0.0.4", kOnlyText, "text"},
      {"openmetrics", "OpenMetricsText1.0.0", kOnlyOpenMetrics, "openmetrics"},
      {"text-first", "PrometheusText0.0.4, OpenMetricsText1.0.0", kTextFirst, "text"},
      {"openmetrics-first", "OpenMetricsText1.0.0, PrometheusText0.0.4", kOpenMetricsFirst, "openmetrics"},
  };
  const EpochMs begin = now_epoch_ms();
  const auto text = [=](int number) {
    return fmt::format("# TYPE work_total counter\nwork_total{{spoken=\"text\"}} {} {}\n", number, begin + number);
  };
  const auto openmetrics = [=](int number) {
    const EpochMs time = begin + number;
    return fmt::format("# TYPE work counter\nwork_total{{spoken=\"openmetrics\"}} {} {}.{:03}\n# EOF\n", number,
                       time / 1000, time % 1000);
  };
  std::map<std::string, std::unique_ptr<BilingualTarget>> targets;
  std::string jobs;
  for (const auto& c : kCases) {
    const auto& target = targets[c.job] = std::make_unique<BilingualTarget>(text, openmetrics);
    const std::string asks = *c.protocols ? fmt::format("  scrape_protocols: [{}]\n", c.protocols) : "";
    jobs += static_job(c.job, {target->address()}, asks);
  }
  Relay relay(global() + "scrape_configs:\n" + jobs + to_both());
  for (const auto& [job, target] : targets) EXPECT_TRUE(target->asked(4)) << job;
  EXPECT_EQ(relay.stop(), 0);
  for (const auto& c : kCases) {
    EXPECT_EQ(targets[c.job]->accept(), c.accept) << c.job;
    const Samples held = agreed(fmt::format("work_total{{job=\"{}\"}}", c.job));
    EXPECT_THAT(held, Each(Key(Contains(Pair("spoken", c.spoken))))) << c.job;
    const auto points = only(held);
    EXPECT_GE(points.size(), 4U) << c.job;
    for (const Point& point : points) EXPECT_EQ(point.time, begin + static_cast<EpochMs>(point.value)) << c.job;
    EXPECT_THAT(values(only(agreed(fmt::format("up{{job=\"{}\"}}", c.job)))), Each(1)) << c.job;
  }
}

/// Page `number` of a target with an exemplar of its own in each.
std::string with_exemplars(int number) {
  return fmt::format(
      "# HELP work_seconds How long it \"took\".\n# TYPE work_seconds histogram\n# UNIT work_seconds seconds\n"
      "work_seconds_bucket{{le=\"1\"}} {0} # {{trace_id=\"t{0}\",span=\"küche\"}} {1}\n"
      "work_seconds_bucket{{le=\"+Inf\"}} {0}\nwork_seconds_sum {1}\nwork_seconds_count {0}\n"
      "# HELP requests Requests.\n# TYPE requests counter\nrequests_total {0}\n# EOF\n",
      number, static_cast<double>(number) / 8);
}

struct HeldExemplar {
  Labels labels;
  double value;
};

std::vector<HeldExemplar> exemplars_of(const Prometheus& store, const std::string& query) {
  http::Client client;
  const std::string body = fetch(client, fmt::format("{}/api/v1/query_exemplars?query={}&start=0&end={}", store.url(),
                                                     percent_encoded(query), now_epoch_ms() / 1000 + 60));
  const auto json = nlohmann::json::parse(body, nullptr, false);
  std::vector<HeldExemplar> out;
  if (json.is_discarded()) return out;
  for (const auto& series : json["data"])
    for (const auto& exemplar : series["exemplars"])
      out.push_back({exemplar["labels"].get<Labels>(), std::stod(exemplar["value"].get<std::string>())});
  return out;
}

TEST(Exemplars, AreInTheStoreThatKeepsThem) {
  const auto store = Prometheus::receiving({"--enable-feature=exemplar-storage"});
  if (!store) GTEST_SKIP() << "prometheus is neither in TESSERA_PEERS nor on the PATH";
  BilingualTarget target([](int) { return std::string("# an exemplar has no place in this format\n"); },
                         with_exemplars);
  Relay relay(global() + "scrape_configs:\n" + static_job("traced", {target.address()}) + "remote_write:\n" +
              write_to("prometheus", store->url() + "/api/v1/write"));
  ASSERT_TRUE(target.asked(4));
  EXPECT_EQ(relay.stop(), 0);
  const auto pages = store->query("count_over_time(work_seconds_bucket{le=\"1\"}[1h])", now_epoch_ms());
  const auto held = exemplars_of(*store, "work_seconds_bucket");
  ASSERT_EQ(pages.size(), 1U);
  EXPECT_GE(held.size(), 4U);
  EXPECT_EQ(static_cast<double>(held.size()), pages[0].value) << "one a page";
  for (std::size_t i = 0; i < held.size(); ++i) {
    EXPECT_EQ(held[i].labels, (Labels{{"trace_id", fmt::format("t{}", i + 1)}, {"span", "küche"}}));
    EXPECT_EQ(held[i].value, static_cast<double>(i + 1) / 8);
  }
}

/// What a receiver has been told of families, in the words of either version, and how many exemplars.
struct Told {
  std::map<std::string, wire::Metadata> families;  ///< 1.0: by family; 2.0: by series name
  std::size_t exemplars = 0;
};

Told told(wire::Protocol protocol, const std::vector<std::string>& bodies) {
  Told out;
  for (const auto& body : bodies) {
    const auto message = wire::decompress(wire::Compression::Snappy, body, 64U << 20U);
    const auto request = message ? wire::decode(protocol, *message) : Result<wire::WriteRequest>(message.error());
    EXPECT_TRUE(request) << (request ? "" : request.error().what);
    if (!request) continue;
    for (const auto& entry : request->metadata) out.families[entry.family] = entry.metadata;
    for (const auto& series : request->series) {
      out.exemplars += series.exemplars.size();
      if (protocol == wire::Protocol::V2)
        for (const auto& [name, value] : series.labels)
          if (name == "__name__") out.families[value] = series.metadata;
    }
  }
  return out;
}

/// No store that Debian has keeps what remote write says of families, so a gate in a store's place reads it.
TEST(Metadata, GoesWithTheSamplesInBothVersions) {
  const wire::Metadata histogram{metrics::Kind::Histogram, "How long it \"took\".", "seconds"};
  const wire::Metadata counter{metrics::Kind::Counter, "Requests.", ""};
  const struct {
    int version;
    wire::Protocol protocol;
    const char *histogram, *counter;
  } kVersions[] = {{1, wire::Protocol::V1, "work_seconds", "requests"},
                   {2, wire::Protocol::V2, "work_seconds_bucket", "requests_total"}};
  for (const auto& version : kVersions) {
    std::mutex mutex;
    std::vector<std::string> bodies;
    Gate gate("http://127.0.0.1:1/nobody");
    gate.answer([&](const http::Request& request, int) -> std::optional<http::Response> {
      const std::lock_guard lock(mutex);
      bodies.push_back(request.body);
      return reply(204, "", {{"X-Prometheus-Remote-Write-Samples-Written", "1000"}});
    });
    BilingualTarget target([](int) { return std::string(); }, with_exemplars);
    Relay relay(global() + "scrape_configs:\n" + static_job("told", {target.address()}) + "remote_write:\n" +
                write_to("gated", gate.write_url(), fmt::format(", protocolVersion: {}", version.version)));
    EXPECT_TRUE(target.asked(3));
    EXPECT_EQ(relay.stop(), 0);
    const std::lock_guard lock(mutex);
    const Told all = told(version.protocol, bodies);
    EXPECT_GE(all.exemplars, 3U) << version.version;
    EXPECT_THAT(all.families, Contains(Pair(version.histogram, histogram))) << version.version;
    EXPECT_THAT(all.families, Contains(Pair(version.counter, counter))) << version.version;
  }
}

}  // namespace
}  // namespace tessera::e2e
