// Targets on a real server, scraped by the loop; what it seals is decoded and looked at.
#include "relay/scrape_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "base/files.h"
#include "http/server.h"
#include "wire/staleness.h"
#include "wire/write_request.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

/// Pages by path, changed while they are asked for.
class Pages {
 public:
  Pages() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto server = http::Server::listen(
        options, {{"GET", "/{page}", [this](const http::Request& request) { return answer(request); }}});
    EXPECT_TRUE(server);
    server_ = *std::move(server);
  }
  void set(const std::string& page, std::string text) {
    const std::lock_guard lock(mutex_);
    pages_[page] = std::move(text);
  }
  /// The requests for a page, in their order.
  std::vector<http::Request> heard(const std::string& page) {
    const std::lock_guard lock(mutex_);
    return heard_[page];
  }
  std::string url(const std::string& page) const { return "http://" + server_->address() + "/" + page; }

 private:
  http::Response answer(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    const auto page = pages_.find(std::string(request.param("page")));
    heard_[std::string(request.param("page"))].push_back(request);
    http::Response response;
    if (page == pages_.end())
      response.status = 404;
    else
      response.body = page->second;
    return response;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> pages_;
  std::map<std::string, std::vector<http::Request>> heard_;
  std::unique_ptr<http::Server> server_;
};

/// What was sealed: each series' samples in the order in which they were written.
class Received {
 public:
  void take(const SealedBatch& sealed) {
    const auto body = wire::decompress(form_of(sealed.kind).compression, sealed.body, 64U << 20U);
    ASSERT_TRUE(body);
    const auto request = wire::decode(form_of(sealed.kind).protocol, *body);
    ASSERT_TRUE(request) << request.error().what;
    const std::lock_guard lock(mutex_);
    for (const auto& series : request->series) {
      std::vector<Label> labels;
      for (const auto& label : series.labels) labels.push_back({label.name, label.value});
      auto& known = samples_[shown(to_labels(std::move(labels)))];
      known.insert(known.end(), series.samples.begin(), series.samples.end());
    }
    changed_.notify_all();
  }
  /// Waits until the samples of a series fulfil the condition.
  bool wait(const std::string& series, const std::function<bool(const std::vector<wire::Sample>&)>& is_met) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return is_met(samples_[series]); });
  }
  std::map<std::string, std::vector<wire::Sample>> all() {
    const std::lock_guard lock(mutex_);
    return samples_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<wire::Sample>> samples_;
};

auto at_least(std::size_t count) {
  return [count](const auto& samples) { return samples.size() >= count; };
}
bool ends_stale(const std::vector<wire::Sample>& samples) {
  return !samples.empty() && wire::is_stale(samples.back().value);
}

struct Bench {
  explicit Bench(RequestKind kind = RequestKind::V2Snappy, RelabelRules write_relabel = {}) {
    destination.relabel = std::move(write_relabel);
    batch = std::make_unique<Batch>(
        BatchOptions{.deadline = 10ms}, [kind] { return kind; },
        [this](const SealedBatch& sealed) { received.take(sealed); });
    job.id = "test";
  }
  Target target(const std::string& page) const {
    Target made;
    made.job = std::make_shared<Job>(job);
    made.labels = to_labels({{"instance", page}, {"job", "test"}});
    made.url = pages.url(page);
    made.interval = 40ms;
    made.timeout = 10s;
    return made;
  }
  void run(ScrapeLoop::Heritage before = {}) {
    auto opened = ScrapeLoop::open(to_labels({{"cluster", "c1"}}), {{&destination, {batch.get()}}}, std::move(before));
    ASSERT_TRUE(opened);
    loop = *std::move(opened);
    thread = std::jthread([this](const std::stop_token& stop) { loop->run(stop); });
  }
  void stop() {
    thread.request_stop();
    thread.join();
  }

  Pages pages;
  Received received;
  Destination destination;
  Job job;
  std::unique_ptr<Batch> batch;
  std::unique_ptr<ScrapeLoop> loop;
  std::jthread thread;
};

std::string series(const std::string& name, const std::string& page) {
  return fmt::format("{{__name__=\"{}\", cluster=\"c1\", instance=\"{}\", job=\"test\"}}", name, page);
}

