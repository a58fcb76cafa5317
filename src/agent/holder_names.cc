#include "agent/holder_names.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/holding.h"

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

constexpr auto kRemember = 1h;

using PodName = std::pair<std::string, std::string>;

PodName name_of(const Workload& workload) { return {workload.space, workload.pod}; }

bool overlap(const Subject& a, const Subject& b) { return covers(a, b) || covers(b, a); }

/// All that the pod runs on is held by the holder: a monitor that looks into every device is nobody's holder.
bool stays_on_what_is_held(const std::string& uid, const PodName& holder, const Observation& seen) {
  return std::ranges::all_of(seen.sessions, [&](const Session& session) {
    return session.workload.pod_uid != uid || std::ranges::any_of(seen.allocations.list, [&](const Allocation& a) {
             return name_of(a.workload) == holder && covers(a.subject, session.subject);
           });
  });
}

bool is_named_otherwise(const std::string& uid, const PodName& holder, const Observation& seen) {
  return std::ranges::any_of(seen.sessions, [&](const Session& session) {
    return name_of(session.workload) == holder && session.workload.pod_uid != uid;
  });
}

}  // namespace

void HolderNames::name(std::vector<Session>& sessions) const {
  for (Session& session : sessions) {
    if (session.outcome != Outcome::Unnamed && session.outcome != Outcome::Holder) continue;
    session.workload = {{}, {}, {}, session.workload.pod_uid};
    session.outcome = Outcome::Unnamed;
    const auto known = known_.find(session.workload.pod_uid);
    if (known == known_.end()) continue;
    session.outcome = Outcome::Holder;
    session.workload.space = known->second.space;
    session.workload.pod = known->second.pod;
    const auto container = known->second.containers.find(session.container_id);
    if (container != known->second.containers.end()) session.workload.container = container->second;
  }
}

std::vector<HolderNames::Lone> HolderNames::held_alone(const Observation& observation) {
  std::vector<Lone> out;
  for (const Allocation& held : observation.allocations.list) {
    if (held.shared) continue;
    Lone lone{&held};
    const bool alone = std::ranges::all_of(observation.allocations.list, [&](const Allocation& other) {
      if (!overlap(held.subject, other.subject)) return true;
      lone.one_container = lone.one_container && other.workload.container == held.workload.container;
      return !other.shared && name_of(other.workload) == name_of(held.workload);
    });
    if (!alone) continue;
    for (const Session& session : observation.sessions) {
      if (!overlap(held.subject, session.subject)) continue;
      // Where the driver does not say on which instance it runs, it may run on another one.
      const bool here = covers(held.subject, session.subject);
      lone.unclear = lone.unclear || !here || may_be_any_pods(session, observation.blindness);
      if (!here || session.workload.pod_uid.empty()) continue;
      lone.fresh = lone.fresh && ran_at(session, observation.allocations.asked);
      auto& ids = lone.pods[session.workload.pod_uid];
      if (std::ranges::find(ids, session.container_id) == ids.end()) ids.push_back(session.container_id);
    }
    out.push_back(std::move(lone));
  }
  return out;
}

void HolderNames::forget_contradicted(const std::vector<Lone>& lone) {
  for (const Lone& at : lone) {
    if (!at.fresh) continue;
    for (const auto& [uid, containers] : at.pods) {
      const auto known = known_.find(uid);
      if (known == known_.end()) continue;
      const Workload& holder = at.held->workload;
      const bool is_holder = PodName(known->second.space, known->second.pod) == name_of(holder);
      const bool is_another = !holder.pod_uid.empty() && holder.pod_uid != uid;
      if (!is_holder || is_another || at.pods.size() > 1) known_.erase(known);
    }
  }
}

void HolderNames::learn_pods(const std::vector<Lone>& lone, const Observation& observation, SteadyTime now) {
  std::map<std::string, std::set<PodName>> holders;
  std::map<PodName, std::set<std::string>> uids;
  for (const Lone& at : lone) {
    if (!at.fresh || at.unclear || at.pods.size() != 1) continue;
    const std::string& uid = at.pods.begin()->first;
    const Workload& holder = at.held->workload;
    if (!holder.pod_uid.empty() && holder.pod_uid != uid) continue;
    holders[uid].insert(name_of(holder));
    uids[name_of(holder)].insert(uid);
  }
  for (const auto& [uid, names] : holders) {
    const PodName& holder = *names.begin();
    if (names.size() == 1 && uids[holder].size() == 1 && stays_on_what_is_held(uid, holder, observation) &&
        !is_named_otherwise(uid, holder, observation))
      known_.try_emplace(uid, Known{holder.first, holder.second, {}, now});
  }
}

void HolderNames::learn_containers(const std::vector<Lone>& lone) {
  for (const Lone& at : lone) {
    if (!at.fresh || at.unclear || !at.one_container || at.pods.size() != 1) continue;
    const auto& [uid, containers] = *at.pods.begin();
    const auto known = known_.find(uid);
    if (known != known_.end() && containers.size() == 1)
      known->second.containers.try_emplace(containers.front(), at.held->workload.container);
  }
}

void HolderNames::learn(Observation& observation, SteadyTime now) {
  for (const Session& session : observation.sessions)
    if (const auto known = known_.find(session.workload.pod_uid); known != known_.end()) known->second.last_seen = now;
  std::erase_if(known_, [&](const auto& entry) { return now - entry.second.last_seen > kRemember; });

  if (observation.allocations.known) {
    const std::vector<Lone> lone = held_alone(observation);
    forget_contradicted(lone);
    name(observation.sessions);
    learn_pods(lone, observation, now);
    learn_containers(lone);
  }
  name(observation.sessions);
  // Only while it runs: a pod of that name may be another one by now.
  for (Allocation& held : observation.allocations.list) {
    if (!held.workload.pod_uid.empty()) continue;
    const auto user = std::ranges::find_if(observation.sessions, [&](const Session& session) {
      return session.outcome == Outcome::Holder && same_pod_name(held.workload, session.workload);
    });
    if (user != observation.sessions.end()) held.workload.pod_uid = user->workload.pod_uid;
  }
}

}  // namespace tessera::agent
