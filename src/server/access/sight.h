#pragma once
// What each restricted viewer sees of the fleet, made once for each view and restriction.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "fleet/inventory/overview.h"
#include "server/access/viewer.h"
#include "server/keeper.h"

namespace tessera::server {

struct Seen {
  std::shared_ptr<const fleet::View> view;
  fleet::Overviews overviews;
  std::shared_ptr<const fleet::ClusterView> cluster;
  std::shared_ptr<const fleet::ServingView> serving;
  std::shared_ptr<ListHeads> heads = std::make_shared<ListHeads>();
};

/// Thread-safe. What has not changed since the last view is shared with it, so a new view costs what has changed in it.
/// A view of the whole is not held: of a viewer who asks no more, what he has seen is all that stays.
class Sight {
 public:
  /// Of a viewer who is restricted.
  std::shared_ptr<const Seen> of(const std::shared_ptr<const Published>& whole, const Viewer& viewer);

 private:
  struct Part {
    std::weak_ptr<const fleet::Node> whole;   ///< another may be at its address when it has gone
    std::shared_ptr<const fleet::Node> seen;  ///< null: nothing of it
  };
  struct One {
    std::mutex mutex;
    std::weak_ptr<const Published> whole;                // guarded by mutex, as is all below
    std::unordered_map<const fleet::Node*, Part> parts;  ///< by the whole node
    fleet::OverviewFold fold;
    std::shared_ptr<const Seen> seen;
    std::uint64_t used = 0;  // guarded by Sight's mutex
  };
  std::shared_ptr<One> one_of(const Viewer& viewer);

  std::mutex mutex_;
  std::uint64_t uses_ = 0;                                      // guarded by mutex_
  std::unordered_map<std::string, std::shared_ptr<One>> ones_;  // guarded by mutex_
};

}  // namespace tessera::server
