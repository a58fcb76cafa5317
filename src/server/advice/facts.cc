#include "server/advice/facts.h"

#include <algorithm>
#include <set>

#include "fleet/advice/served_need.h"
#include "fleet/cluster/maker.h"
#include "fleet/cost/usage_slot.h"
#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "fleet/serving/serving_pods.h"
#include "server/advice/quotas.h"
#include "server/cost/sight.h"

namespace tessera::server {
namespace {

using fleet::Micros;
using fleet::advice::EngineSlot;
using fleet::advice::Holding;
using fleet::advice::Seen;
using fleet::advice::Slot;
using fleet::advice::Windowing;
using fleet::advice::Workload;
using PodKey = std::tuple<std::string, std::string, std::string>;  ///< cluster, namespace, name

/// A pod's label.
constexpr const char* kInterruptible = "tessera.dev/interruptible";

bool is_true(const fleet::LabelMap& labels, const char* name) {
  const auto label = labels.find(name);
  return label != labels.end() && label->second == "true";
}

int instance_of(const std::optional<unsigned>& gpu_instance) {
  return gpu_instance ? static_cast<int>(*gpu_instance) : -1;
}

/// What was told of from the first of that time on came before it: it has had time to start.
EpochMs begin_of(EpochMs first, EpochMs from, const Windowing& how) {
  return first <= from + how.slot.count() ? from - how.loading.count() : first;
}

/// What an hour costs, by who has what and by device. Absent where a rate lacks.
struct Prices {
  fleet::ShareBy share_by{};  ///< of a device its parts
  std::map<HeldPart, std::optional<Micros>> held;
  std::map<std::pair<std::string, std::string>, std::optional<Micros>> devices;  ///< by cluster and UUID
  std::map<PodKey, const fleet::CostOwner*> owners;
  std::map<PodKey, fleet::Purchase> purchases;
  struct Spot {
    Micros per_hour = 0;  ///< of a device: the dearest, so that no saving is promised too large
    std::string node;     ///< that has it
  };
  std::map<std::pair<std::string, std::string>, Spot> spots;  ///< by cluster and model
};

void add(std::optional<Micros>& into, const fleet::CostAmount& amount) {
  if (amount.unpriced_ms != 0)
    into.reset();
  else if (into)
    *into += amount.micros;
}

template <class Map>
std::optional<Micros> price_in(const Map& prices, const typename Map::key_type& key) {
  const auto at = prices.find(key);
  return at == prices.end() ? std::nullopt : at->second;
}

Prices prices_of(const HourlyCosts* hourly) {
  Prices out;
  if (!hourly) return out;
  out.share_by = hourly->share_by;
  for (const store::CostPosting& one : hourly->postings) {
    const auto& of = one.subject;
    add(out.devices.try_emplace({of.cluster, of.device_uuid}, Micros{0}).first->second, one.amount);
    if (!one.owner || !fleet::is_allocated(one.kind)) continue;
    const fleet::CostOwner& owner = *one.owner;
    const HeldPart key{owner.cluster, owner.space, owner.pod, of.device_uuid, instance_of(of.gpu_instance)};
    add(out.held.try_emplace(key, Micros{0}).first->second, one.amount);
    out.owners[{owner.cluster, owner.space, owner.pod}] = &owner;
    out.purchases[{owner.cluster, owner.space, owner.pod}] = of.purchase;
  }
  return out;
}

void add_spots(Prices& into, const HourlyCosts* hourly) {
  if (!hourly) return;
  for (const store::CostPosting& one : hourly->postings) {
    const auto& of = one.subject;
    const auto price = price_in(into.devices, {of.cluster, of.device_uuid});
    if (of.purchase != fleet::Purchase::Spot || !price) continue;
    Prices::Spot& spot = into.spots[{of.cluster, of.model}];
    if (spot.node.empty() || *price > spot.per_hour) spot = {*price, of.node};
  }
}

/// What a device can be cut into, each at what would be charged for it: by the share of the device that such an
/// instance is.
std::vector<fleet::advice::Size> sizes_of(const fleet::DeviceFacts& facts, const std::optional<Micros>& per_hour,
                                          fleet::ShareBy share_by) {
  std::vector<fleet::advice::Size> out;
  if (!facts.profiles) return out;
  const fleet::Model* model = fleet::find_model(fleet::model_key_of(facts.name));
  const fleet::Slices whole = fleet::whole_slices(facts.compute_slices, model ? model->mig_max_slices : 0);
  const auto units = [&](const fleet::Slices& part) { return fleet::units_of(part, whole, share_by); };
  for (const gpu::Profile& one : *facts.profiles) {
    const std::int64_t compute = one.compute_slices;
    const fleet::Slices part =
        fleet::profile_slices(one.name, one.compute_slices, model ? model->memory_gib : 0)
            .value_or(fleet::Slices{compute, std::max<std::int64_t>(1, whole.memory * compute / whole.compute)});
    std::optional<Micros> price;
    if (per_hour) price = static_cast<Micros>(fleet::Wide{*per_hour} * units(part) / units(whole));
    out.push_back({one.name, one.compute_slices, one.memory_bytes, price, static_cast<unsigned>(part.memory)});
  }
  return out;
}

/// Another of its pods' engines in the same slot.
void add_engine(EngineSlot& into, const EngineSlot& one, bool is_first) {
  into.begin = one.begin;
  into.observed_ms = is_first ? one.observed_ms : std::min(into.observed_ms, one.observed_ms);
  into.tokens += one.tokens;
  into.finished += one.finished;
  into.preemptions += one.preemptions;
  into.running_most = std::max(into.running_most, one.running_most);
  into.waiting_most = std::max(into.waiting_most, one.waiting_most);
  if (one.kv_tokens_most) into.kv_tokens_most = std::max(into.kv_tokens_most.value_or(0), *one.kv_tokens_most);
}

class Gathering {
 public:
  Gathering(const Published& known, const HourlyCosts* hourly, const AdviceHistory& history, const Windowing& how,
            EpochMs now)
      : known_(known), history_(history), how_(how), now_(now), prices_(prices_of(hourly)) {
    add_spots(prices_, hourly);
  }

