// A real Prometheus that evaluates what deploy/prometheus records of costs, over weeks of made-up fleets and a page as
// the server's, and the server's own function over the same hours: how far off the usual an hour is comes to one
// number.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <random>

#include "base/duration.h"
#include "fleet/alerts/baseline.h"
#include "fleet/alerts/observe_costs.h"
#include "http/server.h"
#include "tests/e2e/child.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {
namespace alerts = fleet::alerts;

constexpr std::size_t kHours = 24 * 29;
constexpr EpochMs kMinute = 60'000, kHour = 60 * kMinute;

/// One page that does not change.
class Page {
 public:
  explicit Page(std::string text) {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto made = http::Server::listen(options, {{"GET", "/metrics", [text = std::move(text)](const http::Request&) {
                                                  http::Response out;
                                                  out.content_type = "text/plain";
                                                  out.body = text;
                                                  return out;
                                                }}});
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    if (made) server_ = *std::move(made);
  }
  std::string address() const { return server_->address(); }

 private:
  std::unique_ptr<http::Server> server_;
};

/// Of the last hour, what each team's two projects cost; of nobody's, each kind.
struct LastHour {
  std::map<std::string, std::array<double, 2>> teams;
  std::array<double, 3> nobodys{};
  double unowned = 0;

  std::string page() const {
    std::string out;
    for (const auto& [team, projects] : teams)
      for (std::size_t i = 0; i < projects.size(); ++i)
        out += fmt::format("gpu_hourly_cost{{team=\"{}\",project=\"p{}\"}} {}\n", team, i, projects[i]);
    out += fmt::format("gpu_hourly_cost{{team=\"\",project=\"\"}} {}\n", unowned);
    constexpr std::array kKinds = {"unallocated", "unobserved", "overhead"};
    for (std::size_t i = 0; i < kKinds.size(); ++i)
      out += fmt::format("gpu_hourly_cost_of_nobody{{kind=\"{}\"}} {}\n", kKinds[i], nobodys[i]);
    return out;
  }
};

/// Weeks that look alike, with hours that are not known; the last two hours may be anything.
struct MadeUp {
  explicit MadeUp(std::uint64_t seed) : random(seed) {
    alerts::CostPast fleet{"", std::vector<std::optional<double>>(kHours)};
    for (int i = 0; i < 40; ++i) add_team(fmt::format("t{}", i), fleet);
    for (double& one : last.nobodys) one = between(1, 50);
    last.unowned = between(1, 5);
    for (std::size_t i = 0; i + 1 < kHours; ++i) fleet.hours[i] = fleet.hours[i].value_or(0) + between(80, 100);
    double all = last.unowned;
    for (const double one : last.nobodys) all += one;
    for (const auto& [team, projects] : last.teams) all += projects[0] + projects[1];
    fleet.hours[kHours - 1] = all;
    past.push_back(std::move(fleet));
  }
  double between(double from, double to) { return std::uniform_real_distribution(from, to)(random); }

  void add_team(const std::string& name, alerts::CostPast& fleet) {
    alerts::CostPast team{name, std::vector<std::optional<double>>(kHours)};
    const double usual = std::exp(between(-1, 5)), noise = between(0, 0.3), unknown = between(0, 0.3),
                 jumps = between(0, 0.15), jump = between(0, 12);
    for (std::size_t i = 0; i < kHours; ++i) {
      const bool is_last = i + 2 >= kHours;
      double value = usual * (1 + noise * between(-1, 1));
      if (between(0, 1) < (is_last ? 0.7 : jumps)) value *= jump;
      if (!is_last && between(0, 1) < unknown) continue;
      team.hours[i] = value;
      fleet.hours[i] = fleet.hours[i].value_or(0) + value;
    }
    const double now = *team.hours.back(), part = now * between(0, 1);
    last.teams[name] = {part, now - part};
    team.hours.back() = part + (now - part);
    past.push_back(std::move(team));
  }

