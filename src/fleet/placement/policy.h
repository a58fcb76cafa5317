#pragma once
// A policy says how well a request goes onto a node, and onto which of its devices. It looks at one node at a time and
// at nothing that changes with time, so that what it said of a node holds until the node changes.
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "fleet/placement/room.h"

namespace tessera::fleet::placement {

struct Offer {
  std::int32_t score = 0;  ///< the higher, the better; of equal ones the earlier node wins
  DeviceSet devices = 0;
};

class Policy {
 public:
  virtual ~Policy() = default;

  /// `request` fits into `room`.
  virtual Offer offer(const Room& room, const Request& request) = 0;

  /// Whether any node that fits is as good as another, and one is to be drawn.
  virtual bool draws() const { return false; }

  /// Grows when what was said of nodes holds no more.
  virtual std::uint64_t revision() const { return 0; }

  /// Told of each change of a node.
  virtual void changed(const Room& /*before*/, const Room& /*after*/) {}

  /// Told of each request before it is decided on, placed or not.
  virtual void arrived(const Request&, std::span<const Room> /*now*/) {}
};

/// "random", "dotprod", "clustering", "packing", "bestfit", "fgd", "default".
std::span<const std::string_view> policy_names();

/// What a policy may know beforehand.
struct Knowledge {
  Mix mix;  ///< of the requests to come; empty: nobody knows, and "default" learns it from those that arrive
  std::vector<Room> nodes;  ///< as they are when empty, with their shapes numbered
  std::uint64_t seed = 0;   ///< of the policy that draws
};

/// NotFound if there is no policy of that name.
Result<std::unique_ptr<Policy>> make_policy(std::string_view name, const Knowledge& knowledge);

}  // namespace tessera::fleet::placement
