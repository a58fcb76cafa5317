// What targets expose is what two stores hold afterwards: count, labels, values, times and ends.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/e2e_relay/ledger.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using testing::Contains;
using testing::Each;
using testing::IsEmpty;
using testing::Key;
using testing::Pair;

using Forward = TwoStores;

TEST_F(Forward, EverySampleOfEveryPageIsInBothStores) {
  CountingTargets targets(10, 20);
  Relay relay(global("250ms", ", external_labels: {cluster: east}") + "scrape_configs:\n" + targets.job("load") +
              to_both());
  EXPECT_TRUE(targets.asked(12));
  targets.finish();
  for (const auto& store : stores()) EXPECT_THAT(lasting_differences(targets, *store, "load"), IsEmpty());
  EXPECT_TRUE(relay.has_sent_all());
  const Samples all = agreed("work_total");
  EXPECT_THAT(all, Each(Key(Contains(Pair("cluster", "east")))));
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0);
  EXPECT_EQ(relay.stop(), 0);
}

constexpr const char* kEveryKind = R"(# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",path="/a\\b\"c\nd"} 1027
# TYPE temperature_celsius gauge
temperature_celsius -12.5
temperature_celsius{room="küche 🔥"} +Inf
temperature_celsius{room="-"} -Inf
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.5"} 3
wait_seconds_bucket{le="+Inf"} 5
wait_seconds_sum 2.75
wait_seconds_count 5
# TYPE size_bytes summary
size_bytes{quantile="0.9"} 1e9
size_bytes_sum 4503599627370497
size_bytes_count 12
untyped_thing{empty="",a="1"} 0
)";

TEST_F(Forward, EveryKindOfSampleArrivesAsItWasExposed) {
  ScriptedTarget target(kEveryKind);
  Relay relay(global() + "scrape_configs:\n" + static_job("kinds", {target.address()}) + to_both());
  ASSERT_TRUE(arrived("{job=\"kinds\"}", 11 + 5));
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<Labels, double>> want = {
      {{{"__name__", "requests_total"}, {"code", "200"}, {"path", "/a\\b\"c\nd"}}, 1027},
      {{{"__name__", "temperature_celsius"}}, -12.5},
      {{{"__name__", "temperature_celsius"}, {"room", "küche 🔥"}}, kInf},
      {{{"__name__", "temperature_celsius"}, {"room", "-"}}, -kInf},
      {{{"__name__", "wait_seconds_bucket"}, {"le", "0.5"}}, 3},
      {{{"__name__", "wait_seconds_bucket"}, {"le", "+Inf"}}, 5},
      {{{"__name__", "wait_seconds_sum"}}, 2.75},
      {{{"__name__", "wait_seconds_count"}}, 5},
      {{{"__name__", "size_bytes"}, {"quantile", "0.9"}}, 1e9},
      {{{"__name__", "size_bytes_sum"}}, 4503599627370497},
      {{{"__name__", "size_bytes_count"}}, 12},
      {{{"__name__", "untyped_thing"}, {"a", "1"}}, 0},
      {{{"__name__", "up"}}, 1},
      {{{"__name__", "scrape_samples_scraped"}}, 12},
      {{{"__name__", "scrape_samples_post_metric_relabeling"}}, 12}};
  const Samples held = prometheus().samples("{job=\"kinds\"}");
  EXPECT_EQ(held.size(), want.size() + 2) << "and scrape_duration_seconds, scrape_series_added";
  for (auto [labels, value] : want) {
    labels.insert({{"job", "kinds"}, {"instance", target.address()}});
    const auto at = held.find(labels);
    ASSERT_NE(at, held.end()) << shown(labels);
    EXPECT_THAT(values(at->second), Each(value)) << shown(labels);
  }
  EXPECT_EQ(relay.stop(), 0);
  agreed("{job=\"kinds\"}");
}

TEST_F(Forward, TimesOfThePageAreKept) {
  const EpochMs begin = now_epoch_ms();
  ScriptedTarget target(
      [=](int number) { return text_page(fmt::format("own_time {} {}\nours 1\n", number, begin + number)); });
  Relay relay(global() + "scrape_configs:\n" + static_job("times", {target.address()}) + to_both());
  EXPECT_TRUE(target.asked(8));
  EXPECT_EQ(relay.stop(), 0);
  const auto points = only(agreed("own_time"));
  EXPECT_GE(points.size(), 8U);
  for (const Point& point : points) EXPECT_EQ(point.time, begin + static_cast<EpochMs>(point.value));
  const auto stamped = only(agreed("ours"));
  for (std::size_t i = 1; i < stamped.size(); ++i) EXPECT_GT(stamped[i].time, stamped[i - 1].time);
}

