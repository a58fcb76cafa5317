#include "metrics/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <random>

#include "base/text.h"
#include "metrics/parse.h"

namespace tessera::metrics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Metric kPower{"gpu_power_watts", Type::Gauge, "watts", "Board power."};
constexpr Metric kEnergy{"gpu_energy_joules_total", Type::Counter, "joules", "Energy since boot."};
constexpr Metric kEccCount{"gpu_ecc", Type::Counter, "", "A counter that is not called so."};
constexpr Metric kDevice{"gpu_device_info", Type::Info, "", "A device."};
constexpr Metric kOther{"other", Type::Untyped, "", "Of no kind."};

std::string one_value(double value) {
  Page page;
  page.family(kOther);
  page.add(page.labels(""), value);
  const std::string text = write_text(page);
  constexpr std::string_view kBefore = "# HELP other Of no kind.\n# TYPE other untyped\nother ";
  EXPECT_TRUE(text.starts_with(kBefore)) << text;
  return text.substr(kBefore.size(), text.size() - kBefore.size() - 1);
}

TEST(AppendLabel, EscapesEveryByteAtEveryPlace) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const std::string shown = c == '\n'    ? "\\n"
                              : c == '"'   ? "\\\""
                              : c == '\\'  ? "\\\\"
                              : byte < 128 ? std::string(1, c)
                                           : "\xEF\xBF\xBD";  // a byte that is no UTF-8
    for (std::size_t place = 0; place < 20; ++place) {
      std::string value(20, 'x');
      value[place] = c;
      std::string out;
      append_label(out, "a", value);
      EXPECT_EQ(out, "a=\"" + value.substr(0, place) + shown + value.substr(place + 1) + "\"") << byte << " " << place;
    }
  }
}

TEST(WriteText, SpellsNumbersShortAndExact) {
  static const struct {
    double value;
    std::string_view want;
  } kCases[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-17, "-17"},
      {0.1, "0.1"},
      {85899345920, "85899345920"},
      {100000, "100000"},
      {9007199254740991, "9007199254740991"},
      {1e300, "1e+300"},
      {1.0 / 3, "0.3333333333333333"},
      {std::numeric_limits<double>::denorm_min(), "5e-324"},
      {-std::numeric_limits<double>::max(), "-1.7976931348623157e+308"},
      {kInfinity, "+Inf"},
      {-kInfinity, "-Inf"},
      {std::numeric_limits<double>::quiet_NaN(), "NaN"},
  };
  for (const auto& c : kCases) EXPECT_EQ(one_value(c.value), c.want);
}

