// Series that write relabelling makes the same, and metadata of version 1, in the requests that come of them.
#include "relay/outlet.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/staleness.h"

namespace tessera::relay {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// One target's way to one destination, and the requests that were sealed on it.
class Bench {
 public:
  explicit Bench(const BatchOptions& options = {}, RelabelRules rules = {})
      : batch_(options, [] { return RequestKind::V1Snappy; }, [this](const SealedBatch& sealed) { take(sealed); }) {
    destination_.relabel = std::move(rules);
    outlet_ = std::make_unique<Outlet>(destination_, batch_);
  }

  std::uint32_t series(const std::string& name, Labels labels = {}) {
    set_label(labels, "__name__", name);
    table.set_kind(name, metrics::Kind::Gauge);
    return table.add(labels, name);
  }
  /// At the time of the call's number; the page's samples first, then the ends, as a scrape has them.
  void deliver(const std::vector<ScrapedSample>& samples, const std::vector<std::uint32_t>& gone = {},
               SteadyTime now = SteadyTime() + std::chrono::hours(1)) {
    std::vector<ScrapedSample> ends;
    for (const auto row : gone) ends.push_back({row, wire::stale_marker()});
    ++time_;
    outlet_->deliver({table, epoch, samples, {}, {}, time_}, now);
    outlet_->deliver({table, epoch, ends, {}, {}, time_}, now);
  }
  const std::vector<wire::WriteRequest>& requests() {
    batch_.seal();
    return requests_;
  }
  /// Of all series together, in the order of their going: "value" or "end", with the number of the call.
  std::vector<std::string> went() {
    std::vector<std::string> out;
    for (const auto& request : requests())
      for (const auto& one : request.series)
        for (const auto& sample : one.samples)
          out.push_back(wire::is_stale(sample.value) ? fmt::format("end@{}", sample.time)
                                                     : fmt::format("{}@{}", sample.value, sample.time));
    return out;
  }
  Outlet& outlet() { return *outlet_; }

  SeriesTable table;
  std::uint64_t epoch = 1;

 private:
  void take(const SealedBatch& sealed) {
    const auto body = wire::decompress(form_of(sealed.kind).compression, sealed.body, 64U << 20U);
    ASSERT_TRUE(body);
    auto request = wire::decode(form_of(sealed.kind).protocol, *body);
    ASSERT_TRUE(request) << request.error().what;
    requests_.push_back(*std::move(request));
  }

