#include "server/allocation_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "fleet/allocation/sightings.h"
#include "fleet/decision/near_miss.h"
#include "gpu/geometry.h"
#include "server/beside_devices.h"
#include "server/unknown_names.h"
#include "server/wish_origin.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

/// What is told of a device now was seen by its agent at most so long ago.
constexpr Milliseconds kShownWithin{2 * 60'000};
constexpr std::string_view kDisabled = "gpu.management.mig.enabled is false";
constexpr const char* kRenamed = "nvidia.com/gpu.shared";

/// What of a device's profiles is called so; null where none is.
const gpu::Profile* profile_named(std::span<const gpu::Profile> profiles, std::string_view name) {
  const auto found = std::ranges::find(profiles, name, &gpu::Profile::name);
  return found == profiles.end() ? nullptr : &*found;
}

std::vector<decision::Promise> promises_on(const Ground& ground, const fleet::Node& node, const fleet::Device& device) {
  std::vector<decision::Promise> out;
  for (const auto& [one, part] : ground.book.taken(node.cluster, device.facts->uuid)) {
    if (part->node != node.name) continue;
    decision::Promise promise{.device_uuid = part->device_uuid, .holder = fmt::format("{}/{}", one->space, one->pod)};
    promise.share = part->replicas > 0;
    if (promise.share)
      if (const auto wish = read_kept_wish(one->request)) promise.memory_mib = wish->need.memory_mib;
    if (!part->profile.empty() && device.facts->profiles) {
      const gpu::Profile* profile = profile_named(*device.facts->profiles, part->profile);
      if (!profile) continue;
      promise.placed = gpu::Placed{profile->id, part->placement};
    }
    out.push_back(std::move(promise));
  }
  return out;
}

/// An idle instance that a promise is in the way of is going.
void leave_out_what_goes(decision::Candidate& candidate) {
  const std::vector<decision::Piece> all = candidate.pieces;
  std::erase_if(candidate.pieces, [&](const decision::Piece& one) {
    return one.stands && one.held_by.empty() && std::ranges::any_of(all, [&](const decision::Piece& other) {
             return !other.stands && gpu::overlap(one.placed.placement, other.placed.placement);
           });
  });
}

bool has(const std::vector<store::WantedInstance>& instances, const store::WantedInstance& one) {
  return std::ranges::find(instances, one) != instances.end();
}

/// What stands idle and has to go by the wish that is in force is given to nobody: its agent may take it away at any
/// moment.
void leave_out_what_is_to_go(decision::Candidate& candidate, const store::WantedLayout& wanted) {
  std::erase_if(candidate.pieces, [&](const decision::Piece& one) {
    const gpu::Profile* profile = candidate.profile(one.placed.profile);
    if (!profile || !one.stands || !one.held_by.empty()) return false;
    const store::WantedInstance named{profile->name, one.placed.placement};
    return has(wanted.planned_from, named) && !has(wanted.instances, named);
  });
}

/// Somebody's wish is under way where what it wants does not stand and is not promised.
bool is_being_cut(const decision::Candidate& candidate, const store::WantedLayout& wanted) {
  return std::ranges::any_of(wanted.instances, [&](const store::WantedInstance& one) {
    const gpu::Profile* profile = profile_named(candidate.offered(), one.profile);
    return profile && std::ranges::none_of(candidate.pieces, [&](const decision::Piece& piece) {
             return piece.placed == gpu::Placed{profile->id, one.placement};
           });
  });
}

/// Where a reset is needed it is never done, so there a person switches it on.
bool may_switch_on(const Ground& ground, const decision::Candidate& on, const fleet::Device& device) {
  return ground.may_switch_on && ground.may_cut && on.mig == decision::MigMode::Off && !on.shares &&
         !on.offered().empty() && !fleet::mode_needs_reset(device);
}

/// Without leave to cut, what stands is all that there is.
void keep_as_it_is_cut(decision::Candidate& candidate) {
  std::vector<gpu::Profile> profiles(candidate.offered().begin(), candidate.offered().end());
  for (gpu::Profile& profile : profiles)
    std::erase_if(profile.placements, [&](const gpu::Placement& place) {
      return std::ranges::none_of(candidate.pieces, [&](const decision::Piece& piece) {
        return piece.placed == gpu::Placed{profile.id, place};
      });
    });
  if (candidate.profiles) candidate.profiles = std::make_shared<const std::vector<gpu::Profile>>(std::move(profiles));
}

std::vector<store::WantedInstance> named(std::span<const gpu::Profile> profiles, const gpu::Layout& layout) {
  std::vector<store::WantedInstance> out;
  for (const gpu::Placed& one : layout)
    out.push_back({std::ranges::find(profiles, one.profile, &gpu::Profile::id)->name, one.placement});
  return out;
}

gpu::Layout destroyed_by(const fleet::Partition& partition) {
  gpu::Layout out;
  for (const fleet::PartitionStep& step : partition.steps)
    if (!step.create) out.push_back(step.placed);
  return out;
}

void add(std::vector<store::WantedInstance>& into, const std::vector<store::WantedInstance>& more) {
  for (const store::WantedInstance& one : more)
    if (!has(into, one)) into.push_back(one);
}

/// Whether an instance was made for one that is over: who gets it next has it removed in the end.
bool was_made(const Ground& ground, const std::string& cluster, const fleet::PromisedPart& part) {
  const auto wanted = ground.wanted(cluster, part.device_uuid);
  return std::ranges::any_of(ground.book.all(), [&](const auto& known) {
    const fleet::PodAllocation& one = known.second;
    return fleet::is_over(one.state) && one.cluster == cluster && !(wanted && was_asked_for(*wanted, one, part)) &&
           std::ranges::any_of(one.parts, [&](const fleet::PromisedPart& had) {
             return had.made && had.device_uuid == part.device_uuid && had.profile == part.profile &&
                    had.placement == part.placement;
           });
  });
}

/// What an earlier wish is on its way to, and what stands beside that and is none of its business.
std::vector<store::WantedInstance> still_wanted(const store::WantedLayout& before,
                                                const std::vector<store::WantedInstance>& stands) {
  std::vector<store::WantedInstance> out = before.instances;
  for (const store::WantedInstance& one : stands) {
    const bool is_going = has(before.planned_from, one);
    const bool is_in_the_way = std::ranges::any_of(
        out, [&](const store::WantedInstance& other) { return gpu::overlap(one.placement, other.placement); });
    if (!is_going && !is_in_the_way) out.push_back(one);
  }
  return out;
}

/// By name; absent where nobody tells all of it.
std::optional<std::vector<store::WantedInstance>> standing_on(const fleet::Device& device) {
  const auto standing = fleet::standing_of(device);
  if (!standing || !device.facts->profiles) return std::nullopt;
  gpu::Layout out;
  for (const fleet::Standing& one : *standing) out.push_back(one.placed);
  return named(*device.facts->profiles, out);
}

/// Whether something stands that the wish does not know of: then its agent keeps its hands off.
bool is_changed_by_another(const store::WantedLayout& wanted, const std::vector<store::WantedInstance>& stands) {
  return std::ranges::any_of(stands, [&](const store::WantedInstance& one) {
    return !has(wanted.instances, one) && !has(wanted.planned_from, one);
  });
}

/// Why nothing is decided about a device of which something else is wanted than what stands there and is promised;
/// empty: that is not so.
std::string why_being_cut(const decision::Candidate& candidate, const fleet::Device& device,
                          const store::WantedLayout& wanted) {
  if (!is_being_cut(candidate, wanted)) return {};
  const auto stands = standing_on(device);
  if (!stands || !is_changed_by_another(wanted, *stands))
    return fmt::format("it is being cut as {} asked", wanted.wanted_by);
  return fmt::format(
      "it is hands-off: it was changed by somebody else since {} asked for a layout; DELETE "
      "/gpu/devices/{}/mig takes that wish back",
      wanted.wanted_by, candidate.id);
}

bool are_the_same(std::vector<store::WantedInstance> a, const std::vector<store::WantedInstance>& sorted) {
  std::ranges::sort(a, {}, &store::WantedInstance::placement);
  return a == sorted;
}

/// A wish for `instances`, planned from what stands now and from what an earlier wish has made or was to take away.
/// Where that was somebody's, this one is as well. What neither it nor this one knows of is not planned from, so that
/// its agent keeps its hands off it, but for what is to be `gone`.
std::optional<store::WantedLayout> wish(const Ground& ground, const std::string& cluster, const std::string& node,
                                        const fleet::Device& device, std::vector<store::WantedInstance> instances,
                                        const std::vector<store::WantedInstance>& gone, const std::string& by) {
  auto stands = standing_on(device);
  if (!stands) return std::nullopt;
  store::WantedLayout out{cluster, device.facts->uuid, node, 0, std::move(instances), *std::move(stands),
                          by,      ground.view.time};
  if (const auto before = ground.wanted(cluster, out.device_uuid)) {
    std::erase_if(out.planned_from,
                  [&](const store::WantedInstance& one) { return !has(out.instances, one) && !has(gone, one); });
    add(out.planned_from, before->instances);
    add(out.planned_from, before->planned_from);
    if (is_somebodys(*before)) {
      out.wanted_by = before->wanted_by;
      out.wanted_since = before->wanted_since;
    }
  }
  return out;
}

/// Why nothing is given of a device that is well; empty: something is.
std::string why_withheld(const Ground& ground, const decision::Candidate& one, const fleet::Device& device,
                         const std::optional<store::WantedLayout>& wanted) {
  std::string out;
  if (wanted) out = why_being_cut(one, device, *wanted);
  if (ground.avoided && out.empty()) out = ground.avoided(one.cluster, one.uuid);
  if (ground.excluded && out.empty()) out = ground.excluded(one.cluster, one.uuid);
  return out;
}

/// What its pod asks of nodes; null where that is not known.
const fleet::NodeDemands* demands_of(const AllocationWish& wish, const fleet::ClusterView& cluster) {
  if (!cluster.synced) return nullptr;
  if (wish.demands) return &*wish.demands;
  const fleet::ClusterPod* pod = wish.cluster ? cluster.pod(*wish.cluster, wish.space, wish.pod) : nullptr;
  return pod ? &pod->demands : nullptr;
}

}  // namespace

