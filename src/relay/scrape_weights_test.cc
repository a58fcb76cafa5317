// Weights derived from a dcgm-exporter's pages, as they come out of the cache that reads them.
#include "relay/scrape_weights.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "relay/scrape_cache.h"

namespace tessera::relay {
namespace {
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

struct Seen {
  std::map<std::string, double> made;  ///< what the page did not have
  std::vector<std::string> stale;
  ScrapedPage page;
};

bool is_made(std::string_view labels) {
  return labels.find(ScrapeWeights::kSlices.name) != std::string_view::npos ||
         labels.find(ScrapeWeights::kWeighted.name) != std::string_view::npos;
}

SeriesRules deriving() {
  SeriesRules rules;
  rules.honor_labels = rules.derive_gpu_weights = true;
  return rules;
}

Seen scrape(ScrapeCache& cache, const std::string& page, metrics::Format format = metrics::Format::Text) {
  cache.begin(format, 1'700'000'000'000);
  const auto fed = cache.feed(page);
  EXPECT_TRUE(fed) << fed.error().what;
  auto done = cache.finish();
  if (!done) {
    ADD_FAILURE() << done.error().what;
    return {};
  }
  Seen seen;
  for (const auto& [series, value] : done->samples) {
    const std::string labels = shown(cache.table().labels(cache.table()[series]));
    if (!is_made(labels)) continue;
    EXPECT_TRUE(seen.made.emplace(labels, value).second) << labels << " twice";
  }
  for (const auto series : done->stale) seen.stale.push_back(shown(cache.table().labels(cache.table()[series])));
  seen.page = *std::move(done);
  return seen;
}

Seen scrape_once(const std::string& page) {
  ScrapeCache cache(deriving());
  return scrape(cache, page);
}

/// Labels of a line as dcgm-exporter 3.x and 4.x write them.
std::string of_gpu(int gpu, const std::string& more = "") {
  return fmt::format(
      "gpu=\"{}\",UUID=\"GPU-{}\",pci_bus_id=\"00000000:0{}:00.0\",device=\"nvidia{}\",modelName="
      "\"NVIDIA H100 80GB HBM3\"{},Hostname=\"worker-01\",DCGM_FI_DRIVER_VERSION=\"550.54.15\"",
      gpu, gpu, gpu, gpu, more);
}
std::string of_instance(int gpu, int id, std::string_view profile) {
  return of_gpu(gpu, fmt::format(",GPU_I_PROFILE=\"{}\",GPU_I_ID=\"{}\"", profile, id));
}
std::string line(std::string_view name, const std::string& labels, double value) {
  return fmt::format("{}{{{}}} {}\n", name, labels, value);
}
std::string active(const std::string& labels, double value) {
  return line("DCGM_FI_PROF_GR_ENGINE_ACTIVE", labels, value);
}
std::string most_slices(const std::string& labels, double value = 7) {
  return line("DCGM_FI_DEV_MIG_MAX_SLICES", labels, value);
}

std::string weighted(int gpu, std::string_view over) {
  return fmt::format(
      "{{Hostname=\"worker-01\", UUID=\"GPU-{}\", __name__=\"gpu_weighted_utilization_ratio\", "
      "gpu=\"{}\", over=\"{}\", weight=\"compute_slices\"}}",
      gpu, gpu, over);
}
std::string slices(int gpu, int id, std::string_view profile) {
  return fmt::format(
      "{{GPU_I_ID=\"{}\", GPU_I_PROFILE=\"{}\", Hostname=\"worker-01\", UUID=\"GPU-{}\", "
      "__name__=\"gpu_instance_compute_slices\", gpu=\"{}\"}}",
      id, profile, gpu, gpu);
}

/// Only the weighted means, by `over`.
std::map<std::string, double> means(const Seen& seen, int gpu = 0) {
  std::map<std::string, double> out;
  for (const char* over : {"allocated", "device"})
    if (const auto at = seen.made.find(weighted(gpu, over)); at != seen.made.end()) out[over] = at->second;
  return out;
}

TEST(ScrapeWeights, WeighsByTheSlicesOfTheProfiles) {
  struct Busy {
    const char* profile;
    double ratio;
  };
  static const struct {
    std::vector<Busy> instances;
    double allocated, device;
  } kCases[] = {
      {{{"1g.10gb", 0.9}, {"2g.20gb", 0.6}, {"1g.10gb", 0.8}}, 0.725, 2.9 / 7},
      {{{"1g.10gb", 0.9}, {"1g.10gb+me", 0.8}, {"2g.20gb", 0.6}, {"1g.10gb", 0.7}}, 0.72, 3.6 / 7},
      {{{"3g.40gb", 0.95}, {"2g.20gb", 0.7}, {"2g.20gb", 0.85}}, 0.85, 0.85},
  };
  for (const auto& c : kCases) {
    std::string page;
    int id = 1;
    for (const auto& [profile, ratio] : c.instances) {
      const std::string labels = of_instance(0, id++, profile);
      page += active(labels, ratio) + most_slices(labels);  // a field of the device is repeated for each instance
    }
    const auto seen = means(scrape_once(page));
    ASSERT_EQ(seen.size(), 2U) << page;
    EXPECT_NEAR(seen.at("allocated"), c.allocated, 1e-12);
    EXPECT_NEAR(seen.at("device"), c.device, 1e-12);
  }
}

// Pages as the two generations of dcgm-exporter write them, shortened to what matters here and a little around it.
constexpr const char* kThird = R"(# HELP DCGM_FI_DEV_FB_USED Framebuffer memory used (in MiB).
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-5d5ba0f1",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="1g.5gb",GPU_I_ID="7",Hostname="gpu-a",container="",namespace="",pod=""} 12
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-5d5ba0f1",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="3g.20gb",GPU_I_ID="2",Hostname="gpu-a",container="train",namespace="ml",pod="job-0"} 9120
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-9c1e77aa",device="nvidia1",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu-a",container="",namespace="",pod=""} 3
# HELP DCGM_FI_PROF_GR_ENGINE_ACTIVE Ratio of time the graphics engine is active (in %).
# TYPE DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-5d5ba0f1",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="1g.5gb",GPU_I_ID="7",Hostname="gpu-a",container="",namespace="",pod=""} 0.000000
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-5d5ba0f1",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="3g.20gb",GPU_I_ID="2",Hostname="gpu-a",container="train",namespace="ml",pod="job-0"} 0.800000
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-9c1e77aa",device="nvidia1",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu-a",container="",namespace="",pod=""} 0.250000
)";