  std::vector<Workload> workloads() {
    for (const auto& node : known_.view->nodes)
      for (const fleet::Device& device : node->devices)
        if (device.presence == fleet::Presence::Present) add_device(*node, device);
    add_engines();
    std::vector<Workload> out;
    for (auto& [key, one] : workloads_) {
      std::ranges::sort(one.pods);
      out.push_back(std::move(one));
    }
    return out;
  }

 private:
  using WorkloadKey = std::tuple<std::string, std::string, std::string, std::string>;  ///< and kind, name

  Workload& workload_of(const fleet::Node& node, const fleet::Workload& pod) {
    const fleet::ClusterPod* seen = known_.cluster->pod(node.cluster, pod.space, pod.pod);
    const auto [kind, name] = seen ? fleet::maker_of(*seen) : fleet::Maker{"", pod.pod};
    Workload& out = workloads_[{node.cluster, pod.space, kind, name}];
    of_pod_[{node.cluster, pod.space, pod.pod}] = &out;
    if (std::ranges::find(out.pods, pod.pod) != out.pods.end()) return out;
    out.cluster = node.cluster;
    out.space = pod.space;
    out.kind = kind;
    out.name = name;
    out.pods.push_back(pod.pod);
    if (seen && out.pods.size() == 1) out.node_selector = seen->demands.selector;
    // All of them have to say so.
    const bool says = seen && is_true(seen->labels, kInterruptible);
    out.interruptible = says && (out.interruptible || out.pods.size() == 1);
    const PodKey key{node.cluster, pod.space, pod.pod};
    if (const auto owner = prices_.owners.find(key); owner != prices_.owners.end()) {
      out.team = owner->second->team;
      out.project = owner->second->project;
      const fleet::Purchase its = prices_.purchases.at(key);
      if (out.pods.size() == 1 || its != fleet::Purchase::OnDemand) out.purchase = its;
    }
    // What its command line says of a model makes it an engine, whether its metrics are told or not.
    const fleet::EngineArguments said = seen ? seen->engine_arguments : fleet::EngineArguments{};
    if (fleet::is_engine(said)) {
      if (!out.serves) out.serves.emplace();
      out.serves->gpus = std::max(out.serves->gpus, said.tensor.value_or(1) * said.pipeline.value_or(1));
    }
    return out;
  }

