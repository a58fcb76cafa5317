#include "fleet/allocation/review.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fleet/inventory/health.h"
#include "fleet/inventory/pods.h"

namespace tessera::fleet {
namespace {
using enum AllocationState;

constexpr std::string_view kWho = "tessera-server";

/// The worst that is critical, without what `passed_over` is the key of; absent: nothing is.
std::optional<Problem> critical(const Device& device, std::string_view passed_over = "") {
  const auto problems = problems_of(device);
  const auto found = std::ranges::find_if(
      problems, [&](const Problem& one) { return one.severity == Severity::Critical && one.key != passed_over; });
  return found == problems.end() ? std::nullopt : std::optional(*found);
}
constexpr std::string_view kNotAnswering = "not_answering";

}  // namespace

/// One look at the scene: turns are made on a copy of the book, so that each is made of what the one before has left.
class AllocationReview::Look {
 public:
  /// `all_told`: a device that the view does not have has left; else it may not have been told of yet.
  Look(const AllocationBook& book, const Scene& scene, const std::map<DeviceKey, Unhealthy>& unhealthy, bool all_told)
      : before_(book), scene_(scene), unhealthy_(unhealthy), all_told_(all_told) {}

  const AllocationBook& book() const { return after_ ? *after_ : before_; }
  void take(Result<PodAllocation> turned) {
    if (!turned) return;  // what is not open to it is not done
    if (!after_) after_ = before_;
    if (after_->put(*turned)) out_.push_back(*std::move(turned));
  }
  Cause cause(std::string why) const { return {std::move(why), std::string(kWho), scene_.view.time}; }

  /// As the cluster shows it; null where it is not watched, or has none of that name.
  const ClusterPod* shown(const PodAllocation& one) const {
    if (!scene_.cluster.synced || scene_.cluster.cluster != one.cluster) return nullptr;
    return scene_.cluster.pod(one.cluster, one.space, one.pod);
  }
  /// Null where it is not seen, or only one that had its name before it: the kubelet's list has no UID, and may be of a
  /// while ago, so one that the cluster shows without a node, or on another one, is not what is seen.
  const SeenPod* seen(const PodAllocation& one) const {
    const ClusterPod* in_cluster = shown(one);
    const std::string& uid = one.pod_uid.empty() && in_cluster ? in_cluster->uid : one.pod_uid;
    for (const SeenPod* pod : scene_.pods.of(one.cluster, one.space, one.pod)) {
      const bool is_another = !uid.empty() && !pod->uid.empty() && pod->uid != uid;
      if (!is_another && (!in_cluster || in_cluster->node == pod->node)) return pod;
    }
    return nullptr;
  }
  /// By the cluster's word; absent where it is not watched.
  std::optional<bool> is_there(const PodAllocation& one) const {
    if (!scene_.cluster.synced || scene_.cluster.cluster != one.cluster) return std::nullopt;
    const ClusterPod* pod = shown(one);
    return pod && !pod->deleting && (one.pod_uid.empty() || pod->uid == one.pod_uid);
  }
  const Device* device(const PodAllocation& of, const PromisedPart& part) const {
    return find_device(scene_.view, of.cluster, part.node, part.device_uuid);
  }

  /// It has come: it has what it holds, be it something else than what was promised.
  void bind(const PodAllocation& one, const SeenPod& pod) {
    const std::vector<PromisedPart> has = had(one, pod);
    if (has.empty()) return;  // nobody tells where it is, or what it is on is another one's
    const std::string uid = uid_of(one, pod);
    const bool as_promised = std::ranges::all_of(has, [&](const PromisedPart& part) { return is_promised(one, part); });
    if (one.state == Bound && has == one.parts && uid == one.pod_uid) return;
    const std::vector<PodAllocation> displaced = displace(one, has);
    take(bound(one, has, uid,
               cause(one.state == Waiting ? "the pod came by itself, and has this already"
                     : as_promised        ? "the pod is on what was promised to it"
                                          : "the pod is on something else than what was promised to it")));
    for (const PodAllocation& had : displaced) resettle(had, one.parts, has);
  }

  /// Ready, or never to be.
  void keep_promise(const PodAllocation& one) {
    bool all_stand = true;
    for (const PromisedPart& part : one.parts) {
      const Device* on = device(one, part);
      if (!on && !all_told_) return;
      if (const auto why = unfit(one, on, part)) return take(taken_back(one, cause(*why)));
      if (const std::string who = scene_.pods.other_on(one.cluster, part, one.space, one.pod); !who.empty())
        return take(taken_back(one, cause(fmt::format("pod {} is on what was promised to it", who))));
      const bool is_there = stands(*on, part);
      if (const auto why = refused(one, part, is_there)) return take(taken_back(one, cause(*why)));
      all_stand = all_stand && is_there;
    }
    if (all_stand && !one.ready_since) take(ready(one, scene_.view.time));
  }

