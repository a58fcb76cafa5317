// What advice there is about pods of a published trace of duty cycles and memory, and what cannot be judged there.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "fleet/advice/advice.h"

namespace {

using namespace tessera;
using fleet::advice::Slot;

constexpr const char* kAbout =
    "advice_replay: what would be said of the pods of a trace. A table each of duty cycles (percent) and of memory "
    "used (bytes), with the columns value, timestamp_anon (seconds) and container_ip.";
constexpr const char* kFooter = "Exit status: 0, 1 for a failure, 2 for a wrong command line.";
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;
constexpr EpochMs kSlotMs = fleet::advice::Windowing().slot.count();
/// The trace has a sample about each 57 s: one holds until the next, 2.5 times as long at most.
constexpr EpochMs kHoldsMs = 57'000 * 5 / 2;

struct Wanted {
  std::string busy, memory, time_scale = "1";
};

struct Sample {
  EpochMs time = 0;
  double value = 0;
};
using Series = std::map<std::string, std::vector<Sample>>;  ///< by pod

Result<std::size_t> column_of(const std::vector<std::string_view>& head, std::string_view name,
                              const std::string& file) {
  const auto at = std::ranges::find(head, name);
  if (at == head.end()) return fail(Code::Invalid, "{}:1: no column is called {}", file, name);
  return static_cast<std::size_t>(at - head.begin());
}

Result<Series> read_series(const std::string& file) {
  const std::string text = TRY(read_file(file));
  const auto lines = split(text, '\n');
  const auto head = split(trim(lines.front()), ',');
  const std::size_t value = TRY(column_of(head, "value", file)), time = TRY(column_of(head, "timestamp_anon", file)),
                    pod = TRY(column_of(head, "container_ip", file));
  Series out;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = split(trim(lines[i]), ',');
    if (cells.size() != head.size()) continue;  // the empty line at the end
    const auto at = parse_double(cells[time]), what = parse_double(cells[value]);
    if (!at || !what) return fail(Code::Invalid, "{}:{}: numbers expected", file, i + 1);
    out[std::string(cells[pod])].push_back({static_cast<EpochMs>(*at * 1'000), *what});
  }
  for (auto& [name, samples] : out) std::ranges::sort(samples, {}, &Sample::time);
  return out;
}

/// take(slot's begin, value, ms of it in the slot) for what holds until the next sample.
template <class Take>
void spread(const std::vector<Sample>& samples, const Take& take) {
  for (std::size_t i = 0; i + 1 < samples.size(); ++i) {
    const EpochMs until = std::min(samples[i + 1].time, samples[i].time + kHoldsMs);
    for (EpochMs at = samples[i].time; at < until;) {
      const EpochMs slot = at / kSlotMs * kSlotMs, end = std::min(until, slot + kSlotMs);
      take(slot, samples[i].value, end - at);
      at = end;
    }
  }
}

std::vector<Slot> slots_of(const std::vector<Sample>& busy, const std::vector<Sample>& memory) {
  std::map<EpochMs, Slot> slots;
  std::map<EpochMs, double> sums;
  const auto slot_at = [&](EpochMs begin) -> Slot& {
    Slot& out = slots[begin];
    out.begin = begin;
    return out;
  };
  spread(busy, [&](EpochMs begin, double percent, EpochMs ms) {
    Slot& of = slot_at(begin);
    of.observed_ms += ms;
    of.busy_most = std::max(of.busy_most.value_or(0), percent / 100);
    sums[begin] += percent / 100 * static_cast<double>(ms);
  });
  for (const auto& [begin, sum] : sums) slots[begin].busy = sum / static_cast<double>(slots[begin].observed_ms);
  spread(memory, [&](EpochMs begin, double bytes, EpochMs) {
    Slot& of = slot_at(begin);
    of.memory_bytes = std::max(of.memory_bytes.value_or(0), static_cast<std::uint64_t>(bytes));
  });
  std::vector<Slot> out;
  for (auto& [begin, one] : slots) out.push_back(one);
  return out;
}

/// A pod with what the trace says of it, and its mean, which nothing is said by.
struct Pod {
  fleet::advice::Workload workload;
  double mean = 0;
  bool holds = false;  ///< more than a GiB
};

std::vector<Pod> read_pods(const Series& busy, const Series& memory, EpochMs end) {
  std::vector<Pod> out;
  for (const auto& [name, samples] : busy) {
    const auto held = memory.find(name);
    const auto slots = slots_of(samples, held == memory.end() ? std::vector<Sample>() : held->second);
    if (slots.empty()) continue;
    Pod one;
    one.workload.cluster = "trace";
    one.workload.name = name.substr(0, 8);
    one.workload.pods = {name};
    fleet::advice::Holding& part = one.workload.holds.emplace_back();
    part.pod = name;
    part.resource = "nvidia.com/gpu";
    // When it came nobody tells: not before its first sample, as far as anybody knows.
    part.seen = fleet::advice::sum_up(slots, slots.front().begin, end);
    for (const Sample& each : samples) one.mean += each.value / static_cast<double>(samples.size());
    for (const Slot& each : slots) one.holds = one.holds || each.memory_bytes.value_or(0) > kGiB;
    out.push_back(std::move(one));
  }
  return out;
}

double hours(EpochMs from, EpochMs to) { return static_cast<double>(to - from) / 3'600'000; }

void print_counts(const std::vector<Pod>& pods, const fleet::advice::Options& options) {
  const auto least = fleet::advice::least_window(fleet::advice::Kind::IdleHeld, options);
  const auto count = [&](const char* what, auto is) {
    fmt::print("| {} | {} |\n", what, std::ranges::count_if(pods, [&](const Pod& one) {
                 return is(one, one.workload.holds.front().seen.rhythm);
               }));
  };
  using fleet::advice::Rhythm;
  const auto low = [](const Pod& one) { return one.holds && one.mean < 5; };
  fmt::print("| pods | |\n| --- | --- |\n");
  count("in the trace", [](const Pod&, const Rhythm&) { return true; });
  count("told of for as long as idle-held needs", [&](const Pod&, const Rhythm& of) { return of.window() >= least; });
  count("gone an hour before the end", [](const Pod&, const Rhythm& of) { return hours(of.told_until, of.to) > 1; });
  count("hold more than 1 GiB at a mean below 5 %", [&](const Pod& one, const Rhythm&) { return low(one); });
  count("of these, are not there two hours behind their start",
        [&](const Pod& one, const Rhythm& of) { return low(one) && of.known_slots == 0; });
  count("of these, did something later than that",
        [&](const Pod& one, const Rhythm& of) { return low(one) && of.active_slots > 0; });
  count("of these, did nothing later than that",
        [&](const Pod& one, const Rhythm& of) { return low(one) && of.known_slots > 0 && of.active_slots == 0; });
}

/// Those that are there at the end, quiet for the longest time.
void print_quietest(const std::vector<Pod>& pods) {
  std::vector<const Pod*> list;
  for (const Pod& one : pods)
    if (one.holds &&
        hours(one.workload.holds.front().seen.rhythm.told_until, one.workload.holds.front().seen.rhythm.to) < 1)
      list.push_back(&one);
  std::ranges::sort(list, {}, [](const Pod* one) { return one->workload.holds.front().seen.rhythm.quiet_since; });
  fmt::print(
      "\n| pod | mean | active slots | of | quiet since | longest pause before | told of it |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n");
  constexpr std::size_t kShown = 6;
  for (std::size_t i = 0; i < std::min(kShown, list.size()); ++i) {
    const auto& rhythm = list[i]->workload.holds.front().seen.rhythm;
    fmt::print("| {} | {:.2f} % | {} | {} | {:.1f} h | {:.1f} h | {:.0f} % |\n", list[i]->workload.name, list[i]->mean,
               rhythm.active_slots, rhythm.known_slots, hours(rhythm.quiet_since, rhythm.to),
               hours(0, rhythm.longest_pause.count()), 100 * rhythm.quiet_observed);
  }
}

Result<void> replay(const Wanted& wanted) {
  const auto scale = parse_double(wanted.time_scale);
  if (!scale || !(*scale > 0) || *scale > 1)
    return fail(Code::Invalid, "--time-scale '{}': a number above 0 and not above 1 expected", wanted.time_scale);
  fleet::advice::Options options;
  options.time_scale = *scale;
  const Series busy = TRY(read_series(wanted.busy)), memory = TRY(read_series(wanted.memory));
  EpochMs end = 0;
  for (const auto& [name, samples] : busy) end = std::max(end, samples.back().time);
  const auto pods = read_pods(busy, memory, end);
  print_counts(pods, options);
  print_quietest(pods);
  fleet::advice::Facts facts;
  facts.now = end;
  for (const Pod& one : pods) facts.workloads.push_back(one.workload);
  const auto list = fleet::advice::advise(facts, options);
  fmt::print(
      "\n| advice | pod | quiet | observed | confidence | memory held |\n| --- | --- | --- | --- | --- | --- |\n");
  for (const auto& one : list) {
    const auto at = std::ranges::find(pods, one.subject.name, [](const Pod& pod) { return pod.workload.name; });
    fmt::print(
        "| {} | {} | {:.1f} h | {:.0f} % | {:.2f} ({}) | {:.1f} GiB |\n", fleet::advice::kind_name(one.kind),
        one.subject.name, hours(one.evidence.from, one.evidence.to), 100 * one.evidence.observed, one.confidence,
        fleet::advice::confidence_word(one.confidence),
        static_cast<double>(at->workload.holds.front().seen.memory_most.value_or(0)) / static_cast<double>(kGiB));
  }
  if (list.empty()) fmt::print("| none | | | | | |\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  config::CommandLine command("advice_replay", TESSERA_VERSION, kAbout, kFooter);
  CLI::App& app = command.app();
  app.add_option("--busy", wanted.busy, "duty cycles")->type_name("FILE")->required();
  app.add_option("--memory", wanted.memory, "memory used")->type_name("FILE")->required();
  app.add_option("--time-scale", wanted.time_scale, "the windows that kinds need, times this [1]")->type_name("X");
  return bench::main_of(command, argc, argv, "advice_replay", [&] { return replay(wanted); });
}
