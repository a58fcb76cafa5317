// The CSV of fields: refused at start with file, line and column; never a failed scrape when it changes later.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

constexpr const char* kPower = "DCGM_FI_DEV_GPU_TEMP, gauge, C\nDCGM_FI_DEV_POWER_USAGE, gauge, W\n";
constexpr const char* kClock = "DCGM_FI_DEV_GPU_TEMP, gauge, C\nDCGM_FI_DEV_SM_CLOCK, gauge, MHz\n";

void write(const fs::path& file, const std::string& text) { EXPECT_TRUE(write_file_atomically(file, text)); }

struct BadCsv {
  const char* name;
  const char* text;  // nullptr: there is no file
  const char* where;
  const char* expected;
};
const BadCsv kBadCsvs[] = {
    {"Missing", nullptr, "counters.csv", "No such file"},
    {"UnknownField", "# ours\nDCGM_FI_DEV_GPU_TEMP, gauge, C\nDCGM_FI_DEV_GPU_TEMPP, gauge, C\n",
     "counters.csv:3:1: ", "the name of a DCGM field expected; did you mean DCGM_FI_DEV_GPU_TEMP?"},
    {"UnknownType", "DCGM_FI_DEV_GPU_TEMP, guage, C\n", "counters.csv:1:23: ", "gauge"},
    {"TooFewColumns", "\nDCGM_FI_DEV_GPU_TEMP, gauge\n", "counters.csv:2:", "expected"},
    {"OpenQuote", "DCGM_FI_DEV_GPU_TEMP, gauge, \"C\n", "counters.csv:1:30: ", "quote"},
    {"Empty", "# nothing\n", "counters.csv: ", "at least one row"},
};

class CsvAtStart : public testing::TestWithParam<BadCsv> {};

TEST_P(CsvAtStart, IsRefusedWithItsPlace) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  const std::string file = folder.path() / "counters.csv";
  if (GetParam().text) write(file, GetParam().text);
  auto arguments = node.agent_flags();
  arguments.insert(arguments.begin(), program("tessera-agent"));
  for (const char* flag : {"--address", "127.0.0.1:0", "-f"}) arguments.emplace_back(flag);
  arguments.push_back(file);
  const auto finished = run(arguments, node.environment());
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_NE(finished.output.find(GetParam().where), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find(GetParam().expected), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find(folder.path().string()), std::string::npos) << "which file: " << finished.output;
}

INSTANTIATE_TEST_SUITE_P(Files, CsvAtStart, testing::ValuesIn(kBadCsvs),
                         [](const auto& bad) { return std::string(bad.param.name); });

double reload_ok(const std::string& page) { return only_value(page, "tessera_agent_fields_last_reload_successful"); }

TEST(CsvReload, ABadFileLeavesTheLastGoodSet) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  const fs::path file = folder.path() / "counters.csv";
  write(file, kPower);
  Agent agent(node, {"-f", file.string()});
  ASSERT_EQ(reload_ok(agent.metrics()), 1);

  write(file, "DCGM_FI_DEV_GPU_TEMP, gauge, C\nDCGM_FI_DEV_SM_CLOCK; gauge; MHz\n");
  const std::string bad = page_where(agent, [](const std::string& page) { return reload_ok(page) == 0; });
  EXPECT_EQ(series(bad, "DCGM_FI_DEV_POWER_USAGE", {"GPU-"}).size(), 4U) << "the old set stays";
  EXPECT_TRUE(series(bad, "DCGM_FI_DEV_SM_CLOCK").empty());
  EXPECT_TRUE(agent.process().says("counters.csv:2:")) << agent.process().output();

  write(file, kClock);
  const std::string good = page_where(agent, [](const std::string& page) { return reload_ok(page) == 1; });
  EXPECT_EQ(series(good, "DCGM_FI_DEV_SM_CLOCK").size(), 4U);
  EXPECT_TRUE(series(good, "DCGM_FI_DEV_POWER_USAGE").empty());

  fs::remove(file);
  const std::string gone = page_where(agent, [](const std::string& page) { return reload_ok(page) == 0; });
  EXPECT_EQ(series(gone, "DCGM_FI_DEV_SM_CLOCK").size(), 4U) << "a file that vanished is no empty file";
}

/// A ConfigMap as Kubernetes mounts it: the file links into `..data`, which is swapped as a whole.
class ConfigMap {
 public:
  explicit ConfigMap(const char* text) {
    swap_in(text);
    fs::create_symlink("..data/counters.csv", file());
  }
  fs::path file() const { return folder_.path() / "counters.csv"; }
  void swap_in(const char* text) {
    const fs::path version = folder_.path() / ("..version_" + std::to_string(++versions_));
    fs::create_directory(version);
    write(version / "counters.csv", text);
    fs::create_symlink(version.filename(), folder_.path() / "..data_tmp");
    fs::rename(folder_.path() / "..data_tmp", folder_.path() / "..data");
    if (versions_ > 1) fs::remove_all(folder_.path() / ("..version_" + std::to_string(versions_ - 1)));
  }

 private:
  TempDir folder_;
  int versions_ = 0;
};

TEST(CsvReload, NoScrapeFailsDuringTwentyReloads) {
  const Node node(test_scenario("bad_days"));
  ConfigMap map(kPower);
  Agent agent(node, {"-f", map.file().string(), "--interval", "100ms"});
  page_where(agent, [](const std::string& page) { return !series(page, "DCGM_FI_DEV_POWER_USAGE").empty(); });
  int powers = 0;
  int clocks = 0;
  for (int reload = 0; reload < 20; ++reload) {
    map.swap_in(reload % 2 == 0 ? kClock : kPower);
    if (reload % 4 > 1) agent.process().signal(SIGHUP);
    for (int scrape = 0; scrape < 10; ++scrape) {
      const std::string page = agent.metrics();  // 200, or the test fails
      const bool power = !series(page, "DCGM_FI_DEV_POWER_USAGE").empty();
      const bool clock = !series(page, "DCGM_FI_DEV_SM_CLOCK").empty();
      EXPECT_NE(power, clock) << "one set or the other, never none and never a mixture";
      EXPECT_EQ(series(page, "DCGM_FI_DEV_GPU_TEMP").size(), 4U);
      EXPECT_EQ(reload_ok(page), 1);
      powers += power ? 1 : 0;
      clocks += clock ? 1 : 0;
    }
    // The set that was swapped in comes, whatever was scraped meanwhile.
    const char* wanted = reload % 2 == 0 ? "DCGM_FI_DEV_SM_CLOCK" : "DCGM_FI_DEV_POWER_USAGE";
    page_where(agent, [&](const std::string& page) { return !series(page, wanted).empty(); });
  }
  EXPECT_EQ(powers + clocks, 200);
}

TEST(CsvReload, SighupReadsAFileThatLooksTheSame) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  const fs::path file = folder.path() / "counters.csv";
  write(file, kPower);
  const auto stamp = fs::last_write_time(file);
  Agent agent(node, {"-f", file.string()});
  // As long as before, and dated as before: only the signal tells.
  std::string other = kPower;
  other.replace(other.find("POWER_USAGE, gauge, W"), 21, "SM_CLOCK, gauge, \"MH\"");
  ASSERT_EQ(other.size(), std::string(kPower).size());
  write(file, other);
  fs::last_write_time(file, stamp);
  next_page(agent);
  agent.process().signal(SIGHUP);
  page_where(agent, [](const std::string& page) { return !series(page, "DCGM_FI_DEV_SM_CLOCK").empty(); });
}

}  // namespace
}  // namespace tessera::e2e