  std::vector<PodAllocation> finish() { return std::move(out_); }
  EpochMs now() const { return scene_.view.time; }
  bool all_told() const { return all_told_; }

 private:
  /// How many replicas a device has: by its node's label; without it by the book, and at least those that are held.
  unsigned replicas_made(const PodAllocation& one, const PromisedPart& part) const {
    const Device* on = device(one, part);
    const ClusterNode* node = scene_.cluster.node(one.cluster, part.node);
    const bool is_told = node && on && !is_cut(*on);  // of instances the label says nothing
    if (const auto told = is_told ? gpu_replicas(*node) : std::nullopt) return *told;
    unsigned out = 0;
    for (const auto& taken : book().taken(one.cluster, part.device_uuid)) out = std::max(out, taken.part->replicas);
    if (out == 0 && part.replicas == 0) return 0;
    return std::max({out, part.replicas, on ? replicas_held(*on) : 0U});
  }

  /// One of a shared device has a number of it: its own by its promise, else a free one, else that of one to whom it is
  /// only promised. As it is where that many have come already. A process may be seen before the kubelet says that its
  /// pod shares: then the label or the book says so.
  PromisedPart numbered(const PodAllocation& one, PromisedPart part) const {
    const auto own = std::ranges::find(one.parts, part.device_uuid, &PromisedPart::device_uuid);
    if (own != one.parts.end() && own->profile.empty() && (own->replicas > 0 || part.replicas == 0)) {
      if (own->replicas == 0) return part;
      part.replicas = own->replicas;
      if (part.resource.empty()) part.resource = own->resource;
      part.placement = own->placement;
      return part;
    }
    part.replicas = replicas_made(one, part);
    if (part.replicas == 0) return part;
    for (const auto& taken : book().taken(one.cluster, part.device_uuid))
      if (part.resource.empty()) part.resource = taken.part->resource;
    if (const auto free = book().free_replica(one.cluster, part.device_uuid, part.replicas, one.id)) {
      part.placement = {*free, 1};
      return part;
    }
    for (const auto& taken : book().taken(one.cluster, part.device_uuid))
      if (taken.by->state == Promised && taken.part->replicas > 0) {
        part.placement = taken.part->placement;
        break;
      }
    return part;
  }

  static bool is_promised(const PodAllocation& one, const PromisedPart& part) {
    return std::ranges::any_of(one.parts, [&](const PromisedPart& promise) { return overlap(promise, part); });
  }

  /// What it is seen on, and, until that are as many as were promised to it, what it has been promised beside that.
  std::vector<PromisedPart> had(const PodAllocation& one, const SeenPod& pod) const {
    std::vector<PromisedPart> out;
    for (const PromisedPart& seen : pod.parts) {
      PromisedPart part = seen.profile.empty() ? numbered(one, seen) : seen;
      const PodAllocation* owner = book().owner_of(one.cluster, part, one.id);
      if (owner && owner->state == Bound) continue;  // both have it: a device that is shared
      const auto promise = std::ranges::find_if(one.parts, [&](const PromisedPart& p) { return overlap(p, part); });
      part.made = promise != one.parts.end() && promise->made;
      out.push_back(std::move(part));
    }
    const std::size_t seen = out.size();
    for (const PromisedPart& promise : one.parts) {
      const auto is_over_it = [&](const PromisedPart& part) { return overlap(part, promise); };
      if (out.size() < one.parts.size() && std::ranges::none_of(out, is_over_it)) out.push_back(promise);
    }
    if (seen < out.size()) std::ranges::sort(out, {}, [&](const PromisedPart& part) { return position(one, part); });
    return out;
  }
  /// In the order of the promise, so that what is told in another one is no change.
  static std::ptrdiff_t position(const PodAllocation& one, const PromisedPart& part) {
    return std::ranges::find_if(one.parts, [&](const PromisedPart& p) { return overlap(p, part); }) - one.parts.begin();
  }

  std::string uid_of(const PodAllocation& one, const SeenPod& pod) const {
    if (!pod.uid.empty()) return pod.uid;
    const ClusterPod* in_cluster = shown(one);
    return one.pod_uid.empty() && in_cluster ? in_cluster->uid : one.pod_uid;
  }

  std::optional<std::string> refused(const PodAllocation& one, const PromisedPart& part, bool is_there) const {
    if (!scene_.refused || (!is_there && !part.made)) return std::nullopt;
    const auto why = scene_.refused(one.cluster, part, is_there);
    if (!why) return std::nullopt;
    return fmt::format("{} at {} {}: {}", part.profile.empty() ? "a device" : part.profile, part.placement.start,
                       is_there ? "stands, and is given to no pod" : "was not cut", *why);
  }

