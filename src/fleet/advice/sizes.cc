// A smaller place: a smaller profile, a share, another model.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

/// What one of its pods needs at least.
struct Need {
  double slices = 0;
  double memory_slices = 0;  ///< for its bandwidth; 0: nobody tells of that
  double memory_bytes = 0;
  std::vector<Number> numbers;
};

/// Of who runs kernels of its own: their width, and its memory.
std::optional<Need> need_of(const Holding& of, const Options& options) {
  const Seen& seen = of.seen;
  if (!seen.width_p95 || !seen.memory_p99 || !seen.memory_most || seen.rhythm.active_slots == 0) return std::nullopt;
  Need out;
  out.slices = *seen.width_p95 * of.compute_slices * (1 + options.compute_headroom);
  out.memory_bytes = std::max(static_cast<double>(*seen.memory_p99) * (1 + options.memory_headroom),
                              static_cast<double>(*seen.memory_most));
  out.numbers = {{"kernelWidthP95", *seen.width_p95, "ratio"},
                 {"activityP95", seen.busy_p95.value_or(0), "ratio"},
                 {"memoryP99", static_cast<double>(*seen.memory_p99), "bytes"},
                 {"memoryMost", static_cast<double>(*seen.memory_most), "bytes"}};
  if (seen.bandwidth_p95) {
    out.memory_slices = *seen.bandwidth_p95 * of.memory_slices * (1 + options.compute_headroom);
    out.numbers.push_back({"memoryBandwidthP95", *seen.bandwidth_p95, "ratio"});
  }
  return out;
}

constexpr double kEngineBusy = 0.8;  ///< of its time, when all takes as much longer as there are fewer slices

/// Of an engine: what was in its KV cache, never what memory it holds.
std::optional<Need> need_of(const Serves& of, const Holding& on) {
  const EngineSeen& seen = *of.engine;
  const auto& busy = on.seen.busy_p95;
  const bool calm = seen.waiting_most == 0 && seen.preemptions == 0 && seen.rhythm.active_slots > 0;
  if (!calm || !of.need || !seen.kv_tokens_most || !busy || of.gpus != 1) return std::nullopt;
  Need out;
  out.slices = *busy * on.compute_slices / kEngineBusy;
  out.memory_bytes = memory_needed(*of.need, *seen.kv_tokens_most);
  out.numbers = {{"kvTokensMost", *seen.kv_tokens_most, "tokens"},
                 {"contextTokens", static_cast<double>(of.need->context_tokens), "tokens"},
                 {"tokensPerSecondMost", seen.tokens_per_second_most, "tokens/s"},
                 {"requestsWaitingMost", seen.waiting_most, "requests"},
                 {"activityP95", *busy, "ratio"},
                 {"memoryNeeded", out.memory_bytes, "bytes"}};
  if (const auto& dram = on.seen.dram_p95) {
    out.memory_slices = *dram * on.memory_slices / kEngineBusy;
    out.numbers.push_back({"memoryBandwidthP95", *dram, "ratio"});
  }
  return out;
}

/// What the most of its pods needs; absent where one pod holds several, shares, or is not told enough.
std::optional<Need> need_of(const Workload& of, const Options& options) {
  std::optional<Need> out;
  std::map<std::string, unsigned> held;
  for (const Holding& one : of.holds) {
    const bool alike = one.model == of.holds.front().model && one.profile == of.holds.front().profile;
    if (++held[one.pod] > 1 || one.shared || !alike || !is_enough(Kind::OverProvisioned, one.seen.rhythm, options))
      return std::nullopt;
    const auto need = of.serves ? need_of(*of.serves, one) : need_of(one, options);
    if (!need) return std::nullopt;
    const Need before = out.value_or(*need);
    if (!out || need->slices > out->slices) out = need;
    out->memory_bytes = std::max(before.memory_bytes, need->memory_bytes);
    out->memory_slices = std::max(before.memory_slices, need->memory_slices);
  }
  return out;
}

