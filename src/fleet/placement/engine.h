#pragma once
// Which node and which devices a request gets. The engine keeps what each node has left and, for each kind of request,
// what its policy said of each node; a decision asks the policy anew only about nodes that changed since the last one
// of its kind. Deterministic: the same calls in the same order decide the same. Not for several threads.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "fleet/placement/policy.h"
#include "fleet/placement/room.h"
#include "fleet/placement/tournament.h"

namespace tessera::fleet::placement {

struct Place {
  std::uint32_t node = 0;  ///< by its position in Engine's list
  DeviceSet devices = 0;
  std::int32_t score = 0;  ///< what won
  bool operator==(const Place&) const = default;
};

class Engine {
 public:
  /// `rooms` in the order in which nodes win ties; `seed` for policies that draw.
  Engine(std::vector<Room> rooms, std::unique_ptr<Policy> policy, std::uint64_t seed = 0);

  /// The best place, which is not taken yet; none if no node has room.
  std::optional<Place> decide(const Request& request);

  /// The best places that `will_do` says yes to, at most so many, without a request having arrived. It is asked about
  /// one after the other, the best first, and about no more than needed. Not for policies that draw.
  std::vector<Place> best(const Request& request, std::size_t most, const std::function<bool(const Place&)>& will_do);
  /// What the score of a place was made of.
  std::vector<Part> parts(const Request& request, const Place& place) {
    return policy_->parts(rooms_[place.node], request, place.devices);
  }

  /// What decide() would say of every node, best first, without what it remembers: to show runners-up, and to check it.
  std::vector<Place> ranking(const Request& request);

  /// `place` fits: decide() named it, and nothing was taken since.
  void take(const Request& request, const Place& place);
  void give_back(const Request& request, const Place& place);

  /// What is known of a node from elsewhere.
  void set_room(std::uint32_t node, const Room& room);

  const std::vector<Room>& rooms() const { return rooms_; }
  /// Grows with each change of a room.
  std::uint64_t version() const { return first_change_ + changes_.size(); }

 private:
  struct Known {
    Tournament tournament;
    std::uint64_t version;   ///< up to which changes of rooms are in it
    std::uint64_t revision;  ///< of the policy
    std::uint64_t used;      ///< decisions_ when it was last used
  };

  Known& known(const Request& request);
  void learn_all(const Request& request, Known& known);
  void learn_changes(const Request& request, Known& known);
  void ask(const Request& request, Known& known, std::uint32_t node);
  std::optional<std::uint32_t> draw(const Request& request);
  void changed(std::uint32_t node);

  std::vector<Room> rooms_;
  std::vector<Room> first_rooms_;  ///< as they were given: of those that are still so one of each shape is asked about
  std::unique_ptr<Policy> policy_;
  std::mt19937_64 random_;
  std::map<Request, Known> known_;
  std::uint64_t decisions_ = 0;
  std::uint64_t first_change_ = 0;      ///< the version before changes_.front()
  std::vector<std::uint32_t> changes_;  ///< nodes, in the order in which they changed
  std::vector<std::uint64_t> changed_;  ///< by node, the version after its last change
};

}  // namespace tessera::fleet::placement