  /// Whose promises `has` is over, as they were: they wait, so that the pod that is there can be bound.
  std::vector<PodAllocation> displace(const PodAllocation& by, const std::vector<PromisedPart>& has) {
    std::vector<PodAllocation> out;
    for (const PromisedPart& part : has)
      while (const PodAllocation* owner = book().owner_of(by.cluster, part, by.id)) {
        PodAllocation before = *owner;
        take(taken_back(before, cause(fmt::format("pod {}/{} is on what was promised to it", by.space, by.pod))));
        if (const auto* after = book().find(before.id); after->state != Waiting) break;
        out.push_back(std::move(before));
      }
    return out;
  }

  /// Whether a pod that asks for the one may as well have the other. Profiles of two models may have one name.
  bool is_equal(const std::string& cluster, const PromisedPart& a, const PromisedPart& b) const {
    if (a.profile != b.profile || a.node != b.node || a.resource != b.resource || (a.replicas > 0) != (b.replicas > 0))
      return false;
    const Device* one = find_device(scene_.view, cluster, a.node, a.device_uuid);
    const Device* other = find_device(scene_.view, cluster, b.node, b.device_uuid);
    return one && other && one->facts->name == other->facts->name;
  }

  /// Who was displaced by a pod that the kubelet gave the one of two equal ones has the other, beside what nobody has
  /// taken of its promise. Where there is no equal one it waits, and the queue decides anew about all of it.
  void resettle(const PodAllocation& had, const std::vector<PromisedPart>& left, const std::vector<PromisedPart>& has) {
    const auto is_in = [](const std::vector<PromisedPart>& parts, const PromisedPart& part) {
      return std::ranges::any_of(parts, [&](const PromisedPart& one) { return overlap(one, part); });
    };
    std::vector<PromisedPart> parts = had.parts;
    for (PromisedPart& part : parts) {
      if (!is_in(has, part)) continue;
      const auto other = std::ranges::find_if(left, [&](const PromisedPart& one) {
        return is_equal(had.cluster, part, one) && !is_in(has, one) && !is_in(parts, one) &&
               !book().owner_of(had.cluster, one);
      });
      if (other == left.end()) return;
      part = *other;
    }
    take(promised(*book().find(had.id), std::move(parts), had.decision,
                  cause("its promise was exchanged for an equal one: the pod of that one is on what this had")));
  }

  /// What has been wrong with the device for so long that nothing is to be expected of it. Whether a driver that does
  /// not answer gives it to a pod that is on the node already, the kubelet says.
  std::optional<std::string> ill(const PodAllocation& one, const Device& device, const PromisedPart& part) const {
    const auto known = unhealthy_.find(DeviceKey(one.cluster, part.device_uuid));
    if (known == unhealthy_.end()) return std::nullopt;
    const bool is_on_node = is_there(one) == true && shown(one)->node == part.node;
    const auto since = is_on_node ? known->second.but_answering : known->second.at_all;
    const auto problem = critical(device, is_on_node ? kNotAnswering : "");
    if (!since || !problem || now() - *since < kUnhealthyFor.count()) return std::nullopt;
    return fmt::format("device {} of {} has been unhealthy for {}: {}", device.facts->index, part.node,
                       format_duration(Milliseconds(now() - *since)), problem->what);
  }

  std::optional<std::string> unfit(const PodAllocation& one, const Device* device, const PromisedPart& part) const {
    if (!device) return fmt::format("device {} has left", part.device_uuid);
    if (device->presence == Presence::Missing || device->presence == Presence::Retired)
      return fmt::format("device {} of {} is {}", device->facts->index, part.node, presence_name(device->presence));
    if (auto why = ill(one, *device, part)) return why;
    if (part.profile.empty() && device->presence == Presence::Present && !stands(*device, part))
      return fmt::format("device {} of {} is in MIG mode now, and a whole one was promised", device->facts->index,
                         part.node);
    // An instance that stood and is told of no longer was taken by somebody; one that is to be made comes again.
    if (!part.made && !part.profile.empty() && device->presence == Presence::Present && device->up != false &&
        !stands(*device, part))
      return fmt::format("{} at {} of device {} of {} does not stand any longer", part.profile, part.placement.start,
                         device->facts->index, part.node);
    return std::nullopt;
  }