TEST(ScrapeWeights, ReadsThePageOfTheThirdGeneration) {
  EXPECT_THAT(
      scrape_once(kThird).made,
      UnorderedElementsAre(
          Pair("{GPU_I_ID=\"7\", GPU_I_PROFILE=\"1g.5gb\", Hostname=\"gpu-a\", UUID=\"GPU-5d5ba0f1\", "
               "__name__=\"gpu_instance_compute_slices\", gpu=\"0\"}",
               1),
          Pair("{GPU_I_ID=\"2\", GPU_I_PROFILE=\"3g.20gb\", Hostname=\"gpu-a\", UUID=\"GPU-5d5ba0f1\", "
               "__name__=\"gpu_instance_compute_slices\", gpu=\"0\"}",
               3),
          Pair("{Hostname=\"gpu-a\", UUID=\"GPU-5d5ba0f1\", __name__=\"gpu_weighted_utilization_ratio\", gpu=\"0\", "
               "over=\"allocated\", weight=\"compute_slices\"}",
               0.8 * 3 / 4),
          Pair("{Hostname=\"gpu-a\", UUID=\"GPU-9c1e77aa\", __name__=\"gpu_weighted_utilization_ratio\", gpu=\"1\", "
               "over=\"allocated\", weight=\"compute_slices\"}",
               0.25)));
}

// The fourth writes `hostname`, may have renamed the field, and repeats what is shared by time-slicing for each pod.
constexpr const char* kFourth = R"(# TYPE DCGM_FI_DEV_MIG_MAX_SLICES gauge
DCGM_FI_DEV_MIG_MAX_SLICES{gpu="0",UUID="GPU-5d5ba0f1",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="2g.10gb",GPU_I_ID="3",hostname="gpu-b",vgpu="0",container="a",namespace="ml",pod="a"} 7
DCGM_FI_DEV_MIG_MAX_SLICES{gpu="0",UUID="GPU-5d5ba0f1",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="2g.10gb",GPU_I_ID="3",hostname="gpu-b",vgpu="1",container="b",namespace="ml",pod="b"} 7
DCGM_FI_DEV_MIG_MAX_SLICES{gpu="0",UUID="GPU-5d5ba0f1",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="1g.5gb",GPU_I_ID="9",hostname="gpu-b"} 7
# TYPE DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO gauge
DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO{gpu="0",UUID="GPU-5d5ba0f1",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="2g.10gb",GPU_I_ID="3",hostname="gpu-b",vgpu="0",container="a",namespace="ml",pod="a"} 0.5
DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO{gpu="0",UUID="GPU-5d5ba0f1",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="2g.10gb",GPU_I_ID="3",hostname="gpu-b",vgpu="1",container="b",namespace="ml",pod="b"} 0.5
DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO{gpu="0",UUID="GPU-5d5ba0f1",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="1g.5gb",GPU_I_ID="9",hostname="gpu-b"} 0.2
)";

