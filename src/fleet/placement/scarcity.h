#pragma once
// Prices of room that some requests need and few nodes have: devices of a model, whole devices side by side, a node
// with much CPU. Nobody names what is scarce: it follows from the mix and the nodes.
#include <span>
#include <vector>

#include "fleet/placement/room.h"

namespace tessera::fleet::placement {

/// Requests are one group if the same shapes of nodes can hold them and they need as many devices. Of room that a group
/// could use a milli costs a weight times the group's part of the GPU asked for, over its part of the free GPU. Where
/// workloads leave, what somebody is put onto may be whole again by itself, and room weighs more: see scarcity.cc.
class Scarcity {
 public:
  /// `nodes` as they are when empty, with their shapes numbered, and `now`.
  Scarcity(const Mix& mix, std::span<const Room> nodes, std::span<const Room> now);

  void changed(const Room& before, const Room& after);

  /// Brings the prices up to date where the fleet's free GPU has changed by kPriceStep since, or, where workloads
  /// leave, that of a group; true if it did.
  bool reprice();

  /// From now on workloads leave.
  void expect_leaving();

  /// Milli of GPU that it costs, at the prices, to bring a node from `before` to `after`.
  double cost(const Room& before, const Room& after) const;

 private:
  struct Group {
    std::vector<bool> shapes;    ///< that can hold its requests when empty
    unsigned devices = 1;        ///< side by side
    std::int64_t cpu_milli = 0;  ///< the least that one of its requests needs
    double demand = 0;           ///< part of the GPU asked for
    double free_milli = 0;       ///< that it could use
    double priced_at_milli = 0;  ///< free_milli when that was set
    double price = 0;            ///< of a milli of that
  };
  double step_of(double free_milli) const;  ///< the middle of the step that it is on
  bool has_changed(double free_milli, double priced_at_milli) const;
  static double usable_milli(const Group& group, const Room& room);
  void set_prices();

  std::vector<Group> groups_;
  bool leaving_ = false;
  double all_milli_ = 0, free_milli_ = 0;
  double priced_at_milli_ = 0;       ///< free_milli_ then
  std::vector<double> milli_price_;  ///< of a free milli, by shape of node: of all groups that need one device
};

}  // namespace tessera::fleet::placement