TEST(AppendLabel, EscapesAndRepairs) {
  static constexpr struct {
    std::string_view value;
    std::string_view want;
  } kCases[] = {
      {"", R"(a="")"},
      {"plain, {text} = 1", R"(a="plain, {text} = 1")"},
      {"say \"hi\"", R"(a="say \"hi\"")"},
      {"C:\\dir\nnext", R"(a="C:\\dir\nnext")"},
      {"Grüße", R"(a="Grüße")"},
      {"bad\xff\xc3", "a=\"bad\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  for (const auto& c : kCases) {
    std::string out;
    append_label(out, "a", c.value);
    EXPECT_EQ(out, c.want);
  }
  EXPECT_EQ(label_text({{"a", "1"}, {"b", "2"}}), R"(a="1",b="2")");
}

Page every_type() {
  Page page;
  const auto gpu0 = page.labels(label_text({{"gpu", "0"}}));
  const auto none = page.labels("");
  page.family(kPower);
  page.add(gpu0, 71.25);
  page.add(none, 70);
  page.family(kEnergy);
  page.add(gpu0, 12);
  page.family(kEccCount);
  page.family(kDevice);
  page.add(gpu0, 1);
  page.family(kOther);
  page.add(none, 3);
  return page;
}

TEST(WriteText, KeepsTheOrderAndLeavesOutEmptyFamilies) {
  EXPECT_EQ(write_text(every_type()), R"(# HELP gpu_power_watts Board power.
# TYPE gpu_power_watts gauge
gpu_power_watts{gpu="0"} 71.25
gpu_power_watts 70
# HELP gpu_energy_joules_total Energy since boot.
# TYPE gpu_energy_joules_total counter
gpu_energy_joules_total{gpu="0"} 12
# HELP gpu_device_info A device.
# TYPE gpu_device_info gauge
gpu_device_info{gpu="0"} 1
# HELP other Of no kind.
# TYPE other untyped
other 3
)");
}

TEST(WriteOpenMetrics, NamesFamiliesWithoutTheSuffixOfTheirSamples) {
  EXPECT_EQ(write_openmetrics(every_type()), R"(# TYPE gpu_power_watts gauge
# UNIT gpu_power_watts watts
# HELP gpu_power_watts Board power.
gpu_power_watts{gpu="0"} 71.25
gpu_power_watts 70
# TYPE gpu_energy_joules counter
# UNIT gpu_energy_joules joules
# HELP gpu_energy_joules Energy since boot.
gpu_energy_joules_total{gpu="0"} 12
# TYPE gpu_device info
# HELP gpu_device A device.
gpu_device_info{gpu="0"} 1
# TYPE other unknown
# HELP other Of no kind.
other 3
# EOF
)");
}

TEST(WriteOpenMetrics, GivesWayWhereTheShortNameIsTakenOrTheTypeDoesNotFit) {
  static constexpr Metric kTaken{"gpu_device", Type::Gauge, "", "Has the name first."};
  static constexpr Metric kTakenToo{"gpu_energy_joules", Type::Gauge, "", "And this."};
  Page page;
  const auto none = page.labels("");
  static constexpr Metric kCalledCounter{"gpu_temp", Type::Counter, "", "A gauge by nature.", true};
  for (const auto* metric : {&kDevice, &kTaken, &kEnergy, &kTakenToo, &kEccCount, &kCalledCounter}) {
    page.family(*metric);
    page.add(none, 1);
  }
  const std::string text = write_openmetrics(page);
  EXPECT_THAT(text, testing::HasSubstr("# TYPE gpu_device_info gauge\n"));
  EXPECT_THAT(text, testing::HasSubstr("# TYPE gpu_energy_joules_total unknown\n"));
  EXPECT_THAT(text, testing::HasSubstr("# TYPE gpu_ecc unknown\n"));
  EXPECT_THAT(text, testing::HasSubstr("# TYPE gpu_temp gauge\n"));
  EXPECT_THAT(write_text(page), testing::HasSubstr("# TYPE gpu_temp counter\n"));
  Page two;
  two.family(kDevice);
  two.add(two.labels(""), 2);
  EXPECT_THAT(write_openmetrics(two), testing::HasSubstr("# TYPE gpu_device_info gauge\n"));
  EXPECT_EQ(write_openmetrics(Page{}), "# EOF\n");
}

TEST(Write, EscapesHelpAsTheFormatWants) {
  static constexpr Metric kOdd{"odd", Type::Gauge, "", "A \"quote\", a \\ and\na line."};
  Page page;
  page.family(kOdd);
  page.add(page.labels(""), 1);
  EXPECT_THAT(write_text(page), testing::StartsWith(R"(# HELP odd A "quote", a \\ and\na line.)"));
  EXPECT_THAT(write_openmetrics(page), testing::HasSubstr(R"(# HELP odd A \"quote\", a \\ and\na line.)"));
}

/// What a page holds, as text that two pages can be compared by.
struct Collect : PageReader {
  void sample(const Sample& sample) override {
    std::string line(sample.name);
    for (const auto& [name, value] : sample.labels) line += fmt::format("|{}={}", name, value);
    samples.push_back(fmt::format("{}|{}", line, sample.value));
  }
  void help(std::string_view family, std::string_view text) override {
    helps.push_back(fmt::format("{}|{}", family, text));
  }
  std::vector<std::string> samples;
  std::vector<std::string> helps;
};

std::string random_text(std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {"a",
                                                 "Z",
                                                 "0",
                                                 " ",
                                                 "\"",
                                                 "\\",
                                                 "\n",
                                                 "n",
                                                 "}",
                                                 "{",
                                                 ",",
                                                 "=",
                                                 "#",
                                                 "\t",
                                                 "\r",
                                                 "ü",
                                                 "€",
                                                 "\xF0\x9F\x98\x80",
                                                 "\xff",
                                                 "\xc3",
                                                 "\xed\xa0\x80",
                                                 std::string_view("\0", 1)};
  std::string out;
  for (auto n = random() % 12; n > 0; --n) out += kPieces[random() % std::size(kPieces)];
  return out;
}

double random_value(std::mt19937& random) {
  switch (random() % 5) {
    case 0:
      return static_cast<double>(random() % 3);
    case 1:
      return -static_cast<double>(random() * random());
    case 2:
      return kInfinity;
    default:
      return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
  }
}

TEST(Write, IsReadBackByTheParserInBothFormats) {
  std::mt19937 random(20240229);  // NOLINT: a fixed seed, so that a failure comes again
  for (int round = 0; round < 300; ++round) {
    Page page;
    Collect want;
    std::deque<std::string> texts;
    std::deque<Metric> metrics;
    for (auto families = random() % 4; families > 0; --families) {
      const auto& name = texts.emplace_back(fmt::format("family_{}", families));
      const auto& help = texts.emplace_back(valid_utf8(random_text(random)));
      page.family(metrics.emplace_back(Metric{name, Type::Gauge, "", help}));
      want.helps.push_back(fmt::format("{}|{}", name, help));
      for (auto points = 1 + random() % 4; points > 0; --points) {
        std::string labels = label_text({{"point", std::to_string(points)}});
        std::string line = fmt::format("{}|point={}", name, points);
        for (auto count = random() % 4; count > 0; --count) {
          const std::string value = random_text(random);
          append_label(labels, fmt::format("label_{}", count), value);
          line += fmt::format("|label_{}={}", count, valid_utf8(value));
        }
        const double value = random_value(random);
        page.add(page.labels(labels), value);
        want.samples.push_back(fmt::format("{}|{}", line, value));
      }
    }
    Collect text;
    const auto read = parse_text(write_text(page), text, Rules::Strict);
    ASSERT_TRUE(read) << read.error().what << "\n" << write_text(page);
    EXPECT_EQ(text.samples, want.samples);
    EXPECT_EQ(text.helps, want.helps);
    Collect open;
    const auto read_open = parse_openmetrics(write_openmetrics(page), open, Rules::Strict);
    ASSERT_TRUE(read_open) << read_open.error().what << "\n" << write_openmetrics(page);
    EXPECT_EQ(open.samples, want.samples);
    EXPECT_EQ(open.helps, want.helps);
  }
}

TEST(Page, KeepsLabelTextsOfEverySizeAndWhenItMoves) {
  static constexpr std::size_t kSizes[] = {0, 1, 4095, 2, 4096, 4097, 0, 70'000, 3, 65'536, 65'537, 200'000, 5};
  Page first;
  std::vector<LabelSet> sets;
  const auto text = [](std::size_t i) { return std::string(kSizes[i], static_cast<char>('a' + i)); };
  for (std::size_t i = 0; i < std::size(kSizes); ++i) sets.push_back(first.labels(text(i)));
  const Page moved = std::move(first);
  for (std::size_t i = 0; i < sets.size(); ++i) EXPECT_EQ(moved.text(sets[i]), text(i)) << kSizes[i];
}

TEST(PageDeathTest, RefusesAFamilyTwice) {
  Page page;
  page.family(kPower);
  EXPECT_DEATH(page.family(kPower), "none_of");
}

}  // namespace
}  // namespace tessera::metrics
