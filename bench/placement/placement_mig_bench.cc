// How many MIG instances a placement policy finds room for on a fleet of H100, on published traces, and what moving a
// few of them adds.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/placement/mig_experiment.h"
#include "fleet/decision/policy.h"

namespace {

using namespace tessera;

constexpr const char* kAbout =
    "placement_mig_bench: the pods of a trace come to empty H100 of 80 GB, as MIG instances, and leave after their own "
    "time; who finds no room at once is lost. The seed deals profiles and times to live out to the arrivals.";
constexpr const char* kFooter =
    "Prints policy,trace,mapping,devices,load,migrations,seed,accepted_pct,accepted_7g_pct,blocked_7g,"
    "accepted_slices_pct,active_devices,moves,mean_us,p50_us,p99_us (CPU time for a decision). Ties: the lower cost, "
    "then the "
    "first device, then the lower start. With "
    "--mapping compute the trace's GPU is an H100, and a part of it the smallest profile with as many of its seven "
    "slices; "
    "with memory it has 20,000 MiB, and a part of it, or several, the smallest profile with as much. Arrivals are a "
    "Poisson "
    "process; nobody stays longer than a day. Exit status: 0, 1 for a failure, 2 for a wrong command line.";

struct Wanted {
  std::string pods, policy, seeds, devices, accepted, mapping = "compute", load = "0", migrations = "0", copies = "1";
};

struct Setup {
  std::vector<bench::Pod> pods;
  std::int64_t first_seed = 0, last_seed = 0;
  bench::MigSetting setting;
};

Result<double> number(std::string_view flag, std::string_view text, double most) {
  const auto value = parse_double(text);
  if (!value || !(*value >= 0 && *value <= most))
    return fail(Code::Invalid, "{} '{}': a number from 0 to {} expected", flag, text, most);
  return *value;
}

Result<double> mean_accepted(const Setup& setup, unsigned devices) {
  double sum = 0;
  for (auto seed = setup.first_seed; seed <= setup.last_seed; ++seed) {
    const auto outcome = TRY(bench::run(setup.pods, {"firstfit", static_cast<std::uint64_t>(seed),
                                                     setup.setting.mapping, devices, setup.setting.load, 0}));
    sum += 100.0 * static_cast<double>(outcome.accepted) / static_cast<double>(outcome.arrived);
  }
  return sum / static_cast<double>(setup.last_seed - setup.first_seed + 1);
}

/// More devices accept more, but for chance.
Result<unsigned> devices_for(const Setup& setup, double percent) {
  unsigned below = 0, enough = 1;
  while (TRY(mean_accepted(setup, enough)) < percent) {
    below = enough;
    enough *= 2;
    if (enough > 65'536) return fail(Code::Invalid, "--accepted {}: no fleet accepts so many", percent);
  }
  while (enough - below > 1) {
    const unsigned middle = below + (enough - below) / 2;
    (TRY(mean_accepted(setup, middle)) < percent ? below : enough) = middle;
  }
  return enough;
}

Result<Setup> set_up(const Wanted& wanted) {
  Setup out;
  const auto seeds = split(wanted.seeds, '-');
  const auto first = parse_int(seeds.front()), last = parse_int(seeds.back());
  if (seeds.size() > 2 || !first || !last || *first < 0 || *first > *last)
    return fail(Code::Invalid, "--seeds '{}': A-B expected", wanted.seeds);
  out.first_seed = *first;
  out.last_seed = *last;
  if (wanted.mapping != "compute" && wanted.mapping != "memory")
    return fail(Code::Invalid, "--mapping '{}': compute or memory expected", wanted.mapping);
  out.setting.policy = wanted.policy;
  out.setting.mapping = wanted.mapping == "compute" ? bench::Mapping::Compute : bench::Mapping::Memory;
  out.setting.load = TRY(number("--load", wanted.load, 100));
  out.setting.migrations = TRY(number("--migrations", wanted.migrations, 1));
  const std::string text = TRY(read_file(wanted.pods));
  out.pods = TRY(bench::read_pods(text));
  const auto copies = parse_int(wanted.copies);
  if (!copies || *copies < 1 || *copies > 1'000)
    return fail(Code::Invalid, "--copies '{}': a whole number from 1 expected", wanted.copies);
  const auto once = out.pods;
  for (std::int64_t copy = 1; copy < *copies; ++copy) out.pods.insert(out.pods.end(), once.begin(), once.end());
  if (wanted.devices.empty() == wanted.accepted.empty())
    return fail(Code::Invalid, "one of --devices and --accepted expected");
  out.setting.devices = wanted.devices.empty()
                            ? TRY(devices_for(out, TRY(number("--accepted", wanted.accepted, 99.9))))
                            : static_cast<unsigned>(TRY(number("--devices", wanted.devices, 1'000'000)));
  if (out.setting.devices == 0) return fail(Code::Invalid, "--devices '{}': at least one expected", wanted.devices);
  return out;
}

std::string percent(double part, double whole) {
  return whole > 0 ? fmt::format("{:.2f}", 100 * part / whole) : std::string();
}

double mean_us(const std::vector<float>& of) {
  double sum = 0;
  for (const float one : of) sum += one;
  return sum / static_cast<double>(of.size());
}

Result<void> compare(const Wanted& wanted) {
  Setup setup = TRY(set_up(wanted));
  fmt::print(
      "policy,trace,mapping,devices,load,migrations,seed,accepted_pct,accepted_7g_pct,blocked_7g,accepted_slices_pct,"
      "active_devices,moves,mean_us,p50_us,p99_us\n");
  const std::string trace = std::filesystem::path(wanted.pods).stem();
  for (auto seed = setup.first_seed; seed <= setup.last_seed; ++seed) {
    setup.setting.seed = static_cast<std::uint64_t>(seed);
    const auto out = TRY(bench::run(setup.pods, setup.setting));
    auto us = out.decision_us;
    std::ranges::sort(us);
    fmt::print("{},{},{},{},{},{},{},{},{},{},{},{:.2f},{},{:.2f},{:.2f},{:.2f}\n", wanted.policy, trace,
               wanted.mapping, setup.setting.devices, wanted.load, wanted.migrations, seed,
               percent(static_cast<double>(out.accepted), static_cast<double>(out.arrived)),
               percent(static_cast<double>(out.accepted_whole), static_cast<double>(out.arrived_whole)),
               out.arrived_whole - out.accepted_whole, percent(out.accepted_slices, out.arrived_slices),
               out.active_devices, out.moves, mean_us(us), us[us.size() / 2], us[us.size() * 99 / 100]);
    std::fflush(stdout);
  }
  return {};
}

void add_flags(CLI::App& app, Wanted& wanted) {
  app.add_option("--pods", wanted.pods,
                 "CSV with name, cpu_milli, memory_mib, num_gpu, gpu_milli, creation_time, deletion_time")
      ->type_name("FILE")
      ->required();
  app.add_option("--policy", wanted.policy, fmt::format("{}", fmt::join(fleet::decision::policy_names(), ", ")))
      ->type_name("NAME")
      ->required();
  app.add_option("--seeds", wanted.seeds, "or one seed")->type_name("A-B")->required();
  app.add_option("--devices", wanted.devices, "of the fleet, eight to a node")->type_name("N");
  app.add_option("--accepted", wanted.accepted,
                 "instead of --devices: the fewest on which firstfit accepts so many, on the mean of the seeds")
      ->type_name("PERCENT");
  app.add_option("--mapping", wanted.mapping, "what a pod asks for [compute]")->type_name("compute|memory");
  app.add_option("--load", wanted.load, "so many memory slices are asked for at a time, as a part of the fleet's")
      ->type_name("X");
  app.add_option("--copies", wanted.copies, "so many times the trace's pods, for a fleet that they would not fill [1]")
      ->type_name("N");
  app.add_option("--migrations", wanted.migrations,
                 "so many moves at most, as a part of the accepted; up to three for one pod [0]")
      ->type_name("X");
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  config::CommandLine command("placement_mig_bench", TESSERA_VERSION, kAbout, kFooter);
  add_flags(command.app(), wanted);
  return bench::main_of(command, argc, argv, "placement_mig_bench", [&] { return compare(wanted); });
}