TEST_F(Forward, SeriesThatVanishEndInTheStores) {
  ScriptedTarget target("stays 1\ngoes 1\n");
  ScriptedTarget breaks("fragile 1\n");
  ScriptedTarget leaves("moving 1\n");
  const auto config = [&](const std::vector<std::string>& addresses) {
    return global() + "scrape_configs:\n" + static_job("ends", addresses) + to_both();
  };
  Relay relay(config({target.address(), breaks.address(), leaves.address()}));
  for (const char* series : {"stays", "goes", "fragile", "moving"}) ASSERT_TRUE(arrived(series));

  target.become("stays 1\n");
  EXPECT_TRUE(vanished("goes"));
  breaks.become([](int) {
    http::Response response;
    response.status = 500;
    return response;
  });
  EXPECT_TRUE(vanished("fragile"));
  relay.configure(config({target.address(), breaks.address()}));
  EXPECT_TRUE(relay.process().says("configuration changed"));
  EXPECT_TRUE(vanished("moving"));
  EXPECT_TRUE(vanished("up{instance=\"" + leaves.address() + "\"}"));

  target.become("stays 1\ngoes 2\n");
  for (const auto& store : stores()) {
    EXPECT_TRUE(eventually([&] { return values(only(store->samples("goes"))).back() == 2; })) << "it is back";
    const EpochMs now = now_epoch_ms();
    EXPECT_EQ(store->at("up == 1", now).size(), 1U) << store->name();
    EXPECT_EQ(store->at("up == 0", now).size(), 1U) << store->name();
    EXPECT_EQ(store->at("stays", now).size(), 1U) << store->name();
  }
  const auto points = only(agreed("goes"));
  EXPECT_THAT(values(points), Each(testing::AnyOf(1, 2)));
}

TEST_F(Forward, LabelsAreRuledAsWritten) {
  ScriptedTarget target(
      "a_total{job=\"theirs\",zone=\"x\",secret=\"s\"} 1\nb_total{zone=\"y\"} 2\nnoise_total 3\nonly_one_total 4\n");
  const std::string metric_rules =
      "  metric_relabel_configs:\n"
      "  - {source_labels: [__name__], regex: noise_.*, action: drop}\n"
      "  - {regex: secret, action: labeldrop}\n"
      "  - {source_labels: [zone], regex: (.+), target_label: area, replacement: 'area-$1'}\n";
  const std::string rules =
      "  relabel_configs:\n"
      "  - {source_labels: [__address__], regex: '(.*):(.*)', target_label: host, replacement: $1}\n"
      "  - {target_label: team, replacement: blue}\n";
  const std::string honored = "  honor_labels: true\n";
  std::string config = global("250ms", ", external_labels: {cluster: east, team: default}") + "scrape_configs:\n" +
                       static_job("plain", {target.address()}, metric_rules) +
                       static_job("honored", {target.address()}, metric_rules + rules + honored) + "remote_write:\n" +
                       write_to("prometheus", prometheus().write_url(),
                                ", write_relabel_configs: [{source_labels: [__name__], regex: only_one_total, action: "
                                "drop}, {regex: zone, action: labeldrop}]") +
                       write_to("victoria-metrics", victoria_metrics().write_url());
  Relay relay(config);
  ASSERT_TRUE(arrived("b_total", 2));
  ASSERT_TRUE(arrived("a_total", 2));
  const std::string at = target.address();
  const auto labels_of = [](const Samples& samples) {
    std::vector<Labels> out;
    for (const auto& [labels, points] : samples) out.push_back(labels);
    return out;
  };
  const Labels plain = {{"__name__", "a_total"}, {"job", "plain"}, {"exported_job", "theirs"}, {"zone", "x"},
                        {"area", "area-x"},      {"instance", at}, {"cluster", "east"},        {"team", "default"}};
  const Labels honoring = {{"__name__", "a_total"}, {"job", "theirs"},     {"zone", "x"},       {"area", "area-x"},
                           {"instance", at},        {"host", "127.0.0.1"}, {"cluster", "east"}, {"team", "blue"}};
  EXPECT_THAT(labels_of(victoria_metrics().samples("a_total")), testing::UnorderedElementsAre(plain, honoring));
  Labels plain_there = plain, honoring_there = honoring;
  plain_there.erase("zone");
  honoring_there.erase("zone");
  EXPECT_THAT(labels_of(prometheus().samples("a_total")), testing::UnorderedElementsAre(plain_there, honoring_there));
  ASSERT_TRUE(eventually([&] { return victoria_metrics().samples("only_one_total").size() == 2; }));
  EXPECT_THAT(prometheus().samples("only_one_total"), IsEmpty());
  for (const auto& store : stores()) EXPECT_THAT(store->samples("noise_total"), IsEmpty()) << store->name();
  EXPECT_THAT(values(only(victoria_metrics().samples("scrape_samples_scraped{job=\"plain\"}"))), Each(4));
  EXPECT_THAT(values(only(victoria_metrics().samples("scrape_samples_post_metric_relabeling{job=\"plain\"}"))),
              Each(3));
}