decision::Candidate candidate_of(const Ground& ground, const fleet::Node& node, const fleet::Device& device) {
  decision::Candidate one =
      decision::candidate_of(node, device, promises_on(ground, node, device),
                             ground.shared ? ground.shared(node.cluster, node.name) : std::nullopt);
  if (const auto price = ground.prices.find(one.model); price != ground.prices.end()) one.price_micros = price->second;
  const auto wanted = ground.wanted(one.cluster, one.uuid);
  if (one.unfit.empty()) {
    one.unfit = why_withheld(ground, one, device, wanted);
    one.withheld = !one.unfit.empty();
  }
  if (wanted) leave_out_what_is_to_go(one, *wanted);
  one.may_be_taken = ground.lent && ground.lent(one.cluster, one.node);
  leave_out_what_goes(one);
  if (one.mig == decision::MigMode::Off && !one.pieces.empty()) one.mig = decision::MigMode::On;  // it is about to be
  one.may_switch_on = may_switch_on(ground, one, device);
  if (!ground.may_cut)
    one.uncut = kDisabled;
  else if (ground.uncut)
    one.uncut = ground.uncut(one.cluster, one.node);
  one.may_cut = one.uncut.empty();
  if (!ground.may_cut) keep_as_it_is_cut(one);
  return one;
}

