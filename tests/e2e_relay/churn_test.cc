// Targets that appear, change and vanish all the time: every page served is in the stores, whole, once, at one time,
// and each series ends with the page that no longer has it.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <set>

#include "base/text.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"
#include "tests/e2e_relay/two_stores.h"

namespace tessera::e2e {
namespace {
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr EpochMs kAhead = 100;  // the relay's clock never runs back, and so may be ahead of the wall's for a moment

using Rows = std::set<std::string>;

/// What page `number` of a target has: rows that come and go, each in its own time, and one that never comes back.
Rows rows_of(int target, std::size_t number) {
  constexpr std::size_t kComeAndGo = 8;
  Rows rows = {fmt::format("phase{}", number / 4)};
  for (std::size_t row = 0; row < kComeAndGo; ++row)
    if ((number / (row + 2) + static_cast<std::size_t>(target)) % 2 == 0) rows.insert(fmt::format("row{}", row));
  return rows;
}

/// Many targets of one server: page n says `churn{row} n` for each of its rows.
class ChurningTargets {
 public:
  explicit ChurningTargets(int count)
      : served_(static_cast<std::size_t>(count)),
        server_(serve("/{target}", [this](const http::Request& request) { return handle(request.param("target")); })) {}
  ~ChurningTargets() { server_.reset(); }
  ChurningTargets(const ChurningTargets&) = delete;
  ChurningTargets& operator=(const ChurningTargets&) = delete;

  int count() const { return static_cast<int>(served_.size()); }
  http::Response list(const std::set<int>& present) const {
    std::vector<std::string> groups;
    for (const int target : present)
      groups.push_back(fmt::format(R"({{"targets": ["{}"], "labels": {{"__metrics_path__": "/{}", "target": "{}"}}}})",
                                   server_->address(), target, target));
    http::Response response;
    response.content_type = "application/json";
    response.body = fmt::format("[{}]", fmt::join(groups, ", "));
    return response;
  }
  /// From now on every page is a failure.
  void finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }
  /// When page 1, 2, … of a target was served.
  std::vector<EpochMs> served(int target) const {
    const std::lock_guard lock(mutex_);
    return served_[static_cast<std::size_t>(target)];
  }
  std::size_t served_in_all() const {
    std::size_t sum = 0;
    for (int target = 0; target < count(); ++target) sum += served(target).size();
    return sum;
  }

 private:
  http::Response handle(std::string_view name) {
    const int target = static_cast<int>(parse_int(name).value_or(-1));
    http::Response response = text_page("# TYPE churn gauge\n");
    const std::lock_guard lock(mutex_);
    if (finished_ || target < 0 || target >= count()) {
      response.status = 503;
      return response;
    }
    auto& times = served_[static_cast<std::size_t>(target)];
    times.push_back(now_epoch_ms());
    for (const auto& row : rows_of(target, times.size()))
      response.body += fmt::format("churn{{row=\"{}\"}} {}\n", row, times.size());
    return response;
  }