constexpr const char* kInstances[] = {"GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"7\"",
                                      "GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"8\"",
                                      "GPU_I_PROFILE=\"2g.20gb\",GPU_I_ID=\"3\""};

/// As dcgm-exporter writes it, of a divided GPU.
std::string dcgm_page(const std::vector<double>& activities) {
  std::string page = "# TYPE DCGM_FI_DEV_MIG_MAX_SLICES gauge\n# TYPE DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge\n";
  for (std::size_t i = 0; i < activities.size(); ++i) {
    const std::string labels = fmt::format(
        "gpu=\"0\",UUID=\"GPU-1a2b\",device=\"nvidia0\",modelName=\"NVIDIA H100 80GB HBM3\",{},Hostname=\"gpu-a\","
        "container=\"main\",namespace=\"ml\",pod=\"job-{}\"",
        kInstances[i], i);
    page += fmt::format("DCGM_FI_DEV_MIG_MAX_SLICES{{{}}} 7\n", labels);
    page += fmt::format("DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{}}} {:.6f}\n", labels, activities[i]);
  }
  return page;
}

TEST_F(Forward, WeightsOfAForeignExporterAreThereForTheAgentsQueries) {
  ScriptedTarget target(dcgm_page({0.9, 0.8, 0.6}));
  Relay relay(global() + "scrape_configs:\n" +
              static_job("dcgm", {target.address()}, "  honor_labels: true\n  derive_gpu_weights: true\n") +
              static_job("plain", {target.address()}) + to_both());
  ASSERT_TRUE(arrived("gpu_weighted_utilization_ratio", 2));
  ASSERT_TRUE(arrived("gpu_instance_compute_slices", 3));
  const auto near = [](const std::map<Labels, double>& answer, double want) {
    return answer.size() == 1 && std::abs(answer.begin()->second - want) < 1e-9;
  };
  constexpr const char* kByHand =
      "sum by (UUID) (DCGM_FI_PROF_GR_ENGINE_ACTIVE{job=\"dcgm\"} * on (UUID, GPU_I_ID) group_right "
      "gpu_instance_compute_slices) / sum by (UUID) (gpu_instance_compute_slices)";
  for (const auto& store : stores())
    for (const auto& [query, want] :
         {std::pair<std::string, double>("gpu_weighted_utilization_ratio{over=\"allocated\"}", 0.725),
          {"gpu_weighted_utilization_ratio{over=\"device\"}", 2.9 / 7},
          {kByHand, 0.725}})
      EXPECT_TRUE(eventually([&] { return near(store->at(query, now_epoch_ms()), want); }))
          << store->name() << ": " << query;
  const Labels device = {{"__name__", "gpu_weighted_utilization_ratio"},
                         {"UUID", "GPU-1a2b"},
                         {"gpu", "0"},
                         {"Hostname", "gpu-a"},
                         {"over", "device"},
                         {"weight", "compute_slices"},
                         {"job", "dcgm"},
                         {"instance", target.address()}};
  EXPECT_THAT(prometheus().samples("gpu_weighted_utilization_ratio"), Contains(Key(device)));

  target.become(dcgm_page({0.9, 0.8}));
  EXPECT_TRUE(vanished("gpu_instance_compute_slices{GPU_I_ID=\"3\"}"));
  for (const auto& store : stores())
    EXPECT_TRUE(eventually([&] {
      return near(store->at("gpu_weighted_utilization_ratio{over=\"allocated\"}", now_epoch_ms()), 0.85);
    })) << store->name();
}

}  // namespace
}  // namespace tessera::e2e