decision::Supply supply_of(const Ground& ground) {
  decision::Supply out{ground.view.time, {}, {}};
  for (const auto& node : ground.view.nodes)
    for (const fleet::Device& device : node->devices)
      if (device.presence != fleet::Presence::Retired) out.candidates.push_back(candidate_of(ground, *node, device));
  if (!ground.cluster) return out;
  const auto promised = promised_beside(*ground.cluster, ground.book);
  for (auto& [name, beside] : beside_devices(*ground.cluster)) {
    const auto asked = promised.find(name);
    out.nodes[{ground.cluster->cluster, name}] = asked == promised.end() ? beside : less(beside, asked->second);
  }
  return out;
}

WishKind kind_of(const AllocationWish& wish, const fleet::ClusterView& cluster) {
  WishKind out{wish.need, wish.policy, wish.cluster, wish.node, wish.nodes, {}};
  out.need.owner.clear();
  out.need.priority = 0;
  out.need.cpu_milli = out.need.node_memory_mib = 0;  // by which none is refused: ShortNodes
  if (const fleet::NodeDemands* demands = demands_of(wish, cluster)) out.demands = *demands;
  return out;
}

decision::Scope scope_of(const AllocationWish& wish, const fleet::ClusterView& cluster) {
  const fleet::NodeDemands* demands = demands_of(wish, cluster);
  return [&wish, &cluster, demands](const std::string& of, const std::string& name) -> std::optional<std::string> {
    const bool is_meant = (!wish.cluster || *wish.cluster == of) && (wish.node.empty() || wish.node == name) &&
                          (wish.nodes.empty() || wish.nodes.contains(name));
    if (!is_meant) return std::nullopt;
    if (of != cluster.cluster || !cluster.synced) return "";
    const fleet::ClusterNode* node = cluster.node(of, name);
    // Of a pod that is not there yet nobody knows what it tolerates; a node that is cordoned takes none.
    if (!demands) return node && node->cordoned ? fmt::format("of node {}: it is cordoned", name) : "";
    if (!node) return fmt::format("the cluster has no node {}", name);
    const std::string why = fleet::why_not_on(*demands, *node);
    return why.empty() ? why : fmt::format("of node {}: {}", name, why);
  };
}

