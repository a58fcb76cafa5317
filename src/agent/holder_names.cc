#include "agent/holder_names.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/holding.h"

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

constexpr auto kRemember = 1h;

using PodName = std::pair<std::string_view, std::string_view>;

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

/// What has been seen under one key: the first value, and whether it stayed the only one.
template <class T>
struct Only {
  T value;
  bool alone = true;
  void meet(const T& other) { alone = alone && other == value; }
};

}  // namespace

void HolderNames::name(std::vector<Session>& sessions) const {
  for (Session& session : sessions) {
    if (session.outcome != Outcome::Unnamed && session.outcome != Outcome::Holder) continue;
    Workload& workload = session.workload;
    for (std::string* name : {&workload.space, &workload.pod, &workload.container}) name->clear();
    session.outcome = Outcome::Unnamed;
    const auto known = known_.find(workload.pod_uid);
    if (known == known_.end()) continue;
    session.outcome = Outcome::Holder;
    workload.space = known->second.space;
    workload.pod = known->second.pod;
    const auto container = known->second.containers.find(session.container_id);
    if (container != known->second.containers.end()) workload.container = container->second;
  }
}

bool HolderNames::Lone::one_pod() const {
  return !users.empty() && std::ranges::all_of(users, [&](const Session* user) {
    return user->workload.pod_uid == users.front()->workload.pod_uid;
  });
}

std::optional<HolderNames::Lone> HolderNames::alone_on(const Allocation& held, const ByDevice::Here& here,
                                                       const Observation& observation) {
  Lone lone{&held};
  for (const Allocation* other : here.holders) {
    if (!overlap(held.subject, other->subject)) continue;
    lone.one_container = lone.one_container && other->workload.container == held.workload.container;
    if (other->shared || name_of(other->workload) != name_of(held.workload)) return std::nullopt;
  }
  for (const Session* session : here.sessions) {
    if (!overlap(held.subject, session->subject)) continue;
    // Where the driver does not say on which instance it runs, it may run on another one.
    const bool is_there = covers(held.subject, session->subject);
    lone.unclear = lone.unclear || !is_there || may_be_any_pods(*session, observation.blindness);
    if (!is_there || session->workload.pod_uid.empty()) continue;
    lone.fresh = lone.fresh && ran_at(*session, observation.allocations.asked);
    const bool met = std::ranges::any_of(lone.users, [&](const Session* user) {
      return user->container_id == session->container_id && user->workload.pod_uid == session->workload.pod_uid;
    });
    if (!met) lone.users.push_back(session);
  }
  return lone;
}

std::vector<HolderNames::Lone> HolderNames::held_alone(Observation& observation) {
  const ByDevice devices(observation);
  std::vector<Lone> out;
  for (const Allocation& held : observation.allocations.list)
    if (auto lone = alone_on(held, devices.at(held.subject.uuid), observation)) out.push_back(*std::move(lone));
  return out;
}

void HolderNames::forget_contradicted(const std::vector<Lone>& lone) {
  for (const Lone& at : lone) {
    if (!at.fresh) continue;
    const Workload& holder = at.held->workload;
    for (const Session* user : at.users) {
      const std::string& uid = user->workload.pod_uid;
      const auto known = known_.find(uid);
      if (known == known_.end()) continue;
      const bool is_holder = PodName(known->second.space, known->second.pod) == name_of(holder);
      const bool is_another = !holder.pod_uid.empty() && holder.pod_uid != uid;
      if (!is_holder || is_another || !at.one_pod()) known_.erase(known);
    }
  }
}

void HolderNames::learn_pods(const std::vector<Lone>& lone, const Observation& observation, SteadyTime now) {
  const auto is_known = [&](const Session* user) { return known_.contains(user->workload.pod_uid); };
  if (std::ranges::all_of(lone, [&](const Lone& at) { return std::ranges::all_of(at.users, is_known); })) return;
  std::map<std::string_view, Only<PodName>> holders;  // by UID of who runs there
  std::map<PodName, Only<std::string_view>> uids;     // by who holds it
  for (const Lone& at : lone) {
    if (!at.fresh || at.unclear || !at.one_pod()) continue;
    const std::string& uid = at.users.front()->workload.pod_uid;
    const Workload& holder = at.held->workload;
    if (!holder.pod_uid.empty() && holder.pod_uid != uid) continue;
    holders.try_emplace(uid, Only<PodName>{name_of(holder)}).first->second.meet(name_of(holder));
    uids.try_emplace(name_of(holder), Only<std::string_view>{uid}).first->second.meet(uid);
  }
  for (const auto& [uid_view, holder] : holders) {
    const std::string uid(uid_view);
    if (holder.alone && uids.at(holder.value).alone && !known_.contains(uid) &&
        stays_on_what_is_held(uid, holder.value, observation) && !is_named_otherwise(uid, holder.value, observation))
      known_.try_emplace(uid, Known{std::string(holder.value.first), std::string(holder.value.second), {}, now});
  }
}

void HolderNames::learn_containers(const std::vector<Lone>& lone) {
  for (const Lone& at : lone) {
    if (!at.fresh || at.unclear || !at.one_container || at.users.size() != 1) continue;
    const auto known = known_.find(at.users.front()->workload.pod_uid);
    if (known != known_.end())
      known->second.containers.try_emplace(at.users.front()->container_id, at.held->workload.container);
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