  /// As it is recorded, for one to whom the hour before the last, or that one, is now: those hours that are asked for.
  std::string recorded(EpochMs now, std::size_t back) const {
    std::string out = "# TYPE scope:gpu_hourly_cost:avg1h gauge\n";
    for (const alerts::CostPast& one : past) {
      const std::string labels =
          one.team.empty() ? "scope=\"fleet\"" : fmt::format("scope=\"team:{}\",team=\"{}\"", one.team, one.team);
      for (std::size_t ago = kHours - 1 - back; ago + 1 > (back == 0 ? 1 : 0); --ago) {
        const auto& value = one.hours[kHours - 1 - back - ago];
        const bool asked = ago == 0 || (ago + 1) % 168 <= 2;
        if (!value || !asked) continue;
        for (EpochMs at = -6 * kMinute; at <= (ago == 0 ? 0 : 10 * kMinute); at += 2 * kMinute)
          out += fmt::format("scope:gpu_hourly_cost:avg1h{{{}}} {} {:.3f}\n", labels, *value,
                             static_cast<double>(now - static_cast<EpochMs>(ago) * kHour + at) / 1'000);
      }
    }
    return out + "# EOF\n";
  }

  std::mt19937_64 random;
  std::vector<alerts::CostPast> past;
  LastHour last;
};

std::map<std::string, double> by_scope(Prometheus& of, const std::string& query) {
  std::map<std::string, double> out;
  for (const Vector& row : of.query(query)) out[row.labels.at("scope")] = row.value;
  return out;
}

/// As the rule of the server says: of two hours the one that is less off.
double weaker(double a, double b) { return a * b <= 0 ? 0 : std::abs(a) < std::abs(b) ? a : b; }

TEST(CostRules, RecordWhatTheServerObserves) {
  const MadeUp fleet(20'261'201);
  const EpochMs now = now_epoch_ms();
  const Page page(fleet.last.page()), no_costs("up_and_well 1\n");
  const std::string rules = TESSERA_SOURCE_DIR "/deploy/prometheus/gpu.rules.yaml";
  const auto last = Prometheus::remembering(fleet.recorded(now, 0), page.address(), rules),
             before = Prometheus::remembering(fleet.recorded(now, 1), no_costs.address(), rules);
  if (!last || !before) GTEST_SKIP() << "no Prometheus, or no promtool, on this machine: ./dev unpacks them";
  const std::string deviation = "scope:gpu_hourly_cost:deviation", hour = "scope:gpu_hourly_cost:avg1h";
  // What the page tells counts from the next whole minute on.
  ASSERT_TRUE(eventually([&] { return by_scope(*last, hour).size() == fleet.past.size(); }, std::chrono::seconds(90)));
  const auto recorded = by_scope(*last, hour);
  for (const alerts::CostPast& one : fleet.past) {
    const std::string scope = one.team.empty() ? "fleet" : "team:" + one.team;
    EXPECT_NEAR(recorded.at(scope), *one.hours.back(), 1e-9 * std::max(1.0, *one.hours.back())) << scope;
  }
  ASSERT_TRUE(
      eventually([&] { return by_scope(*last, deviation).size() > 5 && by_scope(*before, deviation).size() > 5; }));
  const auto of_last = by_scope(*last, deviation), of_before = by_scope(*before, deviation);
  int compared = 0, beyond = 0;
  for (const alerts::CostDeviation& one : alerts::cost_deviations(fleet.past)) {
    const std::string scope = one.team.empty() ? "fleet" : "team:" + one.team;
    if (!of_last.contains(scope) || !of_before.contains(scope)) {
      // Often seen, which is told as nothing there, and bounded here; or nobody knows.
      EXPECT_LE(std::abs(one.deviation.value_or(0)), alerts::kOftenSeen) << scope;
      continue;
    }
    const double told = weaker(of_last.at(scope), of_before.at(scope));
    ASSERT_TRUE(one.deviation) << scope;
    EXPECT_NEAR(*one.deviation, told, 1e-9 * std::max(1.0, std::abs(told))) << scope;
    ++compared;
    beyond += std::abs(told) > 6;
  }
  EXPECT_GT(compared, 10);
  EXPECT_GT(beyond, 1) << "else alerts are not among them";
}

}  // namespace
}  // namespace tessera::e2e