TEST(ScrapeLoop, AsksForPackedPagesAsItIsTold) {
  Bench bench;
  for (const bool packed : {true, false}) {
    bench.job.scrape.compression = packed;
    const std::string page = packed ? "packed" : "plain";
    bench.pages.set(page, "x 1\n");
    if (packed) bench.run();
    bench.loop->set_targets({bench.target(page)});
    ASSERT_TRUE(bench.received.wait(series("x", page), at_least(2)));
    for (const auto& request : bench.pages.heard(page))
      EXPECT_EQ(request.header("accept-encoding"), packed ? "zstd, gzip;q=0.5" : "identity");
  }
  bench.stop();
}

TEST(ScrapeLoop, SaysOnceThatATargetWentDownAndCameUp) {
  Bench bench;
  bench.pages.set("steady", "x 1\n");
  testing::internal::CaptureStderr();
  bench.run();
  bench.loop->set_targets({bench.target("steady"), bench.target("a")});
  const auto has_been = [](double value, std::size_t times) {
    return [=](const auto& samples) {
      return static_cast<std::size_t>(std::ranges::count(samples, value, &wire::Sample::value)) >= times;
    };
  };
  EXPECT_TRUE(bench.received.wait(series("up", "a"), has_been(0, 3)));
  bench.pages.set("a", "x 1\n");
  EXPECT_TRUE(bench.received.wait(series("up", "a"), has_been(1, 3)));
  EXPECT_TRUE(bench.received.wait(series("up", "steady"), has_been(1, 3)));
  bench.stop();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, testing::HasSubstr("target is down"));
  EXPECT_THAT(log, testing::HasSubstr("/a: HTTP status 404"));
  EXPECT_THAT(log, testing::HasSubstr("target is up again"));
  EXPECT_EQ(std::ranges::count(log, '\n'), 2) << log;
}

TEST(ScrapeLoop, ReadsATokenAgainForEachScrape) {
  const TempDir dir;
  const std::string file = dir.path() / "token";
  Bench bench;
  bench.job.scrape.http.authorization = Authorization{"Bearer", {}, file};
  bench.pages.set("a", "x 1\n");
  ASSERT_TRUE(write_file_atomically(file, "first"));
  bench.run();
  bench.loop->set_targets({bench.target("a")});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(2)));
  ASSERT_TRUE(write_file_atomically(file, "second"));
  const auto enough = bench.received.all().at(series("x", "a")).size() + 2;
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(enough)));
  bench.stop();
  const auto heard = bench.pages.heard("a");
  EXPECT_EQ(heard.front().header("authorization"), "Bearer first");
  EXPECT_EQ(heard.back().header("authorization"), "Bearer second");
}

TEST(ScrapeLoop, ScrapesAndTellsOfTheTarget) {
  Bench bench;
  bench.pages.set("a", "x 1.5\ny NaN\n");
  bench.run();
  bench.loop->set_targets({bench.target("a"), bench.target("missing")});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(3)));
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(2)));
  bench.stop();
  const auto all = bench.received.all();
  for (const auto& sample : all.at(series("x", "a"))) EXPECT_EQ(sample.value, 1.5);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(all.at(series("y", "a"))[0].value), wire::kNanBits);
  EXPECT_EQ(all.at(series("up", "a"))[0].value, 1);
  EXPECT_EQ(all.at(series("up", "missing"))[0].value, 0);
  EXPECT_EQ(all.at(series("scrape_samples_scraped", "a"))[0].value, 2);
  EXPECT_EQ(all.at(series("scrape_samples_post_metric_relabeling", "a"))[0].value, 2);
  EXPECT_EQ(all.at(series("scrape_series_added", "a"))[0].value, 2);
  EXPECT_EQ(all.at(series("scrape_series_added", "a"))[1].value, 0);
  EXPECT_GE(all.at(series("scrape_duration_seconds", "a"))[0].value, 0);
  for (const auto& [name, samples] : all)
    EXPECT_TRUE(std::ranges::is_sorted(samples, std::less_equal<>(), &wire::Sample::time)) << name;
  EXPECT_THAT(bench.loop->scrapes()[1]->status().error, testing::HasSubstr("/missing: HTTP status 404"));
}

