#include "fleet/placement/default_policy.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "fleet/placement/scarcity.h"
#include "fleet/placement/streams.h"

namespace tessera::fleet::placement {
namespace {

constexpr double kScore = -1000;  // of a milli of GPU that a placement costs
// Where workloads leave, costs that are nearer to each other than this are the same, and the fixed order of the nodes
// decides: so the later nodes become whole again, which finer differences would scatter the small ones over.
constexpr double kStepLeavingMilli = 300;
constexpr double kMostMilli = 1e6;  // a cost above is shown as this one, so that a score is always a number

constexpr std::uint64_t kLearnsFirstAt = 32;  // arrivals

/// Whether a device before it on the same node is just like it.
bool has_twin_before(const Room& room, unsigned device) {
  for (unsigned i = 0; i < device; ++i)
    if (room.milli[i] == room.milli[device] && room.model[i] == room.model[device]) return true;
  return false;
}

class Default : public Policy {
 public:
  Default(const Mix& mix, const std::vector<Room>& nodes, bool leaving)
      : nodes_(nodes), learns_(mix.empty()), leaving_(leaving), streams_(mix), scarcity_(mix, nodes, nodes) {
    if (leaving_) scarcity_.expect_leaving();
  }

  Offer offer(const Room& room, const Request& request) override {
    if (!request.shares()) return onto(room, request, first_fit(room, request));
    Offer best;
    for (unsigned i = 0; i < room.devices; ++i) {
      if (!device_fits(room, i, request) || has_twin_before(room, i)) continue;
      const Offer here = onto(room, request, static_cast<DeviceSet>(1U << i));
      if (best.devices == 0 || here.score > best.score) best = here;
    }
    return best;
  }

  std::vector<Part> parts(const Room& room, const Request& request, DeviceSet devices) override {
    Room after = room;
    take(after, request, devices);
    return {{"room_lost", streams_.filled_milli(room) - streams_.filled_milli(after)},
            {"scarce", scarcity_.cost(room, after)}};
  }

  // Learned anew whenever twice as many have arrived: seldom, and soon after the beginning.
  void arrived(const Request& request, std::span<const Room> now) override {
    if (!learns_) return;
    ++counts_[request];
    if (++arrived_ < learns_at_) return;
    learns_at_ *= 2;
    const Mix mix = mix_of(counts_);
    streams_ = Streams(mix);
    scarcity_ = Scarcity(mix, nodes_, now);
    if (leaving_) scarcity_.expect_leaving();
    ++revision_;
  }

  void changed(const Room& before, const Room& after) override {
    scarcity_.changed(before, after);
    const bool left = !leaving_ && after.free_milli() > before.free_milli();
    if (left) {
      leaving_ = true;
      scarcity_.expect_leaving();
    }
    if (left || scarcity_.reprice()) ++revision_;
  }

  std::uint64_t revision() const override { return revision_; }

 private:
  Offer onto(const Room& room, const Request& request, DeviceSet devices) {
    Room after = room;
    take(after, request, devices);
    double cost = streams_.filled_milli(room) - streams_.filled_milli(after) + scarcity_.cost(room, after);
    if (leaving_) cost = kStepLeavingMilli * std::round(cost / kStepLeavingMilli);
    return {static_cast<std::int32_t>(std::lround(kScore * std::clamp(cost, -kMostMilli, kMostMilli))), devices};
  }

  std::vector<Room> nodes_;
  bool learns_;
  bool leaving_;  ///< at the latest since the first workload that has left
  std::map<Request, std::uint64_t> counts_;
  std::uint64_t arrived_ = 0, learns_at_ = kLearnsFirstAt;
  Streams streams_;
  Scarcity scarcity_;
  std::uint64_t revision_ = 0;
};

}  // namespace

std::unique_ptr<Policy> make_default(const Mix& mix, const std::vector<Room>& nodes, bool leaving) {
  return std::make_unique<Default>(mix, nodes, leaving);
}

}  // namespace tessera::fleet::placement