/// By money where both have a price: which share of the device is paid for is the ledger's rule.
bool is_less(const Size& of, const std::optional<Micros>& per_hour, unsigned compute_slices) {
  return of.per_hour && per_hour ? *of.per_hour < *per_hour : of.compute_slices < compute_slices;
}

/// The cheapest that is enough, of equals the smallest; null where that is no less than what is held.
const Size* smallest(const Holding& held, const Need& need) {
  const Size* best = nullptr;
  const auto rank = [](const Size& of) { return std::tie(of.per_hour, of.compute_slices, of.memory_bytes); };
  for (const Size& one : held.sizes) {
    const bool plain = one.profile.find('+') == std::string::npos;  // others have media engines that somebody may need
    const bool enough = one.compute_slices >= need.slices && one.memory_slices >= need.memory_slices &&
                        static_cast<double>(one.memory_bytes) >= need.memory_bytes;
    if (!plain || !enough) continue;
    if (!best || rank(one) < rank(*best)) best = &one;
  }
  return best && is_less(*best, held.per_hour, held.compute_slices) ? best : nullptr;
}

}  // namespace

Said over_provisioned(const Workload& of, const Options& options) {
  const auto rhythm = rhythm_of(of);
  if (!rhythm || !is_enough(Kind::OverProvisioned, *rhythm, options)) return std::nullopt;
  const auto need = need_of(of, options);
  if (!need) return std::nullopt;
  const Holding& held = of.holds.front();
  const Size* size = smallest(held, *need);
  if (!size) return std::nullopt;
  Advice out = begun(Kind::OverProvisioned, of, *rhythm, options);
  const std::string now = held.profile.empty() ? held.model + " whole" : held.profile + " of " + held.model;
  out.sentence =
      fmt::format("{} {} would do with {} in the place of {}.", out.subject.kind, of.name, size->profile, now);
  out.aim = size->profile;
  out.evidence.numbers = need->numbers;
  if (const auto costs = per_hour(of.holds); costs && size->per_hour) {
    const auto then = static_cast<Micros>(Wide{*size->per_hour} * static_cast<Micros>(of.holds.size()));
    out.saving = saving_of(*costs - then, fmt::format("{} less {}", hourly(*costs), hourly(then)));
  }
  if (of.serves) out.risk += " Its answers take longer, up to as many times as there are fewer slices.";
  if (held.profile.empty()) out.risk += " A GPU that is not cut has to be emptied first to be cut.";
  take(out, slice_steps(of, size->profile));
  return out;
}