TEST(ScrapeWeights, ReadsThePageOfTheFourthGenerationAndCountsWhatIsSharedOnce) {
  const std::string device = "UUID=\"GPU-5d5ba0f1\", __name__=\"{}\", gpu=\"0\", hostname=\"gpu-b\"";
  const auto slices_row = fmt::format(fmt::runtime(device), "gpu_instance_compute_slices");
  const auto ratio_row = fmt::format(fmt::runtime(device), "gpu_weighted_utilization_ratio");
  EXPECT_THAT(scrape_once(kFourth).made,
              UnorderedElementsAre(
                  Pair("{GPU_I_ID=\"3\", GPU_I_PROFILE=\"2g.10gb\", " + slices_row + "}", 2),
                  Pair("{GPU_I_ID=\"9\", GPU_I_PROFILE=\"1g.5gb\", " + slices_row + "}", 1),
                  Pair("{" + ratio_row + ", over=\"allocated\", weight=\"compute_slices\"}", testing::DoubleEq(0.4)),
                  Pair("{" + ratio_row + ", over=\"device\", weight=\"compute_slices\"}", testing::DoubleEq(1.2 / 7))));
}

TEST(ScrapeWeights, MakesNothingUp) {
  const std::string one = of_instance(0, 1, "1g.10gb"), two = of_instance(0, 2, "2g.20gb");
  const std::string both = active(one, 0.5) + active(two, 0.5);
  const std::string whole = of_gpu(0);
  const struct {
    const char* what;
    std::string page;
    std::vector<std::string> over;
  } cases[] = {
      {"the device's slices are not told", both, {"allocated"}},
      {"the device's slices are told two ways", both + most_slices(one, 7) + most_slices(two, 4), {"allocated"}},
      {"the device has fewer slices than its instances", both + most_slices(one, 2), {"allocated"}},
      {"the device's slices are no number of slices", both + most_slices(one, 0), {"allocated"}},
      {"one of the instances has no reading", active(one, 0.5) + line("DCGM_FI_DEV_FB_USED", two, 1), {}},
      {"one of the readings is no number", active(one, 0.5) + active(two, std::nan("")) + most_slices(one), {}},
      {"a profile cannot be read", active(one, 0.5) + active(of_instance(0, 2, "MIG 2"), 0.5), {}},
      {"a part of an instance", active(one, 0.5) + active(of_instance(0, 2, "1c.2g.20gb"), 0.5), {}},
      {"one instance under two profiles", active(one, 0.5) + active(of_instance(0, 1, "2g.20gb"), 0.5), {}},
      {"no readings at all", most_slices(one), {}},
      {"no UUID", active("gpu=\"0\",GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"1\"", 0.5), {}},
      {"the UUID of an instance", active("gpu=\"0\",UUID=\"MIG-1\",GPU_I_PROFILE=\"1g.10gb\",GPU_I_ID=\"1\"", 0.5), {}},
      {"another's metric", line("other_ratio", one, 0.5), {}},
      {"undivided, and nothing is told of MIG", active(whole, 0.5), {"allocated"}},
      {"undivided", active(whole, 0.5) + most_slices(whole), {"allocated", "device"}},
      {"undivided for ever", active(whole, 0.5) + most_slices(whole, 0), {"allocated", "device"}},
      {"undivided by its mode", active(whole, 0.5) + line("DCGM_FI_DEV_MIG_MODE", whole, 0), {"allocated", "device"}},
      {"divided, and no instance is shown", active(whole, 0.5) + line("DCGM_FI_DEV_MIG_MODE", whole, 1), {}},
      {"the whole beside its instances", both + active(whole, 0.9) + most_slices(whole), {"allocated", "device"}},
      {"told in labels", active(whole + ",DCGM_FI_DEV_MIG_MAX_SLICES=\"7\"", 0.5), {"allocated", "device"}},
  };
  for (const auto& c : cases) {
    std::vector<std::string> over;
    for (const auto& [name, value] : means(scrape_once(c.page))) {
      over.push_back(name);
      EXPECT_NEAR(value, name == "device" && c.page.find("GPU_I_ID") != std::string::npos ? 1.5 / 7 : 0.5, 1e-12)
          << c.what;
    }
    EXPECT_EQ(over, c.over) << c.what;
  }
}

TEST(ScrapeWeights, ClampsAndCounts) {
  const auto seen = scrape_once(active(of_instance(0, 1, "1g.10gb"), 1.294) +
                                active(of_instance(0, 2, "1g.10gb"), 0.5) + most_slices(of_gpu(0)));
  EXPECT_THAT(means(seen), ElementsAre(Pair("allocated", 0.75), Pair("device", 1.5 / 7)));
  EXPECT_EQ(seen.page.clamped, 1U);
}