  Destination destination_;
  std::vector<wire::WriteRequest> requests_;
  Batch batch_;
  std::unique_ptr<Outlet> outlet_;
  EpochMs time_ = 0;
};

RelabelRules without(const std::string& labels) {
  RelabelRule rule;
  rule.regex = labels;
  rule.action = RelabelAction::LabelDrop;
  return {*Relabel::compile(rule)};
}

TEST(Outlet, OfTwoThatBecameTheSameTheSecondGoesOnAfterTheEndOfTheFirst) {
  Bench bench({}, without("a"));
  const auto first = bench.series("x", {{"a", "1"}}), second = bench.series("x", {{"a", "2"}});
  bench.deliver({{first, 1}, {second, 2}});
  bench.deliver({{second, 2}, {first, 1}});
  bench.deliver({{second, 2}}, {first});
  bench.deliver({{second, 2}});
  bench.deliver({{first, 1}, {second, 2}});
  bench.deliver({}, {second, first});
  EXPECT_THAT(bench.went(), ElementsAre("1@1", "1@2", "end@3", "2@4", "2@5", "end@6"));
  EXPECT_EQ(bench.outlet().collisions(), 4U);
}

// Series with times of their own leave without a marker.
TEST(Outlet, OfTwoThatBecameTheSameTheSecondGoesOnWhereTheFirstStaysAway) {
  Bench bench({}, without("a"));
  const auto first = bench.series("x", {{"a", "1"}}), second = bench.series("x", {{"a", "2"}});
  bench.deliver({{first, 1}, {second, 2}});
  bench.deliver({{second, 2}});
  bench.deliver({{second, 2}});
  bench.deliver({{first, 1}, {second, 2}});
  bench.deliver({{first, 1}});
  bench.deliver({{first, 1}});
  EXPECT_THAT(bench.went(), ElementsAre("1@1", "2@3", "2@4", "1@6"));
  EXPECT_EQ(bench.outlet().collisions(), 4U);
}

TEST(Outlet, BothOfTwoThatBecameTheSameEndOnce) {
  Bench bench({}, without("a"));
  const auto first = bench.series("x", {{"a", "1"}}), second = bench.series("x", {{"a", "2"}});
  bench.deliver({{first, 1}, {second, 2}});
  bench.deliver({}, {first, second});
  EXPECT_THAT(bench.went(), ElementsAre("1@1", "end@2"));
}

// The table was built anew, or the configuration is another: what went before is not known here, but owed an end.
TEST(Outlet, EndsWhatAnotherTableBegan) {
  Bench bench({}, without("a"));
  const auto first = bench.series("x", {{"a", "1"}}), second = bench.series("x", {{"a", "2"}});
  bench.deliver({}, {second, first});
  EXPECT_THAT(bench.went(), ElementsAre("end@1"));
  bench.deliver({{first, 1}});
  ++bench.epoch;
  bench.deliver({{second, 2}}, {first});
  EXPECT_THAT(bench.went(), ElementsAre("end@1", "1@2", "2@3")) << "it goes on under the same labels";
}

TEST(Outlet, NamesThatTheRulesBreakGoNoFurther) {
  RelabelRule rename;
  rename.source_labels = {"a"};
  rename.regex = "(.+)";
  rename.target_label = "__name__";
  rename.replacement = "$1";
  Bench bench({}, {*Relabel::compile(rename)});
  const auto good = bench.series("x", {{"a", "fine:name"}}), bad = bench.series("x", {{"a", "1 bad"}});
  bench.deliver({{good, 1}, {bad, 2}});
  bench.deliver({{bad, 2}}, {good});
  bench.deliver({}, {bad});
  EXPECT_THAT(bench.went(), ElementsAre("1@1", "end@2"));
  EXPECT_EQ(bench.outlet().take_unfit(), 2U);
  EXPECT_EQ(bench.outlet().take_unfit(), 0U);
}

TEST(Outlet, EveryRequestOfAPageTellsTheMetadataOfItsOwn) {
  Bench bench({.max_samples = 3});
  std::vector<ScrapedSample> samples;
  for (int i = 0; i < 7; ++i) samples.push_back({bench.series(fmt::format("m{}", i)), 1});
  bench.deliver(samples);
  bench.deliver(samples);  // a moment later: told already
  const auto& requests = bench.requests();
  ASSERT_THAT(requests, SizeIs(5));
  std::vector<std::string> families;
  for (const auto& request : requests)
    for (const auto& entry : request.metadata) families.push_back(entry.family);
  EXPECT_THAT(requests[0].metadata, SizeIs(3));
  EXPECT_THAT(requests[1].metadata, SizeIs(3));
  EXPECT_EQ(std::ranges::count(families, "m6"), 1);
  EXPECT_THAT(requests[3].metadata, IsEmpty());
  EXPECT_THAT(requests[4].metadata, IsEmpty());
}

TEST(Outlet, NoRequestTellsMoreMetadataThanItMay) {
  Bench bench({.max_metadata = 2});
  std::vector<ScrapedSample> samples;
  for (const char* name : {"a", "b", "c", "d", "e"})
    for (const char* label : {"1", "2"}) samples.push_back({bench.series(name, {{"l", label}}), 1});
  const auto now = SteadyTime() + std::chrono::hours(1);
  bench.deliver(samples, {}, now);
  bench.deliver(samples, {}, now + std::chrono::seconds(1));
  bench.deliver(samples, {}, now + std::chrono::hours(1));
  std::size_t told = 0, sent = 0;
  for (const auto& request : bench.requests()) {
    EXPECT_LE(request.metadata.size(), 2U);
    told += request.metadata.size();
    for (const auto& one : request.series) sent += one.samples.size();
  }
  EXPECT_EQ(sent, 30U);
  EXPECT_GE(told, 10U) << "each at both times";
}

}  // namespace
}  // namespace tessera::relay
