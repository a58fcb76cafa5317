#include "agent/exposition.h"

#include <gtest/gtest.h>

namespace tessera::agent {
namespace {

TEST(Negotiate, FollowsWhatScrapersSend) {
  static constexpr struct {
    std::string_view accept, encoding;
    bool openmetrics, gzip;
  } kCases[] = {{"", "", false, false},
                {"*/*", "gzip, deflate", false, true},
                {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/"
                 "plain;version=0.0.4;q=0.5,*/*;q=0.1",
                 "gzip", true, true},
                {"text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.3", "identity", false, false},
                {"application/openmetrics-text;q=0", "gzip;q=0", false, false},
                {"text/html", "", false, false}};
  for (const auto& c : kCases) {
    const Form form = negotiate(c.accept, c.encoding);
    EXPECT_EQ(form.openmetrics, c.openmetrics) << c.accept;
    EXPECT_EQ(form.gzip, c.gzip) << c.encoding;
  }
}

TEST(Exposition, MakesEachFormOnce) {
  static constexpr metrics::Metric kOne{"one", metrics::Type::Gauge, "", "One."};
  metrics::Page page;
  page.family(kOne);
  page.add(page.labels(""), 1);
  const Exposition exposition(std::move(page), nullptr);
  for (const Form form : kForms) EXPECT_EQ(exposition.render(form).get(), exposition.render(form).get());
  EXPECT_EQ(*exposition.render({}), "# HELP one One.\n# TYPE one gauge\none 1\n");
  EXPECT_TRUE(exposition.render({.openmetrics = true})->ends_with("# EOF\n"));
  EXPECT_TRUE(exposition.render({.gzip = true})->starts_with("\x1f\x8b"));
}

TEST(Demand, LastsOverScrapesThatAreRarerThanCollections) {
  using namespace std::chrono_literals;
  constexpr Form kAsked{.openmetrics = true, .gzip = true};
  SteadyTime now{};  // a machine that has just begun
  Demand demand;
  for (const Form form : kForms) EXPECT_FALSE(demand.wanted(form, now)) << "nobody has asked";
  for (const auto interval : {1s, 15s, 30s, 60s, 120s}) {  // several collections between two scrapes
    demand.note(kAsked, now);
    for (const SteadyTime scrape = now + interval; now < scrape; now += 1s) EXPECT_TRUE(demand.wanted(kAsked, now));
  }
  for (const Form form : kForms) EXPECT_EQ(demand.wanted(form, now), form.index() == kAsked.index());
  demand.note(kAsked, now);
  EXPECT_TRUE(demand.wanted(kAsked, now + 5min));
  EXPECT_FALSE(demand.wanted(kAsked, now + 5min + 1ms)) << "the scraper has gone: nothing is made for nobody";
  demand.note({}, now + 6min);
  EXPECT_TRUE(demand.wanted({}, now + 6min));
  EXPECT_FALSE(demand.wanted(kAsked, now + 6min)) << "each form has its own";
}

}  // namespace
}  // namespace tessera::agent