TEST(ScrapeLoop, MarksWhatEnded) {
  Bench bench;
  bench.pages.set("a", "x 1\ny 2\n");
  bench.run();
  bench.loop->set_targets({bench.target("a")});
  ASSERT_TRUE(bench.received.wait(series("y", "a"), at_least(1)));
  bench.pages.set("a", "x 1\n");
  ASSERT_TRUE(bench.received.wait(series("y", "a"), ends_stale)) << "a series that left the page";
  bench.pages.set("a", "x 1\n<html>\n");
  ASSERT_TRUE(bench.received.wait(series("x", "a"), ends_stale)) << "a page that is none";
  EXPECT_TRUE(bench.received.wait(series("up", "a"), [](const auto& up) { return up.back().value == 0; }));
  bench.pages.set("a", "x 1\n");
  ASSERT_TRUE(bench.received.wait(series("x", "a"), [](const auto& x) { return !wire::is_stale(x.back().value); }));
  bench.loop->set_targets({});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), ends_stale)) << "a target that left";
  ASSERT_TRUE(bench.received.wait(series("up", "a"), ends_stale));
  bench.stop();
}

TEST(ScrapeLoop, CountsTargetsThatAreGone) {
  Bench bench;
  bench.pages.set("a", "x 1\ny 2\n");
  bench.run();
  bench.loop->set_targets({bench.target("a"), bench.target("missing")});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(3)));
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(2)));
  const ScrapeTotals before = bench.loop->totals();
  EXPECT_GE(before.scrapes, 5U);
  EXPECT_GE(before.failures, 2U);
  EXPECT_EQ(before.samples, 2 * (before.scrapes - before.failures));
  bench.loop->set_targets({});
  ASSERT_TRUE(bench.received.wait(series("up", "a"), ends_stale));
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), ends_stale));
  bench.stop();
  const ScrapeTotals after = bench.loop->totals();
  EXPECT_TRUE(bench.loop->scrapes().empty());
  EXPECT_GE(after.scrapes, before.scrapes);
  EXPECT_EQ(after.samples, 2 * (after.scrapes - after.failures));
}

TEST(ScrapeLoop, CountsPagesByTheLimitThatRefusesThem) {
  static const struct {
    std::string_view limit, page;
    std::function<void(ScrapeLimits&)> set;
  } kCases[] = {
      {"body_size_limit", "body_1 1\nbody_2 2\n", [](ScrapeLimits& limits) { limits.body_bytes = 17; }},
      {"sample_limit", "a 1\nb 2\n", [](ScrapeLimits& limits) { limits.samples = 1; }},
      {"label_limit", "a{x=\"1\",y=\"2\"} 1\n", [](ScrapeLimits& limits) { limits.labels = 3; }},
      {"label_name_length_limit", "a 1\na{long_name=\"1\"} 1",
       [](ScrapeLimits& limits) { limits.label_name_length = 8; }},
      {"label_value_length_limit", "a{x=\"12345678\"} 1\n",
       [](ScrapeLimits& limits) { limits.label_value_length = 7; }},
  };
  for (const auto& c : kCases) {
    Bench bench;
    c.set(bench.job.scrape.limits);
    bench.pages.set("p", std::string(c.page));
    bench.pages.set("b", "label_limit: sample_limit: 1\n");  // broken, which is no limit
    bench.run();
    bench.loop->set_targets({bench.target("p"), bench.target("b")});
    ASSERT_TRUE(bench.received.wait(series("up", "p"), at_least(2))) << c.limit;
    ASSERT_TRUE(bench.received.wait(series("up", "b"), at_least(2))) << c.limit;
    bench.stop();
    const ScrapeTotals totals = bench.loop->totals();
    EXPECT_EQ(totals.failures, totals.scrapes) << c.limit;
    for (std::size_t i = 0; i < kPageLimits.size(); ++i)
      EXPECT_EQ(totals.refused[i] >= 2, kPageLimits[i] == c.limit) << c.limit << ", " << kPageLimits[i];
  }
}

/// The one has gone, the other is another replica's now: only the first ends.
TEST(ScrapeLoop, WhatAnotherReplicaScrapesEndsWithoutAWord) {
  Bench bench;
  bench.pages.set("a", "x 1\n");
  bench.pages.set("b", "x 1\n");
  bench.run();
  bench.loop->set_targets({bench.target("a"), bench.target("b")});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(2)));
  ASSERT_TRUE(bench.received.wait(series("x", "b"), at_least(1)));
  Target elsewhere = bench.target("a");
  elsewhere.ours = false;
  bench.loop->set_targets({elsewhere});
  ASSERT_TRUE(bench.received.wait(series("up", "b"), ends_stale)) << "as long as the other one would have taken";
  EXPECT_TRUE(bench.loop->scrapes().empty());
  bench.stop();
  const auto all = bench.received.all();
  for (const char* name : {"x", "up"}) EXPECT_FALSE(ends_stale(all.at(series(name, "a")))) << name;
  EXPECT_GE(bench.loop->totals().scrapes, 3U) << "what it did counts on";
}