  void add_device(const fleet::Node& node, const fleet::Device& device) {
    std::set<std::pair<std::string, int>> done;  // a pod's containers hold a part once
    for (const fleet::Allocation& one : device.allocations) {
      const fleet::Workload& pod = one.facts->workload;
      if (!pod.is_pod() || !done.insert({pod.space + '/' + pod.pod, instance_of(one.part.gpu_instance)}).second)
        continue;
      Workload& into = workload_of(node, pod);
      into.holds.push_back(holding(node, device, one));
      note_spot(into, price_in(prices_.devices, {node.cluster, device.facts->uuid}));
    }
    // An engine by its process's own title, whether anything else is told of it or not.
    for (const fleet::Session& one : device.sessions) {
      const fleet::Workload& pod = one.facts->workload;
      const auto at = of_pod_.find({node.cluster, pod.space, pod.pod});
      if (at != of_pod_.end() && fleet::is_engine_title(one.facts->command) && !at->second->serves)
        at->second->serves.emplace();
    }
  }

  /// What the last of its parts would cost on a spot node of its cluster with the same model is added. Absent where one
  /// of them has no such place; `device`: what the device costs on which it is.
  void note_spot(Workload& into, const std::optional<Micros>& device) const {
    const Holding& held = into.holds.back();
    const auto spot = prices_.spots.find({into.cluster, held.model});
    const bool is_first = into.holds.size() == 1;
    if (spot == prices_.spots.end() || !held.per_hour || !device || *device <= 0 ||
        (!is_first && !into.spot_per_hour)) {
      into.spot_per_hour.reset();
      return;
    }
    const auto price = static_cast<Micros>(fleet::Wide{*held.per_hour} * spot->second.per_hour / *device);
    into.spot_per_hour = into.spot_per_hour.value_or(0) + price;
    const fleet::ClusterNode* node = known_.cluster->node(into.cluster, spot->second.node);
    if (const auto said = node ? purchase_said(node->labels) : std::nullopt;
        said && said->purchase == fleet::Purchase::Spot)
      into.spot_label = {said->label, said->value};
  }

  Holding holding(const fleet::Node& node, const fleet::Device& device, const fleet::Allocation& one) const {
    const fleet::Workload& pod = one.facts->workload;
    const fleet::DeviceFacts& facts = *device.facts;
    Holding out;
    out.pod = pod.pod;
    out.container = pod.container;
    out.resource = one.facts->resource;
    out.node = node.name;
    out.device_id = fleet::device_id(node.name, facts.index);
    out.model = fleet::model_key_of(facts.name);
    out.profile = fleet::profile_of(device, one.part);
    out.shared = one.facts->shared;
    const fleet::Model* model = fleet::find_model(out.model);
    out.device_slices = facts.compute_slices.value_or(model && model->mig_max_slices > 0 ? model->mig_max_slices : 1);
    out.compute_slices = out.device_slices;
    out.memory_bytes = facts.memory_bytes.value_or(0);
    for (const fleet::Instance& each : device.instances)
      if (one.part.gpu_instance && each.part.gpu_instance == one.part.gpu_instance) {
        out.compute_slices = each.facts->compute_slices.value_or(out.compute_slices);
        out.memory_bytes = each.facts->memory_bytes.value_or(out.memory_bytes);
      }
    if (!out.profile.empty()) {
      const auto slices = fleet::profile_slices(out.profile, out.compute_slices, model ? model->memory_gib : 0);
      if (slices) out.memory_slices = static_cast<unsigned>(slices->memory);
    }
    const HeldPart key{node.cluster, pod.space, pod.pod, facts.uuid, instance_of(one.part.gpu_instance)};
    out.per_hour = price_in(prices_.held, key);
    out.sizes = sizes_of(facts, price_in(prices_.devices, {node.cluster, facts.uuid}), prices_.share_by);
    const auto seen = history_.held.find(key);
    const bool same = seen != history_.held.end() &&
                      (seen->second.pod_uid.empty() || pod.pod_uid.empty() || seen->second.pod_uid == pod.pod_uid);
    out.seen = same ? seen->second.seen : fleet::advice::sum_up(std::span<const Slot>(), now_, now_, how_);
    return out;
  }

