#pragma once
// Which node's whole devices a workload gets: by the engine that bench/placement measures (fleet/placement), on the
// fleet as a stock has it. What is legal is said by options.h, device by device; only the order is the engine's. Nodes
// stand in the order of the supply, and of equal ones the first wins.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fleet/decision/policy.h"
#include "fleet/decision/supply.h"
#include "fleet/placement/engine.h"

namespace tessera::fleet::decision {

/// Not for several threads. What is given to it is the same from call to call, but for what it was told has changed.
class WholeDevices {
 public:
  /// By the policy's node_policy(), which is told that workloads leave: so it prices room by the fleet as it is, and
  /// not by how it came to be so.
  WholeDevices(const Supply& supply, const Policy& policy);

  void changed(const Supply& supply, std::size_t at);
  /// What of a node is free beside its devices has changed.
  void changed_beside(const Supply& supply, const std::string& cluster, const std::string& node);

  struct Place {
    std::vector<std::uint32_t> candidates;  ///< as many as asked for, of one node
    Cost cost;                              ///< of all of them
  };
  /// The best, and those that come next: at most so many, of different nodes. `is_open`: whether a candidate is in the
  /// scope. A node that has not the CPU or the memory for `need` comes in question where no other does.
  std::vector<Place> best(const Supply& supply, const Need& need, Policy& policy, std::size_t most,
                          const std::function<bool(std::size_t)>& is_open);

 private:
  using Bits = placement::Models;
  /// Devices that no need and no policy tells apart.
  struct Class {
    Candidate like;  ///< with nobody on it
    Bits bit = 0;
  };
  struct Row {
    std::uint32_t first = 0, count = 0;  ///< candidates of the node
  };
  /// Classes that cost alike.
  struct Group {
    double cost = 0;
    Bits bits = 0;
  };

  void build(const Supply& supply);
  placement::Room room_of(const Supply& supply, const Row& row, bool empty);
  std::uint8_t number_of(const Candidate& candidate);
  placement::Mix expected() const;
  placement::Request request_of(const Need& need, Bits bits) const;
  Bits serving(const Need& need) const;
  std::vector<Group> groups(const Need& need, Policy& policy) const;
  void add_best(const Supply& supply, const Need& need, Policy& policy, const Group& group, bool beside,
                std::size_t most, const std::function<bool(std::size_t)>& is_open, std::vector<Place>& out);

  std::string policy_;
  Mix mix_;
  std::vector<Class> classes_;
  std::vector<Row> rows_;           ///< by the engine's number of the node
  std::vector<std::uint32_t> row_;  ///< by candidate
  std::vector<placement::Room> empty_;
  std::unique_ptr<placement::Engine> engine_;
  bool stale_ = false;  ///< what the nodes are when empty has changed
};

}  // namespace tessera::fleet::decision