  mutable std::mutex mutex_;
  std::vector<std::vector<EpochMs>> served_;  // guarded by mutex_
  bool finished_ = false;                     // guarded by mutex_
  std::unique_ptr<http::Server> server_;
};

/// A page as a store has it.
struct Held {
  std::set<EpochMs> times;
  Rows rows;
};

using Pages = std::map<std::size_t, Held>;

/// What a store has of a target, by the numbers that its samples say; `wrong` takes what can be of no page.
Pages pages_of(const Samples& samples, std::vector<std::string>& wrong) {
  Pages pages;
  for (const auto& [labels, points] : samples)
    for (const Point& point : points) {
      const double number = point.value;
      if (number != std::floor(number) || number < 1) {
        wrong.push_back(fmt::format("{} is {}", shown(labels), number));
        continue;
      }
      Held& page = pages[static_cast<std::size_t>(number)];
      page.times.insert(point.time);
      if (!page.rows.insert(labels.at("row")).second) wrong.push_back(fmt::format("{} twice", shown(labels)));
    }
  return pages;
}

/// The values of a series about a target, by time.
std::map<EpochMs, double> about(Receiver& store, const std::string& name, int target) {
  std::map<EpochMs, double> out;
  for (const auto& [labels, points] : store.samples(fmt::format("{}{{target=\"{}\"}}", name, target)))
    for (const Point& point : points) out[point.time] = point.value;
  return out;
}

/// What differs between what a target served and what a store holds. `lost`: pages that may be missing beside those
/// whose scrape failed, as it was under way when the target was taken from the list.
std::vector<std::string> differences(const ChurningTargets& targets, int target, std::size_t lost, Receiver& store) {
  std::vector<std::string> wrong;
  const auto served = targets.served(target);
  const std::string selector = fmt::format("churn{{target=\"{}\"}}", target);
  const Pages pages = pages_of(store.samples(selector), wrong);
  const auto up = about(store, "up", target);
  const auto scraped = about(store, "scrape_samples_scraped", target);
  EpochMs before = 0;
  for (const auto& [number, page] : pages) {
    const EpochMs time = *page.times.begin();
    const auto is = [&](const std::map<EpochMs, double>& series, double value) {
      const auto at = series.find(time);
      return at != series.end() && at->second == value;
    };
    if (number > served.size()) {
      wrong.push_back(fmt::format("page {} was never served", number));
      continue;
    }
    if (page.rows != rows_of(target, number)) wrong.push_back(fmt::format("page {} has {}", number, page.rows));
    if (page.times.size() != 1) wrong.push_back(fmt::format("page {} has {} times", number, page.times.size()));
    if (time <= before || time > served[number - 1] + kAhead)
      wrong.push_back(fmt::format("page {} at {} after {}, served at {}", number, time, before, served[number - 1]));
    if (!is(up, 1)) wrong.push_back(fmt::format("page {} at {} has no up of 1", number, time));
    if (!is(scraped, static_cast<double>(page.rows.size())))
      wrong.push_back(fmt::format("page {} at {} is not counted right", number, time));
    before = time;
  }
  const auto failed =
      static_cast<std::size_t>(std::ranges::count(up, 0, [](const auto& entry) { return entry.second; }));
  if (served.size() > pages.size() + failed + lost)
    wrong.push_back(
        fmt::format("{} pages of {}; {} scrapes failed, {} were cut short", pages.size(), served.size(), failed, lost));
  // At the time of a page its rows are there and no others: those that it lacks have ended.
  constexpr std::size_t kLooks = 10;
  std::size_t place = 0;
  for (const auto& [number, page] : pages) {
    if (place++ % (pages.size() / kLooks + 1) != 0) continue;
    Rows there;
    for (const auto& [labels, value] : store.at(selector, *page.times.begin())) there.insert(labels.at("row"));
    if (there != page.rows) wrong.push_back(fmt::format("with page {} {} are there, not {}", number, there, page.rows));
  }
  if (wrong.size() > 10) wrong.resize(10);
  return wrong;
}

using Churn = TwoStores;

/// The short form runs with the tests, the long one in tests/soak.
int chosen(const char* variable, int otherwise) {
  const char* const text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

TEST_F(Churn, EveryPageIsThereWholeAndEverySeriesEnds) {
  ChurningTargets targets(chosen("TESSERA_CHURN_TARGETS", 6));
  std::minstd_rand random(static_cast<unsigned>(chosen("TESSERA_CHURN_SEED", 7)));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(chosen("TESSERA_CHURN_SECONDS", 4));
  std::set<int> present = {0, 1, 2};
  std::vector<std::size_t> left(static_cast<std::size_t>(targets.count()));
  ScriptedTarget list([page = targets.list(present)](int) { return page; });
  Relay relay(global("250ms") + "scrape_configs:\n- {job_name: churn, http_sd_configs: [{url: \"http://" +
              list.address() + "/metrics\", refresh_interval: 200ms}]}\n" + to_both());
  do {
    const auto enough = targets.served_in_all() + present.size() * (2 + random() % 6);
    EXPECT_TRUE(eventually([&] { return targets.served_in_all() >= enough; }));
    const int target = 1 + static_cast<int>(random() % static_cast<unsigned>(targets.count() - 1));  // the first stays
    if (!present.insert(target).second) {
      present.erase(target);
      ++left[static_cast<std::size_t>(target)];
    }
    list.become([page = targets.list(present)](int) { return page; });
  } while (std::chrono::steady_clock::now() < until);
  EXPECT_TRUE(list.asked(1));
  for (const auto& store : stores())
    EXPECT_TRUE(eventually([&] {
      std::set<int> there;
      for (const auto& [labels, value] : store->at("churn", now_epoch_ms()))
        there.insert(std::stoi(labels.at("target")));
      return there == present;
    })) << "what left the list has ended in "
        << store->name();
  targets.finish();
  EXPECT_TRUE(vanished("churn"));
  EXPECT_TRUE(relay.has_sent_all());
  EXPECT_EQ(relay.sum("tessera_relay_dropped_samples_total"), 0);
  EXPECT_EQ(relay.stop(), 0);
  for (const auto& store : stores())
    for (int target = 0; target < targets.count(); ++target)
      EXPECT_THAT(differences(targets, target, left[static_cast<std::size_t>(target)], *store), IsEmpty())
          << "target " << target << ", " << store->name();
  fmt::print("{} pages of {} targets\n", targets.served_in_all(), targets.count());
}

}  // namespace
}  // namespace tessera::e2e
