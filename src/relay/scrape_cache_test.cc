#include "relay/scrape_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tessera::relay {
namespace {
using metrics::Format;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr EpochMs kNow = 1'700'000'000'000;

/// A page as those downstream see it: labels to value, and what went stale.
struct Seen {
  std::map<std::string, double> values;
  std::vector<std::string> stale;
  ScrapedPage page;
};

Seen look(const ScrapeCache& cache, ScrapedPage page) {
  Seen seen;
  for (const auto& [series, value] : page.samples)
    seen.values[shown(cache.table().labels(cache.table()[series]))] = value;
  EXPECT_EQ(seen.values.size(), page.samples.size()) << "a series twice";
  for (const auto series : page.stale) seen.stale.push_back(shown(cache.table().labels(cache.table()[series])));
  seen.page = std::move(page);
  return seen;
}

Result<Seen> scrape(ScrapeCache& cache, std::string_view page, std::size_t piece = 7, Format format = Format::Text) {
  cache.begin(format, kNow);
  for (; !page.empty(); page.remove_prefix(std::min(piece, page.size()))) TRY(cache.feed(page.substr(0, piece)));
  return look(cache, TRY(cache.finish()));
}

std::string why(ScrapeCache& cache, std::string_view page, Format format = Format::Text) {
  const auto seen = scrape(cache, page, 5, format);
  return seen ? "" : seen.error().what;
}

TEST(ScrapeCache, ReadsAPageInPiecesOfAnySize) {
  const std::string page =
      "# HELP a first\n# TYPE a gauge\na{x=\"1\"} 1.5\na{x=\"}\\\"\"} -2e3\n\nb 3 1700000000001\nc NaN";
  for (std::size_t piece = 1; piece <= page.size(); ++piece) {
    ScrapeCache cache({});
    for (int round = 0; round < 3; ++round) {
      const auto seen = scrape(cache, page, piece);
      ASSERT_TRUE(seen) << seen.error().what;
      EXPECT_EQ(seen->values.size(), 4U);
      EXPECT_EQ(seen->values.at("{__name__=\"a\", x=\"1\"}"), 1.5);
      EXPECT_EQ(seen->values.at("{__name__=\"a\", x=\"}\\\"\"}"), -2000);
      EXPECT_EQ(seen->page.scraped, 4U);
      EXPECT_EQ(seen->page.added, round == 0 ? 4U : 0U);
      ASSERT_EQ(seen->page.times.size(), 1U);
      EXPECT_EQ(seen->page.times[0].time, 1'700'000'000'001);
    }
    EXPECT_EQ(cache.table().metric(0).help, "first");
    EXPECT_EQ(cache.table().metric(0).kind, metrics::Kind::Gauge);
  }
}

TEST(ScrapeCache, TellsWhatCameAndWent) {
  ScrapeCache cache({});
  EXPECT_EQ(scrape(cache, "a 1\nb 2\n")->page.added, 2U);
  const auto second = scrape(cache, "b 3\nc 4\n");
  EXPECT_EQ(second->page.added, 1U);
  EXPECT_THAT(second->stale, ElementsAre("{__name__=\"a\"}"));
  EXPECT_THAT(scrape(cache, "b 3\nc 4\n")->stale, IsEmpty()) << "a marker is sent once";
  const auto back = scrape(cache, "a 5\nb 3\nc 4\n");
  EXPECT_EQ(back->page.added, 1U);
  EXPECT_THAT(back->stale, IsEmpty());
}

TEST(ScrapeCache, AFailedPageEndsEverySeriesOnce) {
  ScrapeCache cache({});
  ASSERT_TRUE(scrape(cache, "a 1\nb 2\n"));
  ASSERT_FALSE(scrape(cache, "a 1\nb 2\nc{ 3\n"));
  EXPECT_THAT(look(cache, cache.fail_page()).stale, UnorderedElementsAre("{__name__=\"a\"}", "{__name__=\"b\"}"));
  EXPECT_THAT(look(cache, cache.fail_page()).stale, IsEmpty());
  const auto again = scrape(cache, "a 1\nb 2\n");
  EXPECT_EQ(again->page.added, 2U) << "the page before had none";
  EXPECT_THAT(again->stale, IsEmpty());
}

TEST(ScrapeCache, ErrorsCountTheLinesItKnows) {
  ScrapeCache cache({});
  ASSERT_TRUE(scrape(cache, "# HELP a x\na 1\nb 2\nc 3\n"));
  EXPECT_EQ(why(cache, "# HELP a x\na 1\nb 2\nc x\n"), "line 4, column 3: expected a number, got 'x'");
  EXPECT_EQ(why(cache, "# HELP a x\na 1\nb 2 x\nc 3\n"),
            "line 3, column 5: expected a time stamp in milliseconds, got 'x'");
  EXPECT_EQ(why(cache, "a 1\n<html>\n"), "line 2, column 1: expected a metric name, got '<html>'");
}

TEST(ScrapeCache, TheFirstOfARepeatedSeriesCounts) {
  ScrapeCache cache({});
  for (int round = 0; round < 2; ++round) {
    const auto seen = scrape(cache, "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\na{x=\"1\",y=\"2\"} 3\n");
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_THAT(seen->values, ElementsAre(testing::Pair("{__name__=\"a\", x=\"1\", y=\"2\"}", 1)));
    EXPECT_EQ(seen->page.duplicates, 2U);
    EXPECT_EQ(seen->page.scraped, 3U);
  }
}

TEST(ScrapeCache, OpenMetricsEndsWithEof) {
  ScrapeCache cache({});
  const std::string page = "# TYPE a counter\na_total 1 # {trace=\"x\"} 0.5 1700000000.25\nb 2 1700000000.5\n# EOF\n";
  for (int round = 0; round < 2; ++round) {
    const auto seen = scrape(cache, page, 9, Format::OpenMetrics);
    ASSERT_TRUE(seen) << seen.error().what;
    ASSERT_EQ(seen->page.exemplars.size(), 1U);
    EXPECT_EQ(seen->page.exemplars[0].time, 1'700'000'000'250);
    ASSERT_EQ(seen->page.times.size(), 1U);
    EXPECT_EQ(seen->page.times[0].time, 1'700'000'000'500);
  }
  EXPECT_EQ(cache.table().metric(0).kind, metrics::Kind::Counter) << "the family of a_total is a";
  EXPECT_EQ(why(cache, page + "b 2\n", Format::OpenMetrics),
            "line 5, column 1: expected nothing after # EOF, got 'b 2'");
  EXPECT_EQ(why(cache, "# TYPE a counter\na_total 1\n# EOF\nb 2\n", Format::OpenMetrics),
            "line 4, column 1: expected nothing after # EOF, got 'b 2'")
      << "the line that always follows";
  EXPECT_EQ(why(cache, "b 2\n", Format::OpenMetrics), "line 2, column 1: expected # EOF, got the end of the page");
}

TEST(ScrapeCache, TimeStampsFromTheFutureAreLeftOut) {
  ScrapeCache cache({});
  const auto seen = scrape(cache, fmt::format("a 1 {}\nb 2 {}\n", kNow + 599'999, kNow + 600'001));
  EXPECT_EQ(seen->values.size(), 1U);
  EXPECT_EQ(seen->page.too_far_ahead, 1U);
  EXPECT_THAT(scrape(cache, "c 1\n")->stale, IsEmpty()) << "series with times of their own are owed no marker";
}

TEST(ScrapeCache, HonorsLabelsOrMovesThemAside) {
  const Labels target = to_labels({{"instance", "h:1"}, {"pod", "exporter"}});
  const std::string page = "a{pod=\"job\",exported_pod=\"x\",empty=\"\"} 1\nup{instance=\"\"} 1\n";
  ScrapeCache strict({.target = target});
  EXPECT_THAT(scrape(strict, page)->values,
              UnorderedElementsAre(
                  testing::Pair("{__name__=\"a\", exported_exported_pod=\"job\", exported_pod=\"x\", instance=\"h:1\", "
                                "pod=\"exporter\"}",
                                1),
                  testing::Pair("{__name__=\"up\", instance=\"h:1\", pod=\"exporter\"}", 1)));
  ScrapeCache honest({.target = target, .honor_labels = true, .external = to_labels({{"pod", "no"}, {"zone", "z"}})});
  EXPECT_THAT(scrape(honest, page)->values,
              UnorderedElementsAre(
                  testing::Pair("{__name__=\"a\", exported_pod=\"x\", instance=\"h:1\", pod=\"job\", zone=\"z\"}", 1),
                  testing::Pair("{__name__=\"up\", pod=\"exporter\", zone=\"z\"}", 1)))
      << "an empty label of the page wins, too";
}

TEST(ScrapeCache, RelabelsDropsAndLimits) {
  SeriesRules rules;
  RelabelRule drop;
  drop.source_labels = {"__name__"};
  drop.regex = "go_.*";
  drop.action = RelabelAction::Drop;
  rules.metric_relabel.push_back(*Relabel::compile(drop));
  rules.limits.samples = 2;
  ScrapeCache cache(rules);
  for (int round = 0; round < 2; ++round) {
    const auto seen = scrape(cache, "go_a 1\na 1\ngo_b 1\nb 1\n");
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_EQ(seen->page.scraped, 4U);
    EXPECT_EQ(seen->page.samples.size(), 2U);
  }
  EXPECT_EQ(why(cache, "a 1\nb 1\nc 1\n"), "line 3: sample_limit: the page has more than 2 samples after relabelling");
  SeriesRules two_labels;
  two_labels.limits.labels = 2;
  ScrapeCache narrow(two_labels);
  EXPECT_EQ(why(narrow, "a{x=\"1\",y=\"2\"} 1\n"), "line 1, column 1: label_limit: a has 3 labels, 2 are allowed");
}

TEST(ScrapeCache, AKnownLabelSetExcusesNoLongName) {
  SeriesRules rules;
  rules.limits.label_value_length = 4;
  ScrapeCache cache(rules);
  ASSERT_TRUE(scrape(cache, "a{x=\"1\"} 1\n"));
  EXPECT_EQ(why(cache, "a{x=\"1\"} 1\nlonger{x=\"1\"} 1\n"),
            "line 2, column 1: label_value_length_limit: label __name__ of longer has 6 bytes, 4 are allowed");
}

TEST(ScrapeCache, BelievesThePageThatCameLastOfItsFamilies) {
  ScrapeCache cache({});
  // Two versions of an exporter behind one address: what stands behind "x 1" is known, and yet says something new.
  const std::string one = "x 1\n# TYPE a gauge\na 1\n", other = "# TYPE a counter\na 1\n";
  for (int round = 0; round < 3; ++round) {
    for (const auto& [page, kind] : {std::pair(one, metrics::Kind::Gauge), std::pair(other, metrics::Kind::Counter)}) {
      const auto seen = scrape(cache, page);
      ASSERT_TRUE(seen) << seen.error().what;
      const auto a = seen->page.samples.back().series;
      EXPECT_EQ(cache.table().metric(cache.table()[a].metric).kind, kind) << page;
    }
  }
}

TEST(ScrapeCache, SaysWhereALimitIsExceeded) {
  const struct {
    std::string_view page, want;
  } kCases[] = {
      {"a 1\nb{x=\"1\",long=\"12345\"} 1\n",
       "line 2, column 9: label_value_length_limit: label long of b has 5 bytes, 4 are allowed"},
      {"# HELP a x\n\na 1\nb{pod=\"12345\"} 1\n",
       "line 4, column 3: label_value_length_limit: label exported_pod of b has 5 bytes, 4 are allowed"},
      {"a{a_long_name_it_is=\"1\"} 1\n",
       "line 1, column 3: label_name_length_limit: a has a label name of 17 bytes, 16 are allowed"},
  };
  SeriesRules rules{.target = to_labels({{"pod", "p"}})};
  rules.limits.label_value_length = 4;
  rules.limits.label_name_length = 16;
  ScrapeCache cache(rules);
  for (const auto& c : kCases) EXPECT_EQ(why(cache, c.page), c.want);
}

TEST(ScrapeCache, LeavesOutNamesThatRemoteWriteDoesNotHave) {
  SeriesRules rules;
  rules.limits.label_value_length = 9;
  ScrapeCache cache(rules);
  for (const std::string_view last : {"1", "2", "2"}) {
    const std::string page = fmt::format("a 1\n{{\"my.metric\",x=\"1\"}} 2\nb{{\"label.name\"=\"v\"}} 3\nc {}\n", last);
    const auto seen = scrape(cache, page);
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_THAT(seen->values,
                ElementsAre(testing::Pair("{__name__=\"a\"}", 1), testing::Pair("{__name__=\"c\"}", testing::_)));
    EXPECT_EQ(seen->page.unfit, 2U);
    EXPECT_EQ(seen->page.scraped, 4U);
    EXPECT_THAT(seen->page.unfit_note, testing::HasSubstr("line 2, column 3: metric name 'my.metric'"));
  }
  const auto clean = scrape(cache, "a 1\nc 2\n");
  EXPECT_EQ(clean->page.unfit, 0U);
  EXPECT_EQ(clean->page.unfit_note, "");
}

TEST(ScrapeCache, ForgetsLinesThatDoNotComeBack) {
  ScrapeCache cache({});
  std::size_t most = 0;
  for (int round = 0; round < 300; ++round) {
    std::string page = "steady 1\n";
    for (int i = 0; i < 100; ++i) page += fmt::format("churn{{pid=\"{}\"}} 1\n", round * 100 + i);
    const auto seen = scrape(cache, page, 4096);
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_EQ(seen->page.added, round == 0 ? 101U : 100U);
    EXPECT_EQ(seen->stale.size(), round == 0 ? 0U : 100U);
    most = std::max(most, cache.lines());
  }
  EXPECT_LT(most, 2000U);
}

TEST(ScrapeCache, LinesThatComeToNothingAreKnownUpToABound) {
  RelabelRule drop;
  drop.source_labels = {"__name__"};
  drop.regex = "drop";
  drop.action = RelabelAction::Drop;
  ScrapeCache cache({.metric_relabel = {*Relabel::compile(drop)}});
  const std::string much(1'000, 'x');
  std::string page = "a 1\n";
  for (int i = 0; i < 20'000; ++i) page += fmt::format("#{0}{1}\ndrop{{i=\"{0}{1}\"}} 1\n", i, much);
  page += "b 2\n";
  for (int round = 0; round < 2; ++round) {
    const auto seen = scrape(cache, page, 65'536);
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_EQ(seen->page.scraped, 20'002U);
    EXPECT_THAT(seen->values, ElementsAre(testing::Pair("{__name__=\"a\"}", 1), testing::Pair("{__name__=\"b\"}", 2)));
    EXPECT_GT(cache.lines(), 20'000U);
    EXPECT_LT(cache.lines(), 33'000U) << "32 MiB of a thousand bytes each";
  }
}

TEST(ScrapeCache, WhatIsRefusedForItsSizeIsForgotten) {
  SeriesRules rules;
  rules.limits.samples = 3'000;
  ScrapeCache cache(rules);
  ASSERT_TRUE(scrape(cache, "a 1\n"));
  std::string bomb;
  for (int i = 0; i < 4'000; ++i) bomb += fmt::format("bomb{{i=\"{}\"}} 1\n", i);
  ASSERT_FALSE(scrape(cache, bomb, 4096));
  EXPECT_THAT(look(cache, cache.fail_page()).stale, ElementsAre("{__name__=\"a\"}"));
  EXPECT_GT(cache.lines(), 3'000U);
  cache.forget();
  EXPECT_EQ(cache.lines(), 1U) << "the one before the first";
  const std::string line = "a{x=\"" + std::string(5U << 20U, 'x') + "\"} 1\n";
  for (int round = 0; round < 2; ++round)
    EXPECT_EQ(why(cache, "b 1\n" + line), "line 2: it has more than 4194304 bytes");
}

TEST(ScrapeCache, ForgettingMakesNoSeriesNew) {
  ScrapeCache cache({});
  std::string churn = "mark 1\n";
  for (int i = 0; i < 1'500; ++i) churn += fmt::format("churn{{pid=\"{}\"}} 1\n", i);
  const std::string page = fmt::format("mark 1\ntimed 1 {}\n", kNow);
  ASSERT_TRUE(scrape(cache, churn, 4096));
  ASSERT_TRUE(scrape(cache, page));
  const auto epoch = cache.epoch();
  const auto seen = scrape(cache, page);
  ASSERT_TRUE(seen);
  EXPECT_NE(cache.epoch(), epoch) << "it has forgotten";
  EXPECT_EQ(seen->page.added, 0U) << "also a series with a time of its own, to which no marker is owed";
}

std::vector<std::pair<std::uint32_t, EpochMs>> times_of(const ScrapedPage& page) {
  std::vector<std::pair<std::uint32_t, EpochMs>> out;
  for (const auto& [sample, time] : page.times) out.emplace_back(sample, time);
  return out;
}

/// Pages of these lines in any order, subset and pieces, with these endings: read by one that knows them, and by one
/// that has seen nothing before.
void compare_with_fresh(Format format, std::vector<std::string> lines, const std::vector<std::string>& endings) {
  std::mt19937 random(7);
  const SeriesRules rules{.track_timestamps_staleness = true};
  ScrapeCache taught(rules);
  std::map<std::string, double> before;
  for (int round = 0; round < 400; ++round) {
    std::string page;
    if (random() % 3 == 0) std::ranges::shuffle(lines, random);
    for (const auto& line : lines)
      if (random() % 8 != 0) page += line + std::to_string(random() % 1000) + endings[random() % endings.size()] + "\n";
    if (format == Format::OpenMetrics) page += "# EOF\n";
    ScrapeCache fresh(rules);
    const auto want = scrape(fresh, page, 100, format);
    const auto got = scrape(taught, page, 1 + random() % 200, format);
    ASSERT_TRUE(want && got);
    EXPECT_EQ(got->values, want->values);
    EXPECT_EQ(times_of(got->page), times_of(want->page));
    EXPECT_EQ(got->page.exemplars.size(), want->page.exemplars.size());
    for (const auto& [series, value] : before)
      EXPECT_EQ(std::ranges::count(got->stale, series), got->values.contains(series) ? 0 : 1);
    before = got->values;
  }
}

TEST(ScrapeCache, KnowingLinesChangesNothing) {
  std::vector<std::string> lines;
  for (int i = 0; i < 40; ++i) lines.push_back(fmt::format("m{}{{a=\"{}\"}} ", i / 8, i % 8));
  lines.insert(lines.end(), {"m ", "m1 ", "m1{} ", "m1{a=\"1\",b=\"1\"} ", "m12{a=\"1\"} ", "{\"m 1\",a=\"1\"} "});
  compare_with_fresh(Format::Text, lines, {"", ".25", "e1", " 1699999999999", " 1700000000001 "});
  compare_with_fresh(Format::OpenMetrics, lines,
                     {"", ".25", " 1699999999.9995", " 17e8", " # {t=\"x\"} 1", ".5 1700000000.5 # {t=\"x\"} 1 2.5"});
}

}  // namespace
}  // namespace tessera::relay