  void add_engine_of(const fleet::Served& engine) {
    const auto pods = pods_of_replica(engine, *known_.cluster);
    std::size_t gpus = 0;
    for (const std::string& pod : pods)
      if (const auto at = of_pod_.find({engine.cluster, engine.space, pod}); at != of_pod_.end())
        gpus += static_cast<std::size_t>(std::ranges::count(at->second->holds, pod, &Holding::pod));
    for (const std::string& pod : pods) {
      const PodKey key{engine.cluster, engine.space, pod};
      if (pod != engine.pod) followers_.insert(key);
      const auto at = of_pod_.find(key);
      if (at == of_pod_.end()) continue;
      auto& serves = at->second->serves;
      if (!serves) serves.emplace();
      serves->model = engine.model;
      serves->gpus = std::max(serves->gpus, static_cast<unsigned>(gpus));
      engines_[at->second] = engine.engine;
    }
  }

  void add_engines() {
    for (const auto& engine : known_.serving->engines) add_engine_of(*engine);
    std::map<PodKey, std::vector<const store::ServingSeen*>> told;
    for (const store::ServingSeen& one : history_.serving) told[{one.cluster, one.space, one.pod}].push_back(&one);
    for (auto& [key, one] : workloads_)
      if (one.serves) learn_engine(one, told);
  }

  /// All its pods' engines as one, in the slots in which each of them was told, since its pods have had time to start:
  /// a name comes back (of a StatefulSet), and what another pod of it did is not theirs. Of a group its leader tells
  /// alone.
  void learn_engine(Workload& into, const std::map<PodKey, std::vector<const store::ServingSeen*>>& told) const {
    fleet::advice::Serves& serves = *into.serves;
    serves.gpus =
        std::max(serves.gpus, static_cast<unsigned>((into.holds.size() + into.pods.size() - 1) / into.pods.size()));
    EpochMs started = now_ - how_.most.count();
    for (const Holding& one : into.holds) started = std::max(started, one.seen.rhythm.from);
    std::map<EpochMs, std::pair<EngineSlot, std::size_t>> slots;
    std::size_t pods = 0;
    for (const std::string& pod : into.pods) {
      const PodKey key{into.cluster, into.space, pod};
      if (followers_.contains(key)) continue;
      ++pods;
      const auto of_pod = told.find(key);
      if (of_pod == told.end()) return;
      for (const store::ServingSeen* one : of_pod->second) {
        if (one->slot.begin < started) continue;
        auto& [slot, times] = slots[one->slot.begin];
        add_engine(slot, one->slot, times == 0);
        ++times;
      }
    }
    std::vector<EngineSlot> list;
    for (const auto& [begin, one] : slots)
      if (one.second == pods) list.push_back(one.first);
    if (list.empty()) return;
    // The first of them came when the pods had started, unless nobody looked before.
    const EpochMs first = list.front().begin, since = started - how_.loading.count();
    serves.engine = fleet::advice::sum_up(list, first <= started + how_.slot.count() ? since : first, now_, how_);
    serves.need = need_of(into);
  }

  /// Of pods whose command lines say the same.
  std::optional<fleet::advice::ServedNeed> need_of(const Workload& of) const {
    std::optional<fleet::EngineArguments> said;
    for (const std::string& pod : of.pods) {
      const fleet::ClusterPod* seen = known_.cluster->pod(of.cluster, of.space, pod);
      if (!seen || (said && *said != seen->engine_arguments)) return std::nullopt;
      said = seen->engine_arguments;
    }
    const auto engine = engines_.find(&of);
    if (!said || engine == engines_.end()) return std::nullopt;
    return fleet::advice::served_need(of.serves->model, engine->second, *said);
  }

