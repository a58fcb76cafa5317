// Exporters of this project and of others: their last page, and what a Prometheus has that scrapes them itself, is held
// against what the stores have.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/e2e/node.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using testing::IsEmpty;

/// A real exporter's pages, passed on and kept; after `finish` all that follow are failures.
class Recorded {
 public:
  explicit Recorded(const std::string& url)
      : target_([this, url](int) {
          const std::lock_guard lock(mutex_);
          if (finished_) return failure();
          http::ClientRequest request;
          request.url = url;
          auto page = client_.send(request);
          if (!page || page->status != 200) return failure();
          pages_.push_back(page->body);
          return text_page(page->body);
        }) {}
  std::string address() const { return target_.address(); }
  std::vector<std::string> finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    return pages_;
  }
  bool has(std::size_t pages) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return pages_.size() >= pages;
    });
  }

 private:
  static http::Response failure() {
    http::Response response;
    response.status = 503;
    return response;
  }
  std::mutex mutex_;
  http::Client client_;             // guarded by mutex_
  std::vector<std::string> pages_;  // guarded by mutex_
  bool finished_ = false;           // guarded by mutex_
  ScriptedTarget target_;
};

class RealTargets : public TwoStores {
 protected:
  /// What differs between a page and what a store has of it.
  static std::vector<std::string> differences(const std::string& text, const Samples& held, double precision) {
    std::vector<std::string> out;
    const auto page = read_page(text);
    if (!page) return {"the page cannot be read: " + text.substr(0, 200)};
    std::size_t numbers = 0;
    for (const Row& row : page->rows) {
      Labels labels{{"__name__", row.name}, {"from", "page"}};
      for (const auto& [name, value] : row.labels)
        if (!value.empty()) labels[name] = value;
      if (std::isnan(row.value)) continue;  // a store's page cannot tell it from nothing
      ++numbers;
      const auto at = held.find(labels);
      if (at == held.end())
        out.push_back("missing: " + shown(labels));
      else if (std::abs(at->second.back().value - row.value) > precision * std::abs(row.value))
        out.push_back(fmt::format("{} is {}, not {}", shown(labels), at->second.back().value, row.value));
    }
    if (held.size() < numbers) out.push_back(fmt::format("{} series, not {}", held.size(), numbers));
    if (out.size() > 10) out.resize(10);
    return out;
  }

  /// Scrapes the exporter until it has given some pages, then compares its last.
  void compare(const std::string& job, const std::string& url) {
    Recorded recorded(url);
    Relay relay(global("500ms") + "scrape_configs:\n" +
                static_job(job, {recorded.address()},
                           "  honor_labels: true\n  metric_relabel_configs: [{action: labeldrop, regex: instance|job}, "
                           "{target_label: from, replacement: page}]\n") +
                to_both());
    ASSERT_TRUE(recorded.has(4));
    const auto pages = recorded.finish();
    EXPECT_EQ(relay.stop(), 0);
    for (const auto& store : stores()) {
      std::vector<std::string> wrong;
      eventually([&] {
        return (wrong = differences(pages.back(), store->samples("{from=\"page\"}"), store->precision())).empty();
      });
      EXPECT_THAT(wrong, IsEmpty()) << store->name();
      const auto scraped = values(only(store->samples("scrape_samples_scraped")));
      const auto last = std::ranges::find_if(scraped.rbegin(), scraped.rend(), [](double v) { return v != 0; });
      ASSERT_NE(last, scraped.rend());
      EXPECT_EQ(*last, static_cast<double>(read_page(pages.back())->rows.size()));
    }
  }
};

/// node_exporter on a free port; where it is missing, nothing runs.
Started node_exporter() {
  const std::string exporter = peer("prometheus-node-exporter");
  if (exporter.empty()) return {};
  return start_server(
      [&](int port) {
        return std::vector<std::string>{exporter, fmt::format("--web.listen-address=127.0.0.1:{}", port)};
      },
      "/");
}

std::string origin(const std::string& url) { return url.substr(7, url.find('/', 7) - 7); }

TEST_F(RealTargets, TheAgent) {
  const Node node(scenario("default"));
  Agent agent(node);
  compare("agent", agent.url("/metrics"));
}

TEST_F(RealTargets, NodeExporter) {
  const Started started = node_exporter();
  if (!started.process) GTEST_SKIP() << "prometheus-node-exporter is neither in TESSERA_PEERS nor on the PATH";
  compare("node", fmt::format("http://127.0.0.1:{}/metrics", started.port));
}

