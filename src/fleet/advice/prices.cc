// The same for less money: another model, spot, reserved.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

constexpr double kUseOfBenchmark = 0.7;  ///< of what it says: it is run without anything beside
constexpr Micros kLeastShare = 10;       ///< what saves less than a tenth is not worth a move

struct Found {
  const Alternative* one = nullptr;
  unsigned devices = 0;
  Micros per_hour = 0;
};

/// The cheapest that has room for the model and makes as many tokens as were made at most.
Found cheapest(const Serves& of) {
  const double memory = memory_needed(*of.need, *of.engine->kv_tokens_most);
  Found best;
  for (const Alternative& one : of.alternatives) {
    if (one.tokens_per_second <= 0 || static_cast<double>(one.memory_bytes) < memory) continue;
    const double devices = std::ceil(of.engine->tokens_per_second_most / (one.tokens_per_second * kUseOfBenchmark));
    constexpr double kMost = 1'000;
    if (devices > kMost) continue;
    const auto count = std::max(1U, static_cast<unsigned>(devices));
    const auto cost = narrow(Wide{one.per_hour} * count, "money of an hour");
    if (cost && (!best.one || *cost < best.per_hour)) best = {&one, count, *cost};
  }
  return best;
}

}  // namespace

Said cheaper_model(const Workload& of, const Options& options) {
  if (!of.serves || !of.serves->engine || !of.serves->need || !of.serves->engine->kv_tokens_most ||
      of.serves->gpus != 1 || of.holds.size() != of.pods.size())
    return std::nullopt;
  const Rhythm& rhythm = of.serves->engine->rhythm;
  const auto costs = per_hour(of.holds);
  if (!costs || !is_enough(Kind::CheaperModel, rhythm, options) || rhythm.active_slots == 0) return std::nullopt;
  // What makes more than the benchmark says of the devices that it has is not what the benchmark measures.
  if (const auto most = of.serves->benchmarked;
      most && of.serves->engine->tokens_per_second_most > *most * static_cast<double>(of.holds.size()))
    return std::nullopt;
  const Found found = cheapest(*of.serves);
  if (!found.one || Wide{found.per_hour} * kLeastShare > Wide{*costs} * (kLeastShare - 1)) return std::nullopt;
  Advice out = begun(Kind::CheaperModel, of, rhythm, options);
  out.sentence = fmt::format("{} {} would be served by {} {} for {}.", out.subject.kind, of.name, found.devices,
                             found.one->model, hourly(found.per_hour));
  out.aim = fmt::format("{} {}", found.devices, found.one->model);
  out.evidence.numbers = {{"tokensPerSecondMost", of.serves->engine->tokens_per_second_most, "tokens/s"},
                          {"benchmarkTokensPerSecond", found.one->tokens_per_second, "tokens/s"},
                          {"devices", static_cast<double>(found.devices), "devices"}};
  out.saving = saving_of(*costs - found.per_hour, fmt::format("{} less {}, by benchmark {}", hourly(*costs),
                                                              hourly(found.per_hour), found.one->benchmark));
  // A replica has one device, so that the devices are the replicas.
  take(out,
       place_steps(
           of, {Saying{"model-nodes",
                       {{"model", found.one->model}, {"gpus", std::to_string(found.devices)}},
                       fmt::format("let it stand on nodes with {}, {} GPUs in all", found.one->model, found.devices)},
                {"nvidia.com/gpu.product", found.one->product},
                found.devices}));
  return out;
}

Said spot(const Workload& of, const Options& options) {
  if (!of.interruptible || of.purchase != Purchase::OnDemand || !of.spot_per_hour) return std::nullopt;
  const auto rhythm = rhythm_of(of);
  const auto costs = per_hour(of.holds);
  if (!rhythm || !costs || *of.spot_per_hour >= *costs || !is_enough(Kind::Spot, *rhythm, options)) return std::nullopt;
  Advice out = begun(Kind::Spot, of, *rhythm, options);
  out.sentence = fmt::format("{} {} says that it may be interrupted, and stands on nodes that are bought on demand.",
                             out.subject.kind, of.name);
  out.aim = "spot";
  out.evidence.numbers = {{"held", static_cast<double>(of.holds.size()), "parts"}};
  out.saving =
      saving_of(*costs - *of.spot_per_hour, fmt::format("{} less {}", hourly(*costs), hourly(*of.spot_per_hour)));
  take(out, place_steps(of, {Saying{"spot-nodes", {}, "let it stand on spot nodes"}, of.spot_label}));
  return out;
}

Said reserve(const Pool& of, const Options& options) {
  const Rhythm by{.from = of.from, .to = of.to, .observed = of.observed, .told_until = of.told_until};
  if (of.held_at_least < 1 || !of.on_demand_per_hour || !of.reserved_per_hour ||
      *of.reserved_per_hour >= *of.on_demand_per_hour || !is_enough(Kind::Reserve, by, options))
    return std::nullopt;
  Subject subject;
  subject.cluster = of.cluster;
  subject.model = of.model;
  Advice out = begun(Kind::Reserve, std::move(subject),
                     {of.from, of.to, of.observed, {{"heldAtLeast", static_cast<double>(of.held_at_least), "devices"}}},
                     options);
  out.sentence =
      fmt::format("Of {} somebody held {} at each time, and none of them is reserved.", of.model, of.held_at_least);
  out.aim = fmt::format("{} reserved", of.held_at_least);
  const Wide less = Wide{*of.on_demand_per_hour - *of.reserved_per_hour} * of.held_at_least;
  if (const auto money = narrow(less, "money of an hour"))
    out.saving = saving_of(*money, fmt::format("{} GPUs at {} in the place of {}", of.held_at_least,
                                               hourly(*of.reserved_per_hour), hourly(*of.on_demand_per_hour)));
  out.change = by_hand(Saying{"reserve",
                              {{"count", std::to_string(of.held_at_least)}, {"model", of.model}},
                              fmt::format("Reserve {} of {}, and say so of their nodes under gpu.management.cost.nodes "
                                          "(purchase: reserved).",
                                          of.held_at_least, of.model)});
  out.undo = by_hand(
      Saying{"reserve-ends", {}, "A reservation ends at its end; some sellers take it back or let it be sold."});
  return out;
}

}  // namespace tessera::fleet::advice
