#include "fleet/advice/scenarios.h"

#include "fleet/advice/served_need.h"

namespace tessera::fleet::advice {
namespace {

constexpr Micros kH100 = 8 * kUnit, kA100 = 6 * kUnit, k4090 = 2 * kUnit;

std::vector<Size> h100_sizes() {
  std::vector<Size> out;
  constexpr struct {
    const char* profile;
    unsigned slices;
    double gib;
    unsigned memory_slices;
  } kProfiles[] = {{"1g.10gb", 1, 9.75, 1}, {"1g.10gb+me", 1, 9.75, 1}, {"1g.20gb", 1, 19.6, 2},
                   {"2g.20gb", 2, 19.6, 2}, {"3g.40gb", 3, 39.5, 4},    {"4g.40gb", 4, 39.5, 4},
                   {"7g.80gb", 7, 79.2, 8}};
  for (const auto& one : kProfiles)
    out.push_back({one.profile, one.slices, static_cast<std::uint64_t>(one.gib * static_cast<double>(kGiB)),
                   kH100 * one.slices / 7, one.memory_slices});
  return out;
}

Workload deployment(const std::string& name, std::size_t devices) {
  Workload out;
  out.cluster = "prod";
  out.space = "ml";
  out.kind = "Deployment";
  out.name = name;
  out.team = "vision";
  out.pods = {name + "-0"};
  for (std::size_t i = 0; i < devices; ++i) {
    Holding one;
    one.pod = out.pods.front();
    one.container = "main";
    one.resource = "nvidia.com/gpu";
    one.device_id = "worker-01-GPU-0" + std::to_string(i);
    one.model = "H100_80GB";
    one.compute_slices = one.device_slices = 7;
    one.memory_bytes = 80 * kGiB;
    one.per_hour = kH100;
    one.sizes = h100_sizes();
    out.holds.push_back(std::move(one));
  }
  return out;
}

constexpr Milliseconds kMost{std::chrono::hours(24 * 14)};

void see(Holding& into, const Doing& what, double days) {
  const auto since = kNow - static_cast<EpochMs>(days * static_cast<double>(kDayMs));
  std::vector<Slot> slots;
  for (const Slot& one : slots_of(what, kMost))
    if (one.begin >= since) slots.push_back(one);
  into.seen = sum_up(slots, since, kNow);
}

Doing always(double busy, double busy_most, double sm, double memory_gib) {
  return [=](EpochMs at) { return doing(at, busy, busy_most, sm, memory_gib); };
}
const Doing kIdle = always(0, 0, 0, 40);
const Doing kTraining = always(0.97, 1, 0.8, 70);

/// Narrow kernels, and a share of the memory's bandwidth.
Doing reading(double busy, double sm, double dram) {
  return [=](EpochMs at) {
    Slot one = doing(at, busy, 1, sm, 6);
    one.dram = dram;
    return one;
  };
}

/// Only now and then, as a notebook: six slots of each 24, all the day.
Doing seldom(double busy, double memory_gib) {
  return [=](EpochMs at) {
    const bool works = at / kSlot.count() % 24 < 6;
    return works ? doing(at, busy, busy * 1.5, busy * 0.9, memory_gib) : doing(at, 0, 0, 0, memory_gib);
  };
}

std::int64_t hour_of(EpochMs at) { return at % kDayMs / kHourMs; }

std::optional<EngineSlot> engine_slot(EpochMs at, double tokens_per_second, double kv_tokens, double waiting = 0) {
  const double seconds = static_cast<double>(kSlot.count()) / 1'000;
  EngineSlot out;
  out.begin = at;
  out.observed_ms = kSlot.count();
  out.tokens = tokens_per_second * seconds;
  out.finished = tokens_per_second > 0 ? 10 : 0;
  out.running_most = tokens_per_second > 0 ? 4 : 0;
  out.waiting_most = waiting;
  out.kv_tokens_most = kv_tokens;
  return out;
}

Facts of(std::vector<Workload> workloads) {
  Facts out;
  out.now = kNow;
  out.workloads = std::move(workloads);
  return out;
}

// What is wasted.

/// As vLLM, with so many tokens in its KV cache at most.
Workload qwen(double kv_tokens, const std::vector<std::string>& arguments) {
  Workload out = serving("qwen", [=](EpochMs at) { return engine_slot(at, 40, kv_tokens); });
  out.serves->model = "Qwen/Qwen2.5-7B-Instruct";
  out.serves->need = served_need(out.serves->model, Engine::Vllm, engine_arguments_of(arguments));
  return out;
}

Labelled unused_devices() {
  Workload one = deployment("pretrain", 4);
  for (std::size_t i = 0; i < 4; ++i) see(one.holds[i], i < 2 ? kTraining : always(0, 0, 0, 0.4), 14);
  return {"two of four GPUs never touched", Kind::DropUnused, of({one})};
}

Labelled cheaper() {
  Workload one = serving("chat", [](EpochMs at) { return engine_slot(at, 500, 200'000); });
  one.serves->alternatives = {{"A100_80GB", "NVIDIA-A100-SXM4-80GB", kA100, 2'000, 80 * kGiB, "llama-3.1-8b 1"},
                              {"L4", "NVIDIA-L4", kUnit, 2'000, 22 * kGiB, "llama-3.1-8b 1"},   // has no room for it
                              {"T4", "Tesla-T4", kUnit / 10, 1, 80 * kGiB, "llama-3.1-8b 1"}};  // hundreds of them
  one.serves->benchmarked = 3'000;
  return {"an engine that an A100 would serve", Kind::CheaperModel, of({one})};
}

Labelled on_demand() {
  Workload one = on_h100("batch", kTraining);
  one.interruptible = true;
  one.spot_per_hour = 3 * kUnit;
  one.spot_label = {"karpenter.sh/capacity-type", "spot"};
  return {"interruptible on demand", Kind::Spot, of({one})};
}

Labelled reserved() {
  Facts out = of({});
  out.pools = {{"prod", "H100_80GB", kNow - 30 * kDayMs, kNow, kNow, 0.99, 12, kH100, 5 * kUnit}};
  return {"twelve that somebody always has", Kind::Reserve, out};
}

Labelled throttled() {
  Facts out = of({on_h100("train", kTraining)});
  Trouble hot{"prod", "worker-01", "worker-01-GPU-03",    "H100_80GB", "GPUThermalThrottling", kNow - 7 * kDayMs, kNow,
              1,      6,           std::chrono::hours(9), kH100};
  Trouble sick = hot;
  sick.alert = "GPURowRemapFailed";
  sick.times = 1;
  out.troubles = {hot, sick};
  return {"a board that is hot and has no spare rows", Kind::Hardware, out};
}

Labelled scattered() {
  Facts out = of({});
  out.scattered = {{"prod", "H100_80GB", kNow - 2 * kDayMs, kNow, 1, {"worker-01-GPU-03"}, {"ml/a moves"}, kH100}};
  return {"instances that lie apart", Kind::Defragment, out};
}

Quota quota_of(std::int64_t hard, std::int64_t had_most, double days = 14) {
  return {
      "prod", "ml", "gpus",  "nvidia.com/gpu", hard, kNow - static_cast<EpochMs>(days * static_cast<double>(kDayMs)),
      kNow,   0.99, had_most};
}

Labelled quotas(const std::string& name, std::optional<Kind> kind, std::vector<Quota> list) {
  Facts out = of({});
  out.quotas = std::move(list);
  return {name, kind, out};
}

/// Refused for two hours on each of so many days, the last of them yesterday.
QuotaShortage shortage_of(std::size_t days, std::int64_t wanted = 2) {
  QuotaShortage out{"prod", "ml", "gpus", "nvidia.com/gpu", 8, kNow - 14 * kDayMs, kNow, kNow, 0.99};
  out.days.assign(days, {std::chrono::hours(2), wanted});
  out.refused_last = kNow - kDayMs;
  out.per_hour = kH100;
  return out;
}

Labelled shortages(const std::string& name, std::optional<Kind> kind, QuotaShortage one) {
  Facts out = of({});
  out.shortages = {std::move(one)};
  return {name, kind, out};
}

std::vector<Labelled> short_quotas() {
  std::vector<Labelled> out;
  out.push_back(shortages("a quota that refused pods on four days", Kind::QuotaTooSmall, shortage_of(4)));
  out.push_back(shortages("the same without a rate", Kind::QuotaTooSmall, [] {
    QuotaShortage one = shortage_of(4);
    one.per_hour.reset();
    return one;
  }()));
  out.push_back(shortages("a quota that refused nothing for which there was room", std::nullopt, shortage_of(0)));
  out.push_back(shortages("a quota that refused pods on two days", std::nullopt, shortage_of(2)));
  out.push_back(shortages("a quota that refused pods for minutes of each day", std::nullopt, [] {
    QuotaShortage one = shortage_of(14);
    for (auto& day : one.days) day.refused = Milliseconds(20 * kMinute);
    return one;
  }()));
  out.push_back(shortages("a quota that was raised five days ago", std::nullopt, [] {
    QuotaShortage one = shortage_of(4);
    one.from = kNow - 5 * kDayMs;
    return one;
  }()));
  out.push_back(shortages("a quota that nobody looked at for days", std::nullopt, [] {
    QuotaShortage one = shortage_of(4);
    one.observed = 0.8;
    return one;
  }()));
  out.push_back(shortages("a quota that nobody looks at any longer", std::nullopt, [] {
    QuotaShortage one = shortage_of(4);
    one.told_until = kNow - kDayMs;
    return one;
  }()));
  out.push_back(shortages("a quota that shuts its namespace out", std::nullopt, [] {
    QuotaShortage one = shortage_of(4);
    one.hard = 0;
    return one;
  }()));
  out.push_back(shortages("a quota that refused the only jobs of its namespace", Kind::QuotaTooSmall, shortage_of(4)));
  out.back().facts.quotas = {quota_of(8, 0)};
  out.push_back(shortages("a quota that refused one job of a namespace with no other", std::nullopt, shortage_of(1)));
  out.back().facts.quotas = {quota_of(8, 0)};
  out.push_back(shortages("a quota that has refused nothing since three days", std::nullopt, [] {
    QuotaShortage one = shortage_of(4);
    one.refused_last = kNow - 3 * kDayMs;
    return one;
  }()));
  return out;
}

std::vector<Labelled> wasted() {
  std::vector<Labelled> out;
  out.push_back({"nothing done for two weeks", Kind::IdleHeld, of({on_h100("forgotten", kIdle)})});
  out.push_back({"worked, and has not since two days", Kind::IdleHeld, of({on_h100("done", [](EpochMs at) {
                   return at < kNow - 2 * kDayMs ? doing(at, 0.9, 1, 0.8, 60) : doing(at, 0, 0, 0, 60);
                 })})});
  out.push_back({"an engine that nobody asks", Kind::IdleHeld,
                 of({serving("nobody-asks", [](EpochMs at) { return engine_slot(at, 0, 0); })})});
  out.push_back(unused_devices());
  out.push_back(
      {"narrow kernels and little memory", Kind::OverProvisioned, of({on_h100("small", always(0.9, 1, 0.08, 6))})});
  out.push_back({"an engine with a small model and few requests", Kind::OverProvisioned,
                 of({serving("small-chat", [](EpochMs at) { return engine_slot(at, 40, 9'000); })})});
  out.push_back({"an engine with few requests, of which one may be long", Kind::OverProvisioned,
                 of({qwen(5'000, {"vllm serve m", "--max-model-len", "32768"})})});
  out.push_back({"two notebooks", Kind::Share, of({on_4090("ann", seldom(0.2, 6)), on_4090("bob", seldom(0.1, 8))})});
  out.push_back({"office hours", Kind::Schedule, of({on_h100("office", [](EpochMs at) {
                   return hour_of(at) >= 8 && hour_of(at) < 18 ? doing(at, 0.7, 1, 0.6, 60) : doing(at, 0, 0, 0, 60);
                 })})});
  out.push_back(quotas("a quota of sixteen where four were had at most", Kind::Quota, {quota_of(16, 4)}));
  out.push_back(quotas("a quota of four where nobody had any", Kind::Quota, {quota_of(4, 0)}));
  for (const auto& make : {cheaper, on_demand, reserved, throttled, scattered}) out.push_back(make());
  return out;
}

// What only looks like it.

std::vector<Labelled> healthy() {
  std::vector<Labelled> out;
  const auto add = [&](const std::string& name, std::vector<Workload> workloads) {
    out.push_back({name, std::nullopt, of(std::move(workloads))});
  };
  // Requests all the time: a mean of 7 %, and kernels as wide as the device while they run.
  const Doing inference = always(0.07, 0.3, 0.06, 20);
  add("steady inference with low duty", {on_h100("images", inference), on_h100("images-b", inference)});
  add("the same where nothing can be cut",
      {on_4090("images", always(0.07, 0.3, 0.06, 8)), on_4090("other", always(0.05, 0.2, 0.04, 8))});
  add("steady inference whose kernels' width nobody tells", {on_h100("images", [](EpochMs at) {
        Slot one = doing(at, 0.07, 0.3, 0, 6);
        one.sm.reset();
        return one;
      })});
  add("in its loading phase", {on_h100("loads", kIdle, 0.5)});
  add("loads for a day",
      {on_h100(
          "loads", [](EpochMs at) { return at < kNow - kHourMs ? doing(at, 0, 0, 0, 30) : doing(at, 0.9, 1, 0.8, 70); },
          1.2)});
  add("idle, as far as one can see: with gaps", {on_h100("gaps", [](EpochMs at) {
        return at / kHourMs % 4 == 0 ? std::optional<Slot>() : doing(at, 0, 0, 0, 30);
      })});
  add("idle, and for twenty hours nobody has told of it", {on_h100("silent", [](EpochMs at) {
        return at > kNow - 20 * kHourMs ? std::optional<Slot>() : doing(at, 0, 0, 0, 30);
      })});
  add("its memory is told, its activity is not", {on_h100("blind", [](EpochMs at) {
        Slot one = doing(at, 0, 0, 0, 30);
        one.busy.reset();
        one.busy_most.reset();
        return one;
      })});
  add("once a week for an hour", {on_h100("weekly", [](EpochMs at) {
        return at / kDayMs % 7 == 3 && hour_of(at) == 5 ? doing(at, 0.9, 1, 0.8, 60) : doing(at, 0, 0, 0, 60);
      })});
  add("waited for sixty hours, was used, and is quiet for twenty-five",
      {on_h100(
          "waits",
          [](EpochMs at) {
            const EpochMs ago = kNow - at;
            return ago > 25 * kHourMs && ago <= 27 * kHourMs ? doing(at, 0.9, 1, 0.8, 60) : doing(at, 0, 0, 0, 60);
          },
          (60.0 + 2 + 27) / 24)});
  add("training", {on_h100("train", kTraining)});
  add("narrow kernels that read as fast as the memory is", {on_h100("reads", reading(0.9, 0.225, 0.72))});
  add("the same for a tenth of the time", {on_h100("reads-seldom", reading(0.1, 0.025, 0.08))});
  add("small kernels, all the memory", {on_h100("wide-memory", always(0.9, 1, 0.08, 70))});
  add("little memory on 99 slots of 100, and all of it once a day",
      {on_h100("peaks", [](EpochMs at) { return doing(at, 0.9, 1, 0.08, at % kDayMs < kSlot.count() ? 75 : 6); })});
  add("an engine whose metrics nobody tells", {[] {
        Workload one = serving("blind", [](EpochMs) { return std::nullopt; });
        one.serves->engine.reset();
        return one;
      }()});
  add("an engine of whose memory not all is read", {qwen(5'000, {"vllm serve m", "--config", "/etc/vllm.yaml"})});
  add("an engine with few requests, of which one may fill the GPU", {qwen(5'000, {"vllm serve m"})});
  add("an engine with requests that wait", {serving("full", [](EpochMs at) { return engine_slot(at, 40, 9'000, 3); })});
  add("an engine of two GPUs", {[] {
        Workload one = serving("large", [](EpochMs at) { return engine_slot(at, 40, 9'000); });
        one.serves->gpus = 2;
        return one;
      }()});
  {
    Workload on_spot = on_h100("batch", kTraining);
    on_spot.interruptible = true;
    on_spot.purchase = Purchase::Spot;
    on_spot.spot_per_hour = 3 * kUnit;
    add("interruptible, and on spot already", {on_spot});
    on_spot.purchase = Purchase::OnDemand;
    on_spot.spot_per_hour = kH100;
    add("interruptible, and spot costs as much", {on_spot});
  }
  {
    Labelled one{"a base that nobody held in some hour, and one that is reserved at no less", std::nullopt,
                 reserved().facts};
    one.facts.pools.push_back(one.facts.pools.front());
    one.facts.pools[0].held_at_least = 0;
    one.facts.pools[1].reserved_per_hour = kH100;
    out.push_back(std::move(one));
  }
  {
    Labelled one{"instances that lie apart since this morning", std::nullopt, scattered().facts};
    one.facts.scattered.front().since = kNow - 6 * kHourMs;
    out.push_back(std::move(one));
  }
  out.push_back(quotas("a quota that leaves room, and not much of it", std::nullopt, {quota_of(16, 6)}));
  out.push_back(quotas("a quota that is full, and one that is fuller", std::nullopt, {quota_of(8, 8), quota_of(8, 9)}));
  out.push_back(quotas("a quota of one, and one of none", std::nullopt, {quota_of(1, 0), quota_of(0, 0)}));
  out.push_back(quotas("a quota that was looked at for a week", std::nullopt, {quota_of(16, 0, 7)}));
  {
    Quota gaps = quota_of(16, 0);
    gaps.observed = 0.8;
    out.push_back(quotas("a quota of a namespace that was not told of all the time", std::nullopt, {gaps}));
  }
  add("an engine whose KV cache is in use",
      {serving("full-cache", [](EpochMs at) { return engine_slot(at, 900, 300'000); })});
  add("an engine that an A100 would serve, had anybody told of its KV cache", {[] {
        Workload one = cheaper().facts.workloads.front();
        one.serves->engine->kv_tokens_most.reset();
        return one;
      }()});
  {
    Labelled one{"twelve that somebody always had, and that have gone", std::nullopt, reserved().facts};
    one.facts.pools.front().told_until = kNow - kDayMs;
    out.push_back(std::move(one));
  }
  add("an engine that makes more than a benchmark says its GPU can", {[] {
        Workload one = cheaper().facts.workloads.front();
        one.serves->benchmarked = 400;
        return one;
      }()});
  return out;
}

}  // namespace

Slot doing(EpochMs begin, double busy, double busy_most, double sm, double memory_gib) {
  Slot out;
  out.begin = begin;
  out.observed_ms = kSlot.count();
  out.busy = busy;
  out.busy_most = busy_most;
  out.sm = sm;
  out.memory_bytes = static_cast<std::uint64_t>(memory_gib * static_cast<double>(kGiB));
  return out;
}

std::vector<Slot> slots_of(const Doing& what, Milliseconds of_late) {
  std::vector<Slot> out;
  for (EpochMs at = kNow - of_late.count(); at < kNow; at += kSlot.count())
    if (auto one = what(at)) out.push_back(*one);
  return out;
}

Workload on_h100(const std::string& name, const Doing& what, double days) {
  Workload out = deployment(name, 1);
  see(out.holds.front(), what, days);
  return out;
}

Workload on_4090(const std::string& name, const Doing& what, double days) {
  Workload out = deployment(name, 1);
  Holding& held = out.holds.front();
  held.model = "RTX4090";
  held.compute_slices = held.device_slices = 1;
  held.memory_bytes = 24 * kGiB;
  held.per_hour = k4090;
  held.sizes.clear();
  see(held, what, days);
  return out;
}

Workload serving(const std::string& name, const std::function<std::optional<EngineSlot>(EpochMs)>& what, double days) {
  // It holds nine tenths of the memory whatever it does, and decodes with the whole device.
  Workload out = on_h100(name, always(0.1, 1, 0.08, 72), days);
  const auto since = kNow - static_cast<EpochMs>(days * static_cast<double>(kDayMs));
  std::vector<EngineSlot> slots;
  for (EpochMs at = std::max(since, kNow - kMost.count()); at < kNow; at += kSlot.count())
    if (auto one = what(at)) slots.push_back(*one);
  out.serves.emplace();
  out.serves->model = "meta-llama/Llama-3.1-8B-Instruct";
  out.serves->engine = sum_up(slots, since, kNow);
  constexpr double kWeights = 17.0;
  out.serves->need = ServedNeed{static_cast<std::uint64_t>(kWeights * static_cast<double>(kGiB)), 131'072, 8'192, 0.9};
  return out;
}

const std::vector<Labelled>& labelled() {
  static const std::vector<Labelled> out = [] {
    std::vector<Labelled> all = wasted(), more = healthy(), quotas = short_quotas();
    for (auto* list : {&more, &quotas})
      all.insert(all.end(), std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
    return all;
  }();
  return out;
}

}  // namespace tessera::fleet::advice
