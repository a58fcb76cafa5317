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

/// One of the things that an offer's score is made of.
struct Part {
  std::string_view key;  ///< "room_lost"
  double value = 0;
};

class Policy {
 public:
  virtual ~Policy() = default;

  /// `request` fits into `room`.
  virtual Offer offer(const Room& room, const Request& request) = 0;

  /// What the score of these devices was made of, for a person. Milli of GPU where the policy counts in them
  /// ("room_lost", "scarce": the lower, the better), else the one part "score".
  virtual std::vector<Part> parts(const Room& room, const Request& request, DeviceSet /*devices*/) {
    return {{"score", static_cast<double>(offer(room, request).score)}};
  }

  /// Whether any node that fits is as good as another, and one is to be drawn.
  virtual bool draws() const { return false; }

  /// Grows when what was said of nodes holds no more.
  virtual std::uint64_t revision() const { return 0; }

  /// Told of each change of a node.
  virtual void changed(const Room& /*before*/, const Room& /*after*/) {}

  /// Told of each request before it is decided on, placed or not.
  virtual void arrived(const Request&, std::span<const Room> /*now*/) {}
};

/// "random", "dotprod", "clustering", "packing", "bestfit", "firstfit", "spread", "fgd", "default".
std::span<const std::string_view> policy_names();

/// What a policy may know beforehand.
struct Knowledge {
  Mix mix;  ///< of the requests to come; empty: nobody knows, and "default" learns it from those that arrive
  std::vector<Room> nodes;  ///< as they are when empty, with their shapes numbered
  std::uint64_t seed = 0;   ///< of the policy that draws
  bool leaving = false;     ///< workloads leave: "default" else learns it from the first one that does
};

/// NotFound if there is no policy of that name.
Result<std::unique_ptr<Policy>> make_policy(std::string_view name, const Knowledge& knowledge);

}  // namespace tessera::fleet::placement