TEST_F(RealTargets, Prometheus) {
  const auto write = prometheus().write_url();
  compare("prometheus", write.substr(0, write.find("/api/")) + "/metrics");
}

/// The values of those series that have had one alone.
std::map<Labels, double> constants(const Samples& samples) {
  std::map<Labels, double> out;
  for (const auto& [labels, points] : samples)
    if (std::ranges::all_of(points, [&](const Point& point) { return point.value == points[0].value; }))
      out[labels] = points[0].value;
  return out;
}

EpochMs newest(const Samples& samples) {
  EpochMs out = 0;
  for (const auto& [labels, points] : samples) out = std::max(out, points.back().time);
  return out;
}
bool all_reach(const Samples& samples, EpochMs time) {
  return std::ranges::all_of(samples, [&](const auto& one) { return one.second.back().time >= time; });
}
/// When the last of them began.
EpochMs all_begun(const Samples& samples) {
  EpochMs out = 0;
  for (const auto& [labels, points] : samples) out = std::max(out, points.front().time);
  return out;
}
Samples since(Samples samples, EpochMs time) {
  for (auto& [labels, points] : samples) std::erase_if(points, [&](const Point& point) { return point.time < time; });
  std::erase_if(samples, [](const auto& one) { return one.second.empty(); });
  return samples;
}

/// Without those that are NaN, which one store cannot tell from nothing.
std::set<std::string> names(const std::map<Labels, double>& answer) {
  std::set<std::string> out;
  for (const auto& [labels, value] : answer)
    if (!std::isnan(value)) out.insert(shown(labels));
  return out;
}

std::vector<std::string> only_in(const std::set<std::string>& some, const std::set<std::string>& others) {
  std::vector<std::string> out;
  std::ranges::set_difference(some, others, std::back_inserter(out));
  return out;
}

TEST_F(RealTargets, AreAsAPrometheusHasThemThatScrapesThemItself) {
  const Started exporter = node_exporter();
  if (!exporter.process) GTEST_SKIP() << "prometheus-node-exporter is neither in TESSERA_PEERS nor on the PATH";
  const ScriptedTarget odd(
      "pushed{instance=\"\",pod=\"\"} 1\nboth{instance=\"own\",exported_instance=\"x\"} 2\nexposed{external=\"\"} 3\n");
  const std::vector<std::string> addresses = {fmt::format("127.0.0.1:{}", exporter.port),
                                              origin(prometheus().write_url()), odd.address()};
  const auto direct = scraping_prometheus(addresses);
  Relay relay(global("500ms") + "scrape_configs:\n" + static_job("gpu", addresses, "  honor_labels: true\n") +
              to_both());
  const std::string all = "{job=\"gpu\"}";
  const auto scraped = [&](Receiver& store) {
    const auto ups = store.samples("up" + all);
    return ups.size() == addresses.size() &&
           std::ranges::all_of(ups, [](const auto& up) { return up.second.size() >= 7; });
  };
  EXPECT_TRUE(eventually([&] { return scraped(*direct); }));
  for (const auto& store : stores()) {
    EXPECT_TRUE(eventually([&] { return scraped(*store); }));
    std::set<std::string> want, got;
    EXPECT_TRUE(eventually([&] {
      want = names(direct->at(all, now_epoch_ms()));
      got = names(store->at(all, now_epoch_ms()));
      return want == got;
    })) << store->name();
    EXPECT_THAT(only_in(want, got), IsEmpty()) << store->name();
    EXPECT_THAT(only_in(got, want), IsEmpty()) << store->name();
    EXPECT_GT(want.size(), 300U);
    // Compared is what stood still, for who scrapes itself, from well before the first sample that is compared to well
    // behind the last: a page is read some time after the stamp that it gets.
    constexpr EpochMs kWell = 1'000;
    const Samples held = store->samples(all);
    const std::string ups = "up" + all;
    EXPECT_TRUE(eventually([&] { return all_reach(direct->samples(ups), newest(held) + kWell); }));
    const auto wanted = constants(direct->samples(all));
    std::size_t compared = 0;
    for (const auto& [labels, value] : constants(since(held, all_begun(direct->samples(ups)) + kWell))) {
      const auto same = wanted.find(labels);
      if (same == wanted.end() || std::isnan(value)) continue;
      ++compared;
      EXPECT_LE(std::abs(value - same->second), store->precision() * std::abs(value)) << shown(labels);
    }
    EXPECT_GT(compared, 200U) << store->name();
  }
}

}  // namespace
}  // namespace tessera::e2e