  const Published& known_;
  const AdviceHistory& history_;
  const Windowing& how_;
  const EpochMs now_;
  Prices prices_;
  std::map<WorkloadKey, Workload> workloads_;
  std::map<PodKey, Workload*> of_pod_;
  std::map<const Workload*, fleet::Engine> engines_;
  std::set<PodKey> followers_;  ///< of whose engines another pod tells
};

using TroubleKey = std::pair<std::string, std::string>;  ///< a device's UUID and the alert
using Troubles = std::map<TroubleKey, fleet::advice::Trouble>;

/// Each time that it fired since `from`, and for how long.
Troubles told_by(const std::vector<store::AlertEvent>& events, EpochMs from, std::map<TroubleKey, EpochMs>& firing) {
  Troubles out;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {  // the latest came first
    const auto uuid = std::string(fleet::alerts::label_of(event->labels, "uuid"));
    if (uuid.empty()) continue;
    const TroubleKey key{uuid, event->alert};
    fleet::advice::Trouble& one = out[key];
    if (event->phase == fleet::alerts::Phase::Firing) {
      ++one.times;
      firing[key] = event->time;
    } else if (const auto at = firing.find(key); at != firing.end()) {
      one.firing += Milliseconds(event->time - at->second);
      firing.erase(at);
    } else {  // it had begun before
      ++one.times;
      one.firing += Milliseconds(event->time - std::clamp(event->fired, from, event->time));
    }
  }
  return out;
}

}  // namespace

std::vector<fleet::advice::Trouble> troubles_of(const Published& known, const HourlyCosts* hourly,
                                                const std::vector<store::AlertEvent>& events,
                                                const std::vector<fleet::alerts::Track>& tracks,
                                                const AlertCopies& copies, EpochMs now) {
  const EpochMs from = now - kTroubleWindow.count();
  std::map<TroubleKey, EpochMs> firing;
  Troubles out = told_by(events, from, firing);
  for (const fleet::alerts::Track& track : tracks) {
    const auto uuid = std::string(fleet::alerts::label_of(track.subject->labels, "uuid"));
    if (track.phase != fleet::alerts::Phase::Firing || uuid.empty()) continue;
    const TroubleKey key{uuid, track.rule};
    // One that began before the window has no event in it, and goes on all the same.
    if (firing.try_emplace(key, std::max(track.fired, from)).second) out[key].times = std::max(1U, out[key].times);
  }
  for (const auto& [key, since] : firing) out[key].firing += Milliseconds(now - since);
  const Prices prices = prices_of(hourly);
  std::vector<fleet::advice::Trouble> list;
  for (const auto& node : known.view->nodes)
    for (const fleet::Device& device : node->devices)
      for (auto at = out.lower_bound({device.facts->uuid, ""});
           at != out.end() && at->first.first == device.facts->uuid; ++at) {
        fleet::advice::Trouble one = at->second;
        one.alert = at->first.second;
        if (const auto copy = copies.find(one.alert); copy != copies.end()) one.copy_of = copy->second;
        one.cluster = node->cluster;
        one.node = node->name;
        one.device_id = fleet::device_id(node->name, device.facts->index);
        one.device_uuid = device.facts->uuid;
        one.model = fleet::model_key_of(device.facts->name);
        one.from = from;
        one.to = now;
        one.observed = std::clamp(static_cast<double>(device.last_seen - std::max(from, device.first_seen)) /
                                      static_cast<double>(kTroubleWindow.count()),
                                  0.0, 1.0);
        one.per_hour = price_in(prices.devices, {node->cluster, device.facts->uuid});
        list.push_back(std::move(one));
      }
  return list;
}

std::optional<Micros> dearest(const Published& known, const HourlyCosts* hourly, const std::string& resource) {
  const Prices prices = prices_of(hourly);
  std::optional<Micros> out;
  bool lacks_one = false;
  const auto count = [&](const std::optional<Micros>& price) {
    lacks_one = lacks_one || !price;
    if (price) out = std::max(out.value_or(0), *price);
  };
  for (const auto& node : known.view->nodes) {
    if (node->cluster != known.cluster->cluster) continue;
    for (const fleet::Device& device : node->devices) {
      if (device.presence != fleet::Presence::Present) continue;
      const auto whole = price_in(prices.devices, {node->cluster, device.facts->uuid});
      if (!resource.starts_with(kMigResource)) count(whole);
      for (const fleet::advice::Size& one : sizes_of(*device.facts, whole, prices.share_by))
        if (mig_resource(one.profile) == resource) count(one.per_hour);
    }
  }
  return lacks_one ? std::nullopt : out;
}

Result<void> each_told(store::Database& database, const Windowing& how, EpochMs now,
                       const std::function<void(EpochMs, const std::string&)>& take) {
  const auto slot = how.slot.count();
  const EpochMs from = (now - how.most.count()) / slot * slot, to = now / slot * slot;
  return store::each_told_device(database, {store::Resolution::FiveMinutes, slot / 1'000, from / 1'000, to / 1'000},
                                 take);
}

Result<HeldHistory> held_history(store::Database& database, const Windowing& how, EpochMs now,
                                 const std::function<void(const store::HeldSlot&)>& also) {
  const auto slot = how.slot.count();
  const EpochMs from = (now - how.most.count()) / slot * slot, to = now / slot * slot;
  HeldHistory out;
  HeldPart key;
  std::string uid;
  std::vector<Slot> slots;
  const auto take_all = [&] {
    if (slots.empty()) return;
    // Of two pods of one name the later one counts.
    HeldSeen& at = out[key];
    Seen seen = fleet::advice::sum_up(slots, begin_of(slots.front().begin, from, how), to, how);
    if (at.seen.rhythm.to == 0 || seen.rhythm.told_until >= at.seen.rhythm.told_until) at = {uid, std::move(seen)};
    slots.clear();
  };
  TRY(store::each_held_slot(database, {store::Resolution::FiveMinutes, slot / 1'000, from / 1'000, to / 1'000},
                            [&](const store::HeldSlot& one) {
                              HeldPart its{one.cluster, one.space, one.pod, one.device_uuid,
                                           instance_of(one.gpu_instance)};
                              if (its != key || one.pod_uid != uid) take_all();
                              key = std::move(its);
                              uid = one.pod_uid;
                              slots.push_back(one.slot);
                              if (also) also(one);
                            }));
  take_all();
  return out;
}

fleet::advice::Facts advice_facts(const Published& known, const HourlyCosts* hourly, const AdviceHistory& history,
                                  const Windowing& how, EpochMs now) {
  fleet::advice::Facts out;
  out.now = now / how.slot.count() * how.slot.count();
  out.workloads = Gathering(known, hourly, history, how, out.now).workloads();
  out.troubles = troubles_of(known, hourly, history.alerts, history.tracks, history.copies, now);
  return out;
}

std::vector<store::ServingSeen> serving_since(const fleet::ServingView& serving, EpochMs since, EpochMs now,
                                              Milliseconds slot) {
  std::map<PodKey, store::ServingSeen> out;  // engines that share a pod are one
  const double seconds = static_cast<double>(now - since) / 1'000;
  for (const auto& one : serving.engines) {
    // Without a rate nobody knows what it did; it is not told then.
    if (one->pod.empty() || !one->running || !one->waiting) continue;
    if (!one->prompt_tokens_per_second && !one->generation_tokens_per_second) continue;
    auto& seen = out[{one->cluster, one->space, one->pod}];
    seen.cluster = one->cluster;
    seen.space = one->space;
    seen.pod = one->pod;
    EngineSlot& into = seen.slot;
    into.begin = now / slot.count() * slot.count();
    into.observed_ms = now - since;
    into.tokens +=
        seconds * (one->prompt_tokens_per_second.value_or(0) + one->generation_tokens_per_second.value_or(0));
    into.finished += seconds * one->finished_per_second.value_or(0);
    into.running_most += *one->running;
    into.waiting_most += *one->waiting;
    if (one->window_seconds && *one->window_seconds > 0)
      into.preemptions += one->preemptions.value_or(0) * seconds / *one->window_seconds;
    if (one->kv_used_ratio && one->kv_capacity_tokens)
      into.kv_tokens_most = into.kv_tokens_most.value_or(0) + *one->kv_used_ratio * *one->kv_capacity_tokens;
  }
  std::vector<store::ServingSeen> list;
  for (auto& [key, one] : out) list.push_back(std::move(one));
  return list;
}

}  // namespace tessera::server