TEST(ScrapeLoop, ATargetThatComesBackAtOnceGoesOn) {
  Bench bench;
  bench.pages.set("a", "x 1\n");
  bench.run();
  Target slow = bench.target("a");
  slow.interval = 2s;  // its grace is long enough for any machine
  bench.loop->set_targets({slow});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(1)));
  bench.loop->set_targets({bench.target("missing")});
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(1)));
  bench.loop->set_targets({slow});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(3)));
  bench.stop();
  const auto all = bench.received.all();
  for (const auto& sample : all.at(series("x", "a"))) EXPECT_FALSE(wire::is_stale(sample.value));
}

TEST(ScrapeLoop, AnotherConfigurationGoesOnWhereTheOldOneEnded) {
  Bench bench;
  bench.pages.set("a", "x 1\ny 1\n");
  bench.pages.set("b", "z 1\n");
  bench.run();
  bench.loop->set_targets({bench.target("a"), bench.target("b")});
  ASSERT_TRUE(bench.received.wait(series("y", "a"), at_least(1)));
  ASSERT_TRUE(bench.received.wait(series("z", "b"), at_least(1)));
  bench.stop();
  auto before = bench.loop->hand_over();
  bench.pages.set("a", "x 1\n");
  bench.run(std::move(before));
  bench.loop->set_targets({bench.target("a")});
  ASSERT_TRUE(bench.received.wait(series("y", "a"), ends_stale)) << "gone between the two";
  ASSERT_TRUE(bench.received.wait(series("z", "b"), ends_stale)) << "not configured any more";
  bench.stop();
  const auto all = bench.received.all();
  for (const auto& sample : all.at(series("x", "a"))) EXPECT_FALSE(wire::is_stale(sample.value));
}

/// A page that is served when the test says so.
class HeldPage {
 public:
  HeldPage() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto server = http::Server::listen(options, {{"GET", "/", [this](const http::Request&) {
                                                    ++asked_;
                                                    asked_.notify_all();
                                                    gate_.wait(true);
                                                    http::Response response;
                                                    response.body = "x 1\n";
                                                    return response;
                                                  }}});
    EXPECT_TRUE(server);
    server_ = *std::move(server);
  }
  ~HeldPage() { open(); }
  std::string url() const { return "http://" + server_->address() + "/"; }
  void wait_until_asked() { asked_.wait(0); }
  void open() {
    gate_ = false;
    gate_.notify_all();
  }
  int asked() const { return asked_; }

 private:
  std::atomic<int> asked_ = 0;
  std::atomic<bool> gate_ = true;
  std::unique_ptr<http::Server> server_;
};

TEST(ScrapeLoop, APageThatIsBeingReadIsHandedOver) {
  for (const bool settings_change : {false, true}) {
    HeldPage held;
    Bench bench;
    Target target = bench.target("held");
    target.url = held.url();
    target.timeout = 60s;
    bench.run();
    bench.loop->set_targets({target});
    held.wait_until_asked();
    bench.stop();
    bench.run(bench.loop->hand_over());
    if (settings_change) {
      const auto job = std::make_shared<Job>(*target.job);
      job->scrape.honor_labels = !job->scrape.honor_labels;
      target.job = job;
    }
    bench.loop->set_targets({target});
    held.open();
    ASSERT_TRUE(bench.received.wait(series("x", "held"), at_least(2)));
    bench.stop();
    bench.loop.reset();
    const auto all = bench.received.all();
    for (const auto& up : all.at(series("up", "held"))) EXPECT_EQ(up.value, 1);
    for (const auto& x : all.at(series("x", "held"))) EXPECT_FALSE(wire::is_stale(x.value));
    EXPECT_LE(static_cast<std::size_t>(held.asked()) - all.at(series("x", "held")).size(), 1U) << "only the last";
  }
}

TEST(ScrapeLoop, APageThatIsBeingReadAsItsTargetGoesComesBeforeTheEnd) {
  HeldPage held;
  Bench bench;
  Target target = bench.target("held");
  target.url = held.url();
  target.timeout = 60s;
  bench.run();
  bench.loop->set_targets({target});
  held.wait_until_asked();
  bench.loop->set_targets({bench.target("missing")});
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(5))) << "two intervals later it is still read";
  EXPECT_FALSE(bench.received.all().contains(series("up", "held")));
  held.open();
  ASSERT_TRUE(bench.received.wait(series("x", "held"), ends_stale));
  ASSERT_TRUE(bench.received.wait(series("up", "held"), ends_stale));
  bench.stop();
  for (const char* name : {"x", "up"}) {
    const auto samples = bench.received.all().at(series(name, "held"));
    ASSERT_EQ(samples.size(), 2U) << name;
    EXPECT_EQ(samples[0].value, 1) << name;
    EXPECT_LT(samples[0].time, samples[1].time) << name;
  }
}

