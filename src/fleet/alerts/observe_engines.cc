#include "fleet/alerts/observe_engines.h"

#include <algorithm>
#include <optional>
#include <set>

#include "fleet/inventory/parts.h"

namespace tessera::fleet::alerts {
namespace {

constexpr Milliseconds kWaits{std::chrono::hours(1)};
constexpr Signal kOfEngines[] = {Signal::RequestsWaiting, Signal::KvCacheUsedRatio};

/// Outside of Kubernetes the address of its metrics tells an engine from others of its model.
std::shared_ptr<const Subject> subject_of(const Served& engine) {
  LabelSet labels = {{"cluster", engine.cluster},
                     {"container", engine.container},
                     {"instance", engine.pod.empty() ? engine.instance : std::string()},
                     {"model", engine.model},
                     {"namespace", engine.space},
                     {"node", engine.node},
                     {"pod", engine.pod}};
  std::erase_if(labels, [](const auto& one) { return one.second.empty(); });
  return std::make_shared<const Subject>(
      Subject{engine.cluster + '/' + engine_key(engine), engine.cluster + '/' + engine.node, std::move(labels)});
}

/// One that sleeps serves nobody, and nobody waits for it.
void observe_heard(const Served& engine, const std::shared_ptr<const Subject>& subject, Round& round) {
  if (engine.asleep == true) return;
  if (engine.waiting) round.observations.push_back({kOfEngines[0], subject, engine.last_seen, engine.waiting});
  if (engine.kv_used_ratio)
    round.observations.push_back({kOfEngines[1], subject, engine.last_seen, engine.kv_used_ratio});
}

/// Of the engine's pod on its node. Absent where that is not told of all devices there.
std::optional<bool> has_process(const View& view, const Served& engine) {
  for (const auto& node : view.nodes) {
    if (node->cluster != engine.cluster || node->name != engine.node) continue;
    bool all_told = !node->devices.empty();
    for (const Device& device : node->devices) {
      if (device.presence == Presence::Retired) continue;
      all_told = all_told && device.presence == Presence::Present && tells_sessions(device);
      for (const Session& one : device.sessions)
        if (one.facts->workload.space == engine.space && one.facts->workload.pod == engine.pod) return true;
    }
    return all_told ? std::optional(false) : std::nullopt;
  }
  return std::nullopt;
}

bool is_waited_for(const View& view, const Served& engine) {
  return has_process(view, engine).value_or(view.time - engine.last_seen <= kWaits.count());
}

}  // namespace

void Engines::observe(const View& view, const ServingView& serving, Round& round) {
  std::set<std::string> heard;
  for (const auto& engine : serving.engines) {
    const auto subject = subject_of(*engine);
    heard.insert(subject->key);
    observe_heard(*engine, subject, round);
    known_.insert_or_assign(subject->key, Known{subject, engine});
  }
  std::erase_if(known_, [&](const auto& one) {
    const auto& [subject, last] = one.second;
    if (heard.contains(one.first)) return false;
    if (!is_waited_for(view, *last)) return true;
    for (const Signal signal : kOfEngines)
      round.observations.push_back({signal, subject, last->last_seen, std::nullopt});
    return false;
  });
}

}  // namespace tessera::fleet::alerts
