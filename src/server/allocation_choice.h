#pragma once
// From what a pod asks to what it gets: the engine's verdict on the fleet as it is and as it is promised, and what that
// verdict means in promises and in layouts to be wanted. Without a clock and without I/O.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fleet/allocation/book.h"
#include "fleet/decision/decide.h"
#include "fleet/inventory/fleet.h"
#include "server/allocation_wish.h"
#include "store/wanted_layouts.h"

namespace tessera::server {

/// What is known when something is decided.
struct Ground {
  const fleet::View& view;
  const fleet::AllocationBook& book;
  /// What is wanted of a device, by cluster and UUID.
  std::function<std::optional<store::WantedLayout>(const std::string&, const std::string&)> wanted;
  std::map<std::string, std::int64_t> prices{};  ///< of a whole device per hour in micro-units, by model key
  bool may_cut = true;                           ///< whether layouts may be wanted
  /// Why nothing is cut on a node, by cluster and node; empty: something may be.
  std::function<std::string(const std::string&, const std::string&)> uncut{};
  /// Why nothing is promised on a device for a while, by cluster and UUID; empty: something may be.
  std::function<std::string(const std::string&, const std::string&)> avoided{};
  /// Why nothing is promised on a device as long as an alert fires, by cluster and UUID; empty: something may be.
  std::function<std::string(const std::string&, const std::string&)> excluded{};
  /// Whether a node is lent and may be taken away (spot), by cluster and node.
  std::function<bool(const std::string&, const std::string&)> lent{};
  /// Of which nodes what they have beside their devices is known; null: of none.
  const fleet::ClusterView* cluster = nullptr;
  /// How the devices of a node that are not cut are shared, by cluster and node; absent: nobody says so.
  std::function<std::optional<fleet::decision::Shares>(const std::string&, const std::string&)> shared{};
  bool may_switch_on = false;  ///< whether MIG may be switched on for an instance
};

/// The fleet's devices with what is promised. What is being cut as somebody asked is not to be decided about.
fleet::decision::Supply supply_of(const Ground& ground);
/// One of them, as of now.
fleet::decision::Candidate candidate_of(const Ground& ground, const fleet::Node& node, const fleet::Device& device);
/// Where a wish may be served: in its cluster and on its nodes alone, and where its pod may go by what it asks of them.
/// Both outlive it.
fleet::decision::Scope scope_of(const AllocationWish& wish, const fleet::ClusterView& cluster);
/// All of a wish that a decision depends on: two that are the same in it are refused for the same reasons.
struct WishKind {
  fleet::decision::Need need;  ///< nobody's, and without what is asked beside devices, by which none fails
  std::string policy;
  std::optional<std::string> cluster;
  std::string node;
  std::set<std::string> nodes;
  std::optional<fleet::NodeDemands> demands;  ///< of its pod; absent where they are not known
  bool operator==(const WishKind&) const = default;
};
WishKind kind_of(const AllocationWish& wish, const fleet::ClusterView& cluster);
/// `policy` is the server's, `mix` of what is asked for.
fleet::decision::Verdict decide(const fleet::decision::Supply& supply, const AllocationWish& wish,
                                const std::string& policy, const fleet::decision::Mix& mix,
                                const fleet::decision::Scope& scope);
/// What was asked for, as often as it was, by the allocations that are kept; empty where these are too few to tell.
fleet::decision::Mix demand_of(const fleet::AllocationBook& book);
/// As NVIDIA's GPU feature discovery labels a node whose device plugin lists each GPU several times, by time or by MPS;
/// who holds one of them need not be there yet. Of the device itself nothing is said.
std::optional<fleet::decision::Shares> shares_of(const fleet::ClusterNode& node);
/// The same device if nobody had anything of it, it were well, and somebody cut on its node.
fleet::decision::Candidate emptied(fleet::decision::Candidate one);

/// What a decision promises.
std::vector<fleet::PromisedPart> parts_of(const Ground& ground, const fleet::decision::Decision& decision);
/// What is to be wanted of devices for it, without their generations; empty where all of it stands already.
std::vector<store::WantedLayout> layouts_for(const Ground& ground, const fleet::decision::Decision& decision,
                                             const std::string& by);

/// What an earlier wish is on its way to, else what stands; with what is promised, without `gone`. Absent where that is
/// wanted already, or is there without a wish.
std::optional<store::WantedLayout> layout_without(const Ground& ground, const std::string& cluster,
                                                  const std::string& node, const fleet::Device& device,
                                                  const std::vector<store::WantedInstance>& gone,
                                                  const std::string& by);

/// Whether the inventory is of after the device's agent has done what was wanted, so that nothing in it is of before.
bool shows_what_was_done(const store::WantedLayout& wanted, EpochMs done_at, const fleet::Device& device);

/// Where somebody else has changed a device, so that its agent keeps its hands off: what stands, in the place of a wish
/// of `by` or for an allocation. Absent where that is not so, where the wish is somebody's own, and as long as
/// something is promised that does not stand.
std::optional<store::WantedLayout> layout_as_it_stands(const Ground& ground, const store::WantedLayout& wanted,
                                                       const fleet::Device& device, const std::string& by);

/// "20,480 MiB are asked for and 2g.20gb has 19,968: ask for 20G …": something that would serve the need and that it
/// misses by less than a twentieth; empty: nothing.
std::string near_miss(const fleet::decision::Supply& supply, const fleet::decision::Need& need,
                      const fleet::decision::Scope& scope);
/// The same, of one device of each kind.
std::string near_miss(const fleet::decision::Stock& stock, const fleet::decision::Need& need,
                      const fleet::decision::Scope& scope);

}  // namespace tessera::server