namespace {

constexpr double kSeldom = 0.5;  ///< share of the slots in which anything was done
constexpr double kLittleBusy = 0.25;

/// Requests that come all the time want an answer at once: who is at work in most of the slots does not share.
bool may_share(const Workload& of, const Options& options) {
  if (of.serves || of.holds.size() != 1) return false;
  const Holding& held = of.holds.front();
  const Seen& seen = held.seen;
  if (held.shared || !held.profile.empty() || !is_enough(Kind::Share, seen.rhythm, options)) return false;
  if (!seen.memory_most || !seen.busy_p95 || seen.rhythm.active_slots == 0) return false;
  const double often = static_cast<double>(seen.rhythm.active_slots) / static_cast<double>(seen.rhythm.known_slots);
  return often <= kSeldom && *seen.busy_p95 <= kLittleBusy;
}

constexpr const char* kHostName = "kubernetes.io/hostname";

double memory_wanted(const Workload& of, const Options& options) {
  return static_cast<double>(*of.holds.front().seen.memory_most) * (1 + options.memory_headroom);
}

/// By hand: which ConfigMap the plugin reads is known to who has installed it alone.
Steps sharing_steps(const Workload& a, const Workload& b) {
  const std::string& node = b.holds.front().node;
  const auto of = [&](const Workload& one) {
    const auto former = one.node_selector.find(kHostName);
    return former == one.node_selector.end()
               ? fmt::format("take {} out of nodeSelector of {}", kHostName, one.name)
               : fmt::format("let nodeSelector of {} have {}: {}", one.name, kHostName, former->second);
  };
  const auto former = [](const Workload& one) {
    const auto at = one.node_selector.find(kHostName);
    return at == one.node_selector.end() ? std::string("-") : at->second;
  };
  return {
      by_hand(Saying{"share",
                     {{"node", node}, {"first", a.name}, {"second", b.name}, {"namespace", a.space}},
                     fmt::format("1. Add the key shared-by-two to the ConfigMap that NVIDIA's device plugin reads:\n"
                                 "version: v1\nsharing:\n  timeSlicing:\n    resources:\n"
                                 "    - {{name: nvidia.com/gpu, replicas: 2}}\n"
                                 "2. Let nothing else stand on the GPUs of node {0}, and label it "
                                 "nvidia.com/device-plugin.config: shared-by-two.\n"
                                 "3. In the manifests of {1} and {2} in namespace {3}, let nodeSelector have {4}: {0}; "
                                 "then make both anew.",
                                 node, a.name, b.name, a.space, kHostName)}),
      by_hand(Saying{"share-ends",
                     {{"node", node},
                      {"first", a.name},
                      {"second", b.name},
                      {"formerFirst", former(a)},
                      {"formerSecond", former(b)}},
                     fmt::format("In their manifests, {} and {}; take the label nvidia.com/device-plugin.config off "
                                 "node {}, and make both anew: each gets a GPU of its own.",
                                 of(a), of(b), node)})};
}

Advice sharing(const Workload& a, const Workload& b, const Options& options) {
  Workload both = a;
  both.name = a.name + " and " + b.name;
  both.pods.insert(both.pods.end(), b.pods.begin(), b.pods.end());
  both.holds.push_back(b.holds.front());
  Advice out = begun(Kind::Share, both, *rhythm_of(both), options);
  out.subject.owners.clear();
  for (const Workload* one : {&a, &b}) out.subject.owners.push_back({one->kind.empty() ? "Pod" : one->kind, one->name});
  const Holding &first = a.holds.front(), &second = b.holds.front();
  out.sentence =
      fmt::format("{} and {} are at work seldom, and would do with one {} between them.", a.name, b.name, first.model);
  out.aim = "one device";
  out.evidence.numbers = {
      {"activityP95", std::max(*first.seen.busy_p95, *second.seen.busy_p95), "ratio"},
      {"memoryMost", static_cast<double>(*first.seen.memory_most + *second.seen.memory_most), "bytes"}};
  const auto& less =
      first.per_hour && second.per_hour && *second.per_hour < *first.per_hour ? second.per_hour : first.per_hour;
  if (less && second.per_hour) out.saving = saving_of(less, "one of both, " + hourly(*less));
  out.risk +=
      fmt::format(" All whole GPUs of node {} become shares: whoever asks for one there gets half of it.", second.node);
  take(out, sharing_steps(a, b));
  return out;
}

}  // namespace

std::vector<Sharing> share(const std::vector<const Workload*>& of, const Options& options) {
  // By whom could share at all; of them the smallest first, so that who comes last finds the most room.
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<const Workload*>> groups;
  for (const Workload* one : of)
    if (may_share(*one, options)) groups[{one->cluster, one->space, one->holds.front().model}].push_back(one);
  std::vector<Sharing> out;
  for (auto& [key, group] : groups) {
    std::ranges::sort(group, [&](const Workload* a, const Workload* b) {
      const double left = memory_wanted(*a, options), right = memory_wanted(*b, options);
      return left != right ? left < right : a->name < b->name;
    });
    for (std::size_t i = 0; i + 1 < group.size(); i += 2) {
      const double both = memory_wanted(*group[i], options) + memory_wanted(*group[i + 1], options);
      if (both > static_cast<double>(group[i]->holds.front().memory_bytes)) break;
      out.push_back({sharing(*group[i], *group[i + 1], options), {group[i], group[i + 1]}});
    }
  }
  return out;
}

}  // namespace tessera::fleet::advice
