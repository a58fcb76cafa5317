// How much of a fleet's GPU a placement policy hands out before it is full, on published traces: the experiment of Weng
// et al., "Beware of Fragmentation" (USENIX ATC 2023).
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/placement/departures.h"
#include "bench/placement/experiment.h"
#include "fleet/placement/policy.h"

namespace {

using namespace tessera;

constexpr const char* kAbout =
    "placement_bench: lets the pods of a trace arrive at the empty nodes of a trace, in an order that the seed gives. "
    "Of "
    "equally good nodes the first in an order wins that the seed gives too.";
constexpr const char* kFooter =
    "Prints policy,trace,seed,arrived_pct,alloc_pct, a line for each whole percent of the fleet's GPU that the pods "
    "that "
    "have arrived ask for together: how many percent the accepted ones have. Exit status: 0, 1 for a failure, 2 for a "
    "wrong "
    "command line.";

struct Wanted {
  std::string nodes, pods, policy, seeds, inflate = "1.3", copies = "1", load, arrivals = "1000000";
  bool summary = false, learned = false;
};

struct Seeds {
  std::int64_t first = 0, last = 0;
};

Result<Seeds> parse_seeds(std::string_view text) {
  const auto parts = split(text, '-');
  const auto first = parse_int(parts.front()), last = parse_int(parts.back());
  if (parts.size() > 2 || !first || !last || *first > *last)
    return fail(Code::Invalid, "--seeds '{}': A-B expected", text);
  return Seeds{*first, *last};
}

Result<bench::Trace> read(const Wanted& wanted) {
  const std::string nodes = TRY(read_file(wanted.nodes)), pods = TRY(read_file(wanted.pods));
  bench::Trace trace = TRY(bench::read_trace(nodes, pods));
  const auto copies = parse_int(wanted.copies);
  if (!copies || *copies < 1)
    return fail(Code::Invalid, "--copies '{}': a whole number from 1 expected", wanted.copies);
  const auto once = trace.nodes;
  for (std::int64_t copy = 1; copy < *copies; ++copy) trace.nodes.insert(trace.nodes.end(), once.begin(), once.end());
  trace.capacity_milli *= *copies;
  return trace;
}

double largest_mib() {
  const auto status = read_file("/proc/self/status");
  if (!status) return std::nan("");
  for (const std::string_view line : split(*status, '\n'))
    if (line.starts_with("VmHWM:"))
      return static_cast<double>(parse_int(trim(line.substr(6, line.find("kB") - 6))).value_or(0)) / 1024;
  return std::nan("");
}

void print_curve(std::string_view head, const bench::Outcome& outcome) {
  for (std::size_t percent = 0; percent < outcome.allocated.size(); ++percent)
    if (!std::isnan(outcome.allocated[percent]))
      fmt::print("{},{},{:.4f}\n", head, percent, outcome.allocated[percent]);
}

/// Empty where there is none.
std::string number(double value, int digits) {
  return std::isnan(value) ? std::string() : fmt::format("{:.{}f}", value, digits);
}

void print_summary(std::string_view head, const bench::Outcome& outcome) {
  const auto at = [&](std::size_t percent) {
    return number(percent < outcome.allocated.size() ? outcome.allocated[percent] : std::nan(""), 3);
  };
  const auto part = [](const bench::Acceptance& kind) {
    return number(
        kind.arrived == 0 ? std::nan("") : static_cast<double>(kind.accepted) / static_cast<double>(kind.arrived), 4);
  };
  auto us = outcome.decision_us;
  std::ranges::sort(us);
  double sum = 0;
  for (const float one : us) sum += one;
  fmt::print("{},{},{},{},{},{},{:.2f},{:.2f},{:.2f},{}\n", head, at(95), at(100), at(130), part(outcome.multi_gpu),
             part(outcome.cpu_only), sum / static_cast<double>(us.size()), us[us.size() / 2], us[us.size() * 99 / 100],
             number(largest_mib(), 0));
}

double mean(const std::vector<double>& of) {
  double sum = 0;
  for (const double one : of) sum += one;
  return of.empty() ? std::nan("") : sum / static_cast<double>(of.size());
}

double percentile(std::vector<double> of, double part) {
  if (of.empty()) return std::nan("");
  std::ranges::sort(of);
  return of[static_cast<std::size_t>(part * static_cast<double>(of.size() - 1))];
}

/// A line for each seed, of a fleet that pods leave.
Result<void> compare_waits(const Wanted& wanted, const bench::Trace& trace, const Seeds& seeds,
                           const std::string& name) {
  const auto load = parse_double(wanted.load);
  const auto arrivals = parse_int(wanted.arrivals);
  if (!load || !(*load > 0 && *load <= 10))
    return fail(Code::Invalid, "--load '{}': a number above 0 expected", wanted.load);
  if (!arrivals || *arrivals < 100 || *arrivals > 10'000'000)
    return fail(Code::Invalid, "--arrivals '{}': a whole number from 100 expected", wanted.arrivals);
  fmt::print(
      "policy,trace,load,seed,at_once_pct,mean_wait_s,p99_wait_s,mean_wait_multi_gpu_s,mean_wait_whole_s,"
      "mean_wait_part_s,unserved,allocated_pct\n");
  for (auto seed = seeds.first; seed <= seeds.last; ++seed) {
    const auto out = TRY(bench::run_with_departures(
        trace, {wanted.policy, static_cast<std::uint64_t>(seed), *load, static_cast<std::uint64_t>(*arrivals)}));
    fmt::print("{},{},{},{},{},{},{},{},{},{},{},{}\n", wanted.policy, name, *load, seed,
               number(100 * static_cast<double>(out.all.at_once) / static_cast<double>(out.all.arrived), 3),
               number(mean(out.all.seconds), 1), number(percentile(out.all.seconds, 0.99), 0),
               number(mean(out.multi_gpu.seconds), 1), number(mean(out.whole.seconds), 1),
               number(mean(out.part.seconds), 1), out.unserved, number(100 * out.allocated, 3));
    std::fflush(stdout);
  }
  return {};
}

Result<void> compare(const Wanted& wanted) {
  const Seeds seeds = TRY(parse_seeds(wanted.seeds));
  const auto inflate = parse_double(wanted.inflate);
  if (!inflate || !(*inflate > 0 && *inflate <= 100))
    return fail(Code::Invalid, "--inflate '{}': a number above 0 expected", wanted.inflate);
  const bench::Trace trace = TRY(read(wanted));
  const std::string name = std::filesystem::path(wanted.pods).stem();
  if (!wanted.load.empty()) return compare_waits(wanted, trace, seeds, name);
  fmt::print("{}\n",
             wanted.summary
                 ? "policy,trace,seed,alloc_95_pct,alloc_100_pct,alloc_130_pct,accepted_multi_gpu,accepted_cpu_only,"
                   "mean_us,p50_us,p99_us,largest_mib"
                 : "policy,trace,seed,arrived_pct,alloc_pct");
  for (auto seed = seeds.first; seed <= seeds.last; ++seed) {
    const auto outcome =
        TRY(bench::run(trace, {wanted.policy, static_cast<std::uint64_t>(seed), wanted.learned, *inflate}));
    const std::string head = fmt::format("{},{},{}", wanted.policy, name, seed);
    (wanted.summary ? print_summary : print_curve)(head, outcome);
    std::fflush(stdout);
  }
  return {};
}

void add_flags(CLI::App& app, Wanted& wanted) {
  app.add_option("--nodes", wanted.nodes, "CSV with the columns cpu_milli, memory_mib, gpu, model")
      ->type_name("FILE")
      ->required();
  app.add_option("--pods", wanted.pods,
                 "CSV with the columns name, cpu_milli, memory_mib, num_gpu, gpu_milli; gpu_spec may be there")
      ->type_name("FILE")
      ->required();
  app.add_option("--policy", wanted.policy, fmt::format("{}", fmt::join(fleet::placement::policy_names(), ", ")))
      ->type_name("NAME")
      ->required();
  app.add_option("--seeds", wanted.seeds, "or one seed")->type_name("A-B")->required();
  app.add_option("--inflate", wanted.inflate, "how much the pods ask for together, as a part of the fleet's GPU [1.3]")
      ->type_name("X");
  app.add_option("--copies", wanted.copies, "so many times the fleet [1]")->type_name("N");
  app.add_option(
         "--load", wanted.load,
         "pods leave again, and wait where there is no room: so much GPU is asked for at a time, as a part of the "
         "fleet's; a line for each seed instead, with waits in seconds")
      ->type_name("X");
  app.add_option("--arrivals", wanted.arrivals, "with --load: so many random pods of the trace come [1000000]")
      ->type_name("N");
  app.add_flag("--learned", wanted.learned, "the policy is not told the mix of the pods; only default can learn it");
  app.add_flag(
      "--summary", wanted.summary,
      "a line for each seed instead: percent allocated at 95, 100 and 130 percent arrived, the accepted part of "
      "pods with several GPUs and of those without, microseconds for a decision, and the process's largest size "
      "so far in MiB");
  const auto name_policies = [] {
    fmt::print("{}\n", fmt::join(fleet::placement::policy_names(), "\n"));
    std::exit(0);  // before it is looked for what else is needed
  };
  app.add_flag_callback("--policies", name_policies, "only name the policies, a line each")->trigger_on_parse();
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  config::CommandLine command("placement_bench", TESSERA_VERSION, kAbout, kFooter);
  add_flags(command.app(), wanted);
  return bench::main_of(command, argc, argv, "placement_bench", [&] { return compare(wanted); });
}