decision::Mix demand_of(const fleet::AllocationBook& book) {
  constexpr std::size_t kFewest = 20;
  std::vector<decision::Need> needs;
  for (const auto& [id, one] : book.all()) {
    const auto wish = read_kept_wish(one.request);
    if (!wish) continue;
    // Only what it takes is counted by, so that what is asked for again and again is one kind.
    decision::Need need = wish->need;
    need.owner.clear();
    need.priority = 0;
    need.resource.clear();
    need.most_price_micros.reset();
    needs.push_back(std::move(need));
  }
  return needs.size() < kFewest ? decision::Mix() : decision::mix_of(needs);
}

decision::Verdict decide(const decision::Supply& supply, const AllocationWish& wish, const std::string& policy,
                         const decision::Mix& mix, const decision::Scope& scope) {
  auto verdict = decision::decide(supply, wish.need,
                                  **decision::make_policy(wish.policy.empty() ? policy : wish.policy, mix), scope);
  if (auto* refusal = std::get_if<decision::Refusal>(&verdict)) tell_unknown_names(*refusal, supply, wish);
  return verdict;
}

std::optional<decision::Shares> shares_of(const fleet::ClusterNode& node) {
  const auto label = [&](const char* name) {
    const auto found = node.labels.find(name);
    return found == node.labels.end() ? std::string_view() : std::string_view(found->second);
  };
  const auto replicas = fleet::gpu_replicas(node);
  if (!replicas) return std::nullopt;
  decision::Shares out{.replicas = *replicas};
  // The plugin renames what it shares where its configuration says so, and lists it by that name.
  if (node.allocatable.contains(kRenamed)) out.resource = kRenamed;
  out.memory_is_parted = label("nvidia.com/gpu.sharing-strategy") == "mps";
  return out;
}

decision::Candidate emptied(decision::Candidate one) {
  one.pieces.clear();
  one.held_by.clear();
  one.idle.reset();
  one.unfit.clear();
  one.withheld = false;
  one.uncut.clear();
  one.may_cut = true;
  if (!one.shares) return one;
  one.shares->left = one.shares->replicas;
  one.shares->left_memory_bytes = one.memory_bytes.value_or(0);
  return one;
}

std::vector<fleet::PromisedPart> parts_of(const Ground& ground, const decision::Decision& decision) {
  std::vector<fleet::PromisedPart> out;
  for (const decision::Grant& one : decision.grants) {
    fleet::PromisedPart part{one.node, one.device_uuid, one.profile, {}, false};
    if (one.kind == decision::Kind::Share) {
      part.replicas = *one.replicas;
      part.resource = one.resource;
      // The engine knows by how many there are that one is left; those of pods without an allocation have no number.
      part.placement = {ground.book.free_replica(one.cluster, one.device_uuid, part.replicas).value_or(0), 1};
    } else if (one.placed) {
      part.placement = one.placed->placement;
    } else if (const fleet::Device* device = fleet::find_device(ground.view, one.cluster, one.node, one.device_uuid)) {
      part.placement = fleet::whole_of(*device);
    }
    part.made = one.kind == decision::Kind::Placement || was_made(ground, one.cluster, part);
    out.push_back(std::move(part));
  }
  return out;
}