  const AllocationBook& before_;
  std::optional<AllocationBook> after_;  ///< once something has changed
  const Scene& scene_;
  const std::map<DeviceKey, Unhealthy>& unhealthy_;
  const bool all_told_;
  std::vector<PodAllocation> out_;
};

bool AllocationReview::would_be_told(const Look& look, const PodAllocation& one, EpochMs since) {
  return std::ranges::all_of(one.parts, [&](const PromisedPart& part) {
    const Device* device = look.device(one, part);
    return device && device->presence == Presence::Present && device->up != false && device->last_seen >= since;
  });
}

bool AllocationReview::has_left(const Look& look, const PodAllocation& one) {
  return std::ranges::any_of(one.parts, [&](const PromisedPart& part) {
    const Device* device = look.device(one, part);
    return device ? device->presence == Presence::Retired : look.all_told();
  });
}

bool AllocationReview::is_told_of(const Look& look, const PodAllocation& one) {
  return look.all_told() ||
         std::ranges::all_of(one.parts, [&](const PromisedPart& part) { return look.device(one, part) != nullptr; });
}

void AllocationReview::inherit(const AllocationBook& book) {
  for (const auto& [id, one] : book.all())
    if (one.expires) inherited_[id] = *one.expires;
}

/// Whoever is well for one look, or silent, begins anew.
void AllocationReview::note_health(const AllocationBook& book, const View& view) {
  std::map<DeviceKey, Unhealthy> next;
  const auto since = [&](std::optional<EpochMs> before) { return before ? before : view.time; };
  for (const auto& [id, one] : book.all()) {
    if (one.state != Promised) continue;
    for (const PromisedPart& part : one.parts) {
      const Device* device = find_device(view, one.cluster, part.node, part.device_uuid);
      if (!device || !critical(*device)) continue;
      const DeviceKey key(one.cluster, part.device_uuid);
      const auto known = unhealthy_.find(key);
      const Unhealthy before = known == unhealthy_.end() ? Unhealthy{} : known->second;
      next[key] = {since(before.at_all), critical(*device, kNotAnswering) ? since(before.but_answering) : std::nullopt};
    }
  }
  unhealthy_ = std::move(next);
}

std::vector<PodAllocation> AllocationReview::turns(const AllocationBook& book, const Scene& scene) {
  if (!began_) began_ = scene.view.time;
  std::vector<std::string> open;
  for (const auto& [id, one] : book.all())
    if (!is_over(one.state)) open.push_back(id);
  std::erase_if(last_seen_, [&](const auto& one) {
    const PodAllocation* known = book.find(one.first);
    return !known || known->state != Bound;
  });
  note_health(book, scene.view);
  if (open.empty()) return {};
  Look look(book, scene, unhealthy_, scene.view.time - *began_ >= kToldWithin.count());
  // What is timed anew stays inherited until the book shows it: whether a turn is kept is not known here.
  std::erase_if(inherited_, [&](const auto& inherited) {
    const auto& [id, expires] = inherited;
    const PodAllocation* one = look.book().find(id);
    if (!one || one->expires != expires) return true;
    auto timed = timed_anew(*one, look.now());
    if (!timed || timed->expires == expires) return true;
    look.take(std::move(timed));
    return false;
  });
  for (const std::string& id : open) {
    const PodAllocation one = *look.book().find(id);
    see(look, one);
  }
  // Who holds equal ones has been exchanged by now: who is on a promise else is in its way.
  for (const std::string& id : open)
    if (const PodAllocation one = *look.book().find(id); one.state == Promised) look.keep_promise(one);
  return look.finish();
}

/// Whether it has come, has gone, or did not come in time.
void AllocationReview::see(Look& look, const PodAllocation& one) {
  const EpochMs now = look.now();
  const auto there = look.is_there(one);
  if (const SeenPod* pod = look.seen(one); pod && there != false) {
    look.bind(one, *pod);
    last_seen_[one.id] = now;
    return;
  }
  if (one.state == Bound) {
    const EpochMs seen = last_seen_.try_emplace(one.id, now).first->second;
    if (there == false)
      look.take(over(one, AllocationState::Ended, look.cause("the pod has gone, by the cluster's word")));
    else if (has_left(look, one))
      look.take(over(one, AllocationState::Ended, look.cause("the device that the pod was on has left")));
    else if (!there && would_be_told(look, one, seen + gone_after_.count()))
      look.take(over(one, AllocationState::Ended, look.cause("nothing of the pod is seen any longer on what it had")));
  } else if (!one.pod_uid.empty() && there == false) {
    look.take(over(one, AllocationState::Ended, look.cause("the pod has gone, by the cluster's word")));
  } else if (one.expires && *one.expires <= now && there != true && is_told_of(look, one)) {
    look.take(over(one, Expired, look.cause("the pod did not come in time")));
  }
}

}  // namespace tessera::fleet
