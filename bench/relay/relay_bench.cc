// What the relay costs beside Prometheus in agent mode and vmagent, on the same load in one run on one machine. Prints
// Markdown for docs/performance.md; usage in bench/relay.sh.
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "bench/process_cost.h"
#include "bench/relay/outage.h"
#include "bench/relay/steady.h"
#include "tests/e2e/node.h"

namespace {
using namespace tessera;
using namespace tessera::bench;

constexpr struct {
  const char* name;
  const char* what;
  LoadShape shape;
} kSteady[] = {
    {"large", "100 targets x 5,000 samples, every second", {100, {100, 50}, 1}},
    {"small", "250 targets x 400 samples, every second", {250, {50, 8}, 1}},
    {"slow", "100 targets x 5,000 samples, every 10 s", {100, {100, 50}, 10}},
};

constexpr LoadShape kOutageLoad = {40, {5, 7}, 1};
constexpr struct {
  const char* what;
  int signal;
} kEndings[] = {{"goes on", 0}, {"kill -9", SIGKILL}, {"SIGTERM", SIGTERM}};

struct Arguments {
  unsigned seconds = 60;
  unsigned outage_seconds = 35;
  std::vector<std::string> programs = {"relay", "prometheus", "vmagent"};
  std::vector<std::string> runs = {"large", "small", "slow", "outage", "parser"};
  bool wants(std::string_view run) const { return std::ranges::count(runs, run) > 0; }
};

std::vector<std::string> words(std::string_view text) {
  const auto parts = split(text, ',');
  return {parts.begin(), parts.end()};
}

/// Every word must be known.
std::optional<std::vector<std::string>> chosen(std::string_view text, const std::vector<std::string>& known) {
  auto out = words(text);
  for (const auto& word : out)
    if (std::ranges::count(known, word) == 0) {
      std::fprintf(stderr, "relay_bench: no '%s' among %s\n", word.c_str(),
                   fmt::format("{}", fmt::join(known, ", ")).c_str());
      return std::nullopt;
    }
  return out;
}

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments out;
  if (argc > 1) {
    const auto seconds = parse_int(argv[1]);
    if (!seconds || *seconds < 5 || *seconds > 3600) {
      std::fprintf(stderr, "relay_bench: '%s': 5 to 3600 seconds expected\n", argv[1]);
      return std::nullopt;
    }
    out.seconds = static_cast<unsigned>(*seconds);
    out.outage_seconds = std::min(out.outage_seconds, out.seconds);
  }
  if (argc > 2) {
    auto programs = chosen(argv[2], out.programs);
    if (!programs) return std::nullopt;
    out.programs = *std::move(programs);
  }
  if (argc > 3) {
    auto runs = chosen(argv[3], out.runs);
    if (!runs) return std::nullopt;
    out.runs = *std::move(runs);
  }
  return out;
}

void line(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

void steady_table(const char* what, const LoadShape& shape, unsigned seconds, const std::vector<Contender>& programs) {
  seconds = std::max(seconds, 3 * shape.interval_s) / shape.interval_s * shape.interval_s;
  line(fmt::format("\n## {}, {} s\n", what, seconds));
  line(
      "| program | delivered | first five intervals | CPU of the core | CPU s per million | samples per CPU s | "
      "RSS median, peak (anonymous), MiB | scrape to send p50, p99 | bytes a sample |");
  line("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const Contender& program : programs) {
    const auto got = run_steady(program, shape, seconds);
    if (!got) {
      line(fmt::format("| {} | nothing | | | | | | | |", program.name));
      continue;
    }
    std::string first;
    for (const double share : got->first_intervals)
      if (!std::isnan(share)) first += fmt::format("{}{:.0f} %", first.empty() ? "" : ", ", 100 * share);
    line(fmt::format(
        "| {} | {:.2f} M, {:.1f} % | {} | {:.0f} % | {:.2f} | {:.2f} M | {:.0f}, {:.0f} ({:.0f}, {:.0f}) | "
        "{:.2f} s, {:.2f} s | {:.1f} ({}) |",
        program.name, got->delivered / 1e6, 100 * got->delivered / got->offered, first, 100 * got->cpu_share,
        got->cpu_per_million, 1 / got->cpu_per_million, got->rss_median_mib, got->rss_peak_mib, got->anon_median_mib,
        got->anon_peak_mib, got->p50_s, got->p99_s, got->bytes_per_sample, got->protocol));
  }
}

void outage_table(unsigned seconds, const std::vector<Contender>& programs) {
  line(fmt::format("\n## The receiver answers 503 for {} s; {} targets x {} samples, every second\n", seconds,
                   kOutageLoad.targets, kOutageLoad.page.samples()));
  line("| program | in the middle | samples scraped | lost | out of order | repeated | seconds to exit |");
  line("| --- | --- | --- | --- | --- | --- | --- |");
  for (const Contender& program : programs)
    for (const auto& ending : kEndings) {
      const auto got = run_outage(program, kOutageLoad, seconds, ending.signal);
      if (!got)
        line(fmt::format("| {} | {} | nothing | | | | |", program.name, ending.what));
      else
        line(fmt::format("| {} | {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {} |", program.name, ending.what, got->served,
                         got->lost, got->out_of_order, got->repeated,
                         got->exit_seconds ? fmt::format("{:.1f}", *got->exit_seconds) : ""));
    }
}

/// From the rows of Google Benchmark:
/// name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,...
void parser_table() {
  line("\n## The parser alone: a page of 5,000 samples\n\n| series | GB/s | samples/s |\n| --- | --- | --- |");
  const auto done = e2e::run(pinned(1, {e2e::program("scrape_cache_bench"), "--benchmark_format=csv"}));
  for (const auto row : split(done.output, '\n')) {
    const auto cells = split(row, ',');
    if (cells.size() < 7 || !cells[0].starts_with("\"BM_")) continue;
    line(fmt::format("| {} | {:.2f} | {:.1f} M |", cells[0].substr(4, cells[0].size() - 5),
                     *parse_double(cells[5]) / 1e9, *parse_double(cells[6]) / 1e6));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (!arguments) return 2;
  cpu_set_t first_core;
  CPU_ZERO(&first_core);
  CPU_SET(0, &first_core);
  sched_setaffinity(0, sizeof first_core, &first_core);  // the second is the program's alone
  std::vector<Contender> programs;
  line(fmt::format("{}. Each program on one core, load and receiver on the other.\n", machine()));
  for (Contender& contender : contenders()) {
    if (std::ranges::count(arguments->programs, contender.name) == 0) continue;
    if (contender.file.empty()) {
      line(fmt::format("- {}: not on this machine, not compared", contender.name));
      continue;
    }
    line(fmt::format("- {}: {}; {}", contender.name, contender.version, contender.config));
    programs.push_back(std::move(contender));
  }
  for (const auto& run : kSteady)
    if (arguments->wants(run.name)) steady_table(run.what, run.shape, arguments->seconds, programs);
  if (arguments->wants("outage")) outage_table(arguments->outage_seconds, programs);
  if (arguments->wants("parser")) parser_table();
  return EXIT_SUCCESS;
}
