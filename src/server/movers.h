#pragma once
// Who of the fleet's pods may be put elsewhere, by their owners' word, and where each of them may go; and what that
// lets in.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "fleet/allocation/book.h"
#include "fleet/cluster/cluster.h"
#include "fleet/decision/defragment.h"
#include "server/allocation_wish.h"

namespace tessera::server {

/// Cluster, namespace and name.
using PodName = std::tuple<std::string, std::string, std::string>;

/// Of one mix, by their names; each is made when it is first asked for.
class Policies {
 public:
  explicit Policies(std::shared_ptr<const fleet::decision::Mix> mix) : mix_(std::move(mix)) {}
  /// `name`: of decision::policy_names().
  fleet::decision::Policy& named(const std::string& name);

 private:
  std::shared_ptr<const fleet::decision::Mix> mix_;
  std::map<std::string, std::unique_ptr<fleet::decision::Policy>> made_;
};

/// Pods with the label tessera.dev/may-move=true, and those whose allocation was asked with mayMove.
class Movers {
 public:
  /// `pods` is never null.
  Movers(const fleet::AllocationBook& book, std::shared_ptr<const fleet::ClusterView> pods);
  /// Looks again at those whose pod or label is another one, and at `turned`, whose allocation is.
  void follow(const fleet::AllocationBook& book, std::shared_ptr<const fleet::ClusterView> pods,
              const std::set<PodName>& turned);

  /// How many a cluster has.
  std::size_t of(std::string_view cluster) const;
  /// By "namespace/pod".
  bool has(std::string_view cluster, std::string_view holder) const;
  /// What they have is marked so.
  void mark(fleet::decision::Supply& supply) const;
  /// Of one of a cluster's: where it may go, by what its pod asks of nodes and by its allocation; what it is, and the
  /// policy that its allocation names. It is not to outlive these, nor `policies`.
  fleet::decision::TermsOf terms(std::string_view cluster, Policies& policies) const;
  /// Grows when somebody comes or goes.
  std::uint64_t version() const { return version_; }
  /// How often one was looked at.
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  using Wishes = std::map<std::string, AllocationWish, std::less<>>;  ///< by "namespace/pod"

  void look_at(const fleet::AllocationBook& book, const PodName& of);
  void look_at_all(const fleet::AllocationBook& book);
  const Wishes* wishes_of(std::string_view cluster) const;

  std::shared_ptr<const fleet::ClusterView> pods_;
  std::map<std::string, Wishes, std::less<>> wishes_;  ///< by cluster
  std::uint64_t version_ = 0, looked_at_ = 0;
};

/// What wishes that are refused would be let in by, one after the other. Not for several threads.
class Ways {
 public:
  /// `policy`: the server's, of decision::policy_names().
  explicit Ways(std::string policy) : policy_(std::move(policy)) {}

  /// Who may move is looked for when it is first asked for; from then on this keeps it true.
  /// `all`: any allocation may be another one.
  void follow(const fleet::AllocationBook& book, const std::shared_ptr<const fleet::ClusterView>& pods, bool all,
              const std::set<PodName>& turned);
  /// The stock is another one from now on.
  void forget_devices() { near_.reset(); }

  /// The work is bounded: at most two moves, between at most 512 of the cluster's devices, of which those come first
  /// that somebody who may move is on. They are kept as long as neither the stock nor who may move changes. Absent
  /// where nothing of it helps. Book and pods are those that were followed.
  std::optional<fleet::decision::Way> in(const fleet::decision::Stock& stock, const AllocationWish& wish,
                                         const std::shared_ptr<const fleet::decision::Mix>& mix,
                                         const fleet::AllocationBook& book,
                                         const std::shared_ptr<const fleet::ClusterView>& pods);
  /// Null where nobody has asked for a way yet.
  const Movers* movers() const { return movers_ ? &*movers_ : nullptr; }

 private:
  /// The devices of one cluster that are looked at, and the policies that place on them who has to move.
  struct Near {
    std::string cluster;
    std::uint64_t stock_version = 0, movers_version = 0;
    std::shared_ptr<const fleet::decision::Mix> mix;
    fleet::decision::Stock stock;
    Policies policies;
  };
  Near& near(const fleet::decision::Stock& stock, const std::string& cluster,
             const std::shared_ptr<const fleet::decision::Mix>& mix);

  const std::string policy_;
  std::optional<Movers> movers_;
  std::optional<Near> near_;
};

}  // namespace tessera::server