TEST(ScrapeWeights, LeavesPagesAloneThatTellWeightsThemselves) {
  const std::string own = line("gpu_weighted_utilization_ratio", "UUID=\"GPU-1\",over=\"device\"", 0.25);
  const auto seen = scrape_once(active(of_instance(0, 1, "1g.10gb"), 0.5) + own);
  EXPECT_THAT(seen.made, ElementsAre(Pair(HasSubstr("UUID=\"GPU-1\""), 0.25)));
  EXPECT_EQ(seen.page.samples.size(), 2U);
}

TEST(ScrapeWeights, EndWithWhatTheyAreMadeOf) {
  ScrapeCache cache(deriving());
  const std::string small = active(of_instance(0, 1, "1g.10gb"), 0.5), large = active(of_instance(0, 2, "2g.20gb"), 1);
  const std::string other = active(of_gpu(1), 0.1);
  const auto first = scrape(cache, small + large + other);
  EXPECT_EQ(first.page.added, 3U + 2 + 2) << "instances, and a mean for each device";
  EXPECT_EQ(first.page.scraped, 3U) << "the lines of the page";
  for (int round = 0; round < 2; ++round) {
    const auto again = scrape(cache, small + large + other);
    EXPECT_EQ(again.made, first.made);
    EXPECT_EQ(again.page.added, 0U);
    EXPECT_THAT(again.stale, IsEmpty());
  }
  const auto less = scrape(cache, small + other);
  EXPECT_THAT(means(less), ElementsAre(Pair("allocated", 0.5)));
  EXPECT_THAT(less.stale, UnorderedElementsAre(HasSubstr("GR_ENGINE_ACTIVE"), slices(0, 2, "2g.20gb")));
  // The instance is created anew with another profile: its number is the same.
  const auto cut = scrape(cache, active(of_instance(0, 1, "3g.40gb"), 0.25) + other);
  EXPECT_THAT(means(cut), ElementsAre(Pair("allocated", 0.25)));
  EXPECT_THAT(cut.made, Contains(Pair(slices(0, 1, "3g.40gb"), 3)));
  EXPECT_THAT(cut.stale, Contains(slices(0, 1, "1g.10gb")));
  cache.begin(metrics::Format::Text, 0);
  const ScrapedPage failed = cache.fail_page();
  EXPECT_EQ(failed.stale.size(), 2U + 1 + 2);
  EXPECT_THAT(scrape(cache, other).stale, IsEmpty());
}

TEST(ScrapeWeights, ReadWhatTheRulesDropAndAreRuledThemselves) {
  const auto rule = [](const char* names, const char* action) {
    RelabelRule made;
    made.source_labels = {"__name__"};
    made.regex = names;
    made.action = *relabel_action(action);
    return *Relabel::compile(made);
  };
  const std::string page = active(of_instance(0, 1, "1g.10gb"), 0.5) + most_slices(of_gpu(0));
  SeriesRules rules = deriving();
  rules.honor_labels = false;
  rules.target = to_labels({{"job", "gpu"}, {"Hostname", "node-1"}});
  rules.external = to_labels({{"cluster", "east"}});
  rules.metric_relabel = {rule("DCGM_.*|gpu_instance_.*", "drop")};
  ScrapeCache cache(rules);
  for (int round = 0; round < 2; ++round) {
    const auto seen = scrape(cache, page);
    EXPECT_EQ(seen.page.samples.size(), 2U);
    EXPECT_THAT(seen.made,
                Contains(Pair("{Hostname=\"node-1\", UUID=\"GPU-0\", __name__=\"gpu_weighted_utilization_ratio\", "
                              "cluster=\"east\", exported_Hostname=\"worker-01\", gpu=\"0\", job=\"gpu\", "
                              "over=\"allocated\", weight=\"compute_slices\"}",
                              0.5)));
  }
}

TEST(ScrapeWeights, AreDescribed) {
  ScrapeCache cache(deriving());
  cache.begin(metrics::Format::OpenMetrics, 0);
  ASSERT_TRUE(cache.feed("# TYPE DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge\n" + active(of_gpu(0), 0.5) + "# EOF\n"));
  const auto page = cache.finish();
  ASSERT_TRUE(page) << page.error().what;
  ASSERT_EQ(page->samples.size(), 2U);
  const MetricText text = cache.table().metric(cache.table()[page->samples[1].series].metric);
  EXPECT_EQ(text.name, "gpu_weighted_utilization_ratio");
  EXPECT_EQ(text.kind, metrics::Kind::Gauge);
  EXPECT_EQ(text.help, ScrapeWeights::kWeighted.help);
}

TEST(ScrapeWeights, AreOnlyMadeWhereAskedFor) {
  SeriesRules rules = deriving();
  rules.derive_gpu_weights = false;
  ScrapeCache cache(rules);
  EXPECT_THAT(scrape(cache, kThird).made, IsEmpty());
}

}  // namespace
}  // namespace tessera::relay