std::vector<store::WantedLayout> layouts_for(const Ground& ground, const decision::Decision& decision,
                                             const std::string& by) {
  std::vector<store::WantedLayout> out;
  for (const decision::Grant& one : decision.grants) {
    const fleet::Device* device = fleet::find_device(ground.view, one.cluster, one.node, one.device_uuid);
    if (!device || !one.placed || !device->facts->profiles) continue;
    const auto before = ground.wanted(one.cluster, one.device_uuid);
    const store::WantedInstance own{one.profile, one.placed->placement};
    std::vector<store::WantedInstance> instances, gone;
    if (one.kind == decision::Kind::Placement && one.partition) {
      instances = named(*device->facts->profiles, one.partition->layout);
      gone = named(*device->facts->profiles, destroyed_by(*one.partition));
    } else if (const auto stands = standing_on(*device); stands && before && !has(before->instances, own)) {
      // It stands, but an earlier wish does not know of it, nor maybe of what else stands.
      instances = still_wanted(*before, *stands);
      std::erase_if(instances, [&](const auto& i) { return gpu::overlap(i.placement, own.placement); });
      instances.push_back(own);
    } else {
      continue;
    }
    if (auto made = wish(ground, one.cluster, one.node, *device, std::move(instances), gone, by))
      out.push_back(*std::move(made));
  }
  return out;
}

std::optional<store::WantedLayout> layout_without(const Ground& ground, const std::string& cluster,
                                                  const std::string& node, const fleet::Device& device,
                                                  const std::vector<store::WantedInstance>& gone,
                                                  const std::string& by) {
  const auto standing = standing_on(device);
  if (!standing) return std::nullopt;
  const std::vector<store::WantedInstance>& stands = *standing;
  const auto is_gone = [&](const store::WantedInstance& one) { return has(gone, one); };
  const auto before = ground.wanted(cluster, device.facts->uuid);
  std::vector<store::WantedInstance> instances = stands;
  if (before) {
    store::WantedLayout rest = *before;  // what goes is in nobody's way any longer
    std::erase_if(rest.instances, is_gone);
    instances = still_wanted(rest, stands);
  }
  // What is promised and does not stand yet is wanted, whoever else is about to go.
  for (const auto& taken : ground.book.taken(cluster, device.facts->uuid))
    if (!taken.part->profile.empty()) add(instances, {{taken.part->profile, taken.part->placement}});
  std::erase_if(instances, is_gone);
  std::ranges::sort(instances, {}, &store::WantedInstance::placement);
  if (before ? are_the_same(before->instances, instances) : instances == stands) return std::nullopt;
  return wish(ground, cluster, node, device, std::move(instances), gone, by);
}

bool shows_what_was_done(const store::WantedLayout& wanted, EpochMs done_at, const fleet::Device& device) {
  if (device.presence != fleet::Presence::Present || device.last_seen <= done_at) return false;
  if (device.last_seen > done_at + kShownWithin.count()) return true;  // be it that the same was made by hand since
  const auto stands = standing_on(device);
  return stands && std::ranges::none_of(wanted.planned_from, [&](const store::WantedInstance& one) {
           return !has(wanted.instances, one) && has(*stands, one);
         });
}

std::optional<store::WantedLayout> layout_as_it_stands(const Ground& ground, const store::WantedLayout& wanted,
                                                       const fleet::Device& device, const std::string& by) {
  const auto stands = standing_on(device);
  if (!stands || !is_changed_by_another(wanted, *stands)) return std::nullopt;
  for (const auto& [one, part] : ground.book.taken(wanted.cluster, wanted.device_uuid))
    if (!part->profile.empty() && !has(*stands, {part->profile, part->placement})) return std::nullopt;
  std::vector<store::WantedInstance> missing = wanted.instances;
  std::erase_if(missing, [&](const store::WantedInstance& one) { return has(*stands, one); });
  const bool were_made = !missing.empty() && std::ranges::all_of(missing, [&](const store::WantedInstance& one) {
    return was_made(ground, wanted.cluster, {wanted.node, wanted.device_uuid, one.profile, one.placement});
  });
  if (!were_made && is_somebodys(wanted)) return std::nullopt;
  return wish(ground, wanted.cluster, wanted.node, device, *stands, {}, by);
}

std::string near_miss(const decision::Supply& supply, const decision::Need& need, const decision::Scope& scope) {
  const auto miss = decision::near_miss(supply, need, scope);
  return miss ? miss->sentence : std::string();
}

std::string near_miss(const decision::Stock& stock, const decision::Need& need, const decision::Scope& scope) {
  const auto miss = decision::near_miss(stock, need, scope);
  return miss ? miss->sentence : std::string();
}

}  // namespace tessera::server