TEST(ScrapeLoop, APageThatAnotherReplicaReadsNowIsLeft) {
  HeldPage held;
  Bench bench;
  Target target = bench.target("held");
  target.url = held.url();
  target.timeout = 60s;
  bench.run();
  bench.loop->set_targets({target});
  held.wait_until_asked();
  target.ours = false;
  bench.loop->set_targets({target, bench.target("missing")});
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(1)));
  held.open();
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(5)));
  bench.stop();
  EXPECT_FALSE(bench.received.all().contains(series("up", "held")));
}

TEST(ScrapeLoop, TargetsOfUnreadSourcesStay) {
  Bench bench;
  bench.pages.set("a", "x 1\n");
  bench.run();
  bench.loop->set_targets({bench.target("a")});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(1)));
  bench.stop();
  bench.run(bench.loop->hand_over());
  bench.loop->set_targets({}, {"test"});
  const std::size_t before = bench.received.all()[series("x", "a")].size();
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(before + 3)));
  bench.loop->set_targets({}, {"another"});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), ends_stale)) << "its sources have been read";
  bench.stop();
  const auto all = bench.received.all();
  const auto& x = all.at(series("x", "a"));
  EXPECT_EQ(std::ranges::count_if(x, [](const auto& sample) { return wire::is_stale(sample.value); }), 1);
}

TEST(ScrapeLoop, KnowsWhoIsSilent) {
  Bench bench;
  bench.pages.set("a", "x 1\n");
  bench.run();
  Target target = bench.target("a"), missing = bench.target("missing");
  target.timeout = 10s;  // a busy machine does not make it silent
  missing.timeout = 1ms;
  bench.loop->set_targets({target, missing});
  ASSERT_TRUE(bench.received.wait(series("up", "missing"), at_least(5)));
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(2)));
  EXPECT_EQ(bench.loop->silent(), std::set{missing.key()});
  bench.stop();
}

TEST(ScrapeLoop, ASlowTargetHoldsUpNobody) {
  Bench bench;
  bench.pages.set("a", "x 1\n");
  bench.run();
  std::mutex gate;
  gate.lock();
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  const auto stuck = http::Server::listen(options, {{"GET", "/", [&](const http::Request&) {
                                                       const std::lock_guard wait(gate);
                                                       return http::Response{};
                                                     }}});
  ASSERT_TRUE(stuck);
  Target slow = bench.target("slow");
  slow.url = "http://" + (*stuck)->address() + "/";
  bench.loop->set_targets({slow, bench.target("a")});
  ASSERT_TRUE(bench.received.wait(series("x", "a"), at_least(10)));
  EXPECT_FALSE(bench.received.all().contains(series("up", "slow"))) << "it has not answered yet";
  gate.unlock();
  ASSERT_TRUE(bench.received.wait(series("up", "slow"), at_least(1)));
  bench.stop();
}

TEST(ScrapeLoop, WriteRelabellingIsTheDestinationsOwn) {
  RelabelRule drop;
  drop.source_labels = {"__name__"};
  drop.regex = "y";
  drop.action = RelabelAction::Drop;
  RelabelRule strip;
  strip.regex = "instance|a";
  strip.action = RelabelAction::LabelDrop;
  Bench bench(RequestKind::V1Snappy, {*Relabel::compile(drop), *Relabel::compile(strip)});
  bench.pages.set("p", "# TYPE x counter\nx{a=\"1\"} 1\nx{a=\"2\"} 2\ny 3\n");
  bench.run();
  bench.loop->set_targets({bench.target("p")});
  const std::string kept = "{__name__=\"x\", cluster=\"c1\", job=\"test\"}";
  ASSERT_TRUE(bench.received.wait(kept, at_least(2)));
  bench.stop();
  const auto all = bench.received.all();
  for (const auto& sample : all.at(kept)) EXPECT_EQ(sample.value, 1) << "the first of those that became the same";
  EXPECT_FALSE(all.contains(series("y", "p")));
  EXPECT_GE(bench.loop->scrapes()[0]->status().collisions, 2U) << "one at each scrape";
}

}  // namespace
}  // namespace tessera::relay
