#pragma once
// Who of a cluster's pods may be put elsewhere, by their owners' word, and where each of them may go.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "fleet/allocation/book.h"
#include "fleet/cluster/cluster.h"
#include "fleet/decision/defragment.h"
#include "server/allocation_wish.h"

namespace tessera::server {

/// Pods with the label tessera.dev/may-move=true, and those whose allocation was asked with mayMove.
class Movers {
 public:
  /// `pods` outlive it.
  Movers(const std::string& cluster, const fleet::AllocationBook& book, const fleet::ClusterView& pods);

  std::size_t size() const { return wishes_.size(); }
  /// What they have is marked so.
  void mark(fleet::decision::Supply& supply) const;
  /// Of one of them, by what its pod asks of nodes, and its allocation. It is not to outlive these.
  fleet::decision::ScopeOf scopes() const;

 private:
  const fleet::ClusterView& pods_;
  std::map<std::string, AllocationWish, std::less<>> wishes_;  ///< by "namespace/pod"
};

/// What a wish that was refused would be let in by. The work is bounded: at most two moves, between at most 512 of the
/// cluster's devices, of which those come first that somebody who may move is on. Absent where nothing of it helps.
std::optional<fleet::decision::Way> way_in(const fleet::decision::Supply& supply, const AllocationWish& wish,
                                           const fleet::decision::Mix& mix, const fleet::AllocationBook& book,
                                           const fleet::ClusterView& cluster);

}  // namespace tessera::server
