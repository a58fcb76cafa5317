#pragma once
// Devices that the view does not have: they are listed no longer, or who asks sees them no longer, and rows of their
// past are kept. They are told of as they were seen last.
#include <deque>
#include <map>
#include <string_view>
#include <utility>

#include "fleet/inventory/fleet.h"
#include "server/api.h"
#include "store/history.h"

namespace tessera::server {

/// A node that has this device alone.
fleet::Node past_node(fleet::Remembered one);

class PastDevices {
 public:
  /// By cluster and UUID: what its usage knows of the whole device; null where that is nothing.
  using Unseen = std::map<std::pair<std::string_view, std::string_view>, const store::UsageOf*>;

  /// All of `unseen`. Of one that the database remembers nothing else of, cluster, UUID and sizes are known. Who is
  /// restricted is not told of nodes that he does not see now: theirs have no name.
  Result<void> read(store::Database& database, const Unseen& unseen, const Known& known);

  /// A node for each device. They stay where they are.
  const std::deque<fleet::Node>& nodes() const { return nodes_; }

 private:
  std::deque<fleet::Node> nodes_;
};

}  // namespace tessera::server
