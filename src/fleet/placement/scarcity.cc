#include "fleet/placement/scarcity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

namespace tessera::fleet::placement {
namespace {

// How much a milli of room counts that is just as scarce as all of the fleet, against a milli that is surely lost.
constexpr double kPriceWeight = 0.1;
// The same where workloads leave: as many free devices as ever are asked for side by side, and room that is broken up
// comes back only when the last one there has gone.
constexpr double kPriceWeightLeaving = 2;
// Of the GPU that was free; the last twentieth of the fleet's GPU counts as a whole.
constexpr double kPriceStep = 0.1;
constexpr double kLastPart = 0.05;
// Of the fleet's GPU: what a group has at least, so that its price stays a number when it has nothing left.
constexpr double kLeastPart = 0.002;

/// An empty node of each shape.
std::vector<const Room*> shapes_of(std::span<const Room> nodes) {
  std::vector<const Room*> shapes;
  for (const Room& node : nodes) {
    if (node.shape >= shapes.size()) shapes.resize(node.shape + std::size_t{1});
    shapes[node.shape] = &node;
  }
  return shapes;
}

}  // namespace

Scarcity::Scarcity(const Mix& mix, std::span<const Room> nodes, std::span<const Room> now) {
  const auto shapes = shapes_of(nodes);
  std::map<std::pair<std::vector<bool>, unsigned>, Group> groups;
  double all = 0;
  for (const auto& [request, share] : mix) {
    if (request.devices == 0) continue;
    std::vector<bool> holders;
    for (const Room* shape : shapes) holders.push_back(fits(*shape, request));
    Group& group = groups[{holders, request.devices}];
    group.cpu_milli = group.demand == 0 ? request.cpu_milli : std::min(group.cpu_milli, request.cpu_milli);
    const double demand = share * static_cast<double>(request.total_milli());
    group.demand += demand;
    all += demand;
  }
  for (auto& [key, group] : groups) {
    std::tie(group.shapes, group.devices) = key;
    group.demand /= all;
    groups_.push_back(group);
  }
  for (const Room& node : nodes) all_milli_ += static_cast<double>(node.free_milli());
  for (const Room& node : now) {
    free_milli_ += static_cast<double>(node.free_milli());
    for (Group& group : groups_) group.free_milli += usable_milli(group, node);
  }
  milli_price_.resize(shapes.size());
  set_prices();
}

double Scarcity::usable_milli(const Group& group, const Room& room) {
  if (!group.shapes[room.shape]) return 0;
  if (group.devices == 1) return static_cast<double>(room.free_milli());
  std::int64_t times = room.whole_devices() / group.devices;
  if (group.cpu_milli > 0) times = std::min(times, room.cpu_milli / group.cpu_milli);
  return static_cast<double>(times * group.devices * kWholeMilli);
}

void Scarcity::changed(const Room& before, const Room& after) {
  free_milli_ += static_cast<double>(after.free_milli() - before.free_milli());
  for (Group& group : groups_) group.free_milli += usable_milli(group, after) - usable_milli(group, before);
}

/// Where workloads leave, what is free goes up and down for ever, and a price is to say nothing of the way that it
/// came: so one that is built of the fleet as it is has the prices of one that has lived with it.
double Scarcity::step_of(double free_milli) const {
  const double last = kLastPart * all_milli_, least_step = kPriceStep * last;
  if (last <= 0) return 0;
  if (free_milli < last) return (std::floor(free_milli / least_step) + 0.5) * least_step;
  const double step = std::log1p(kPriceStep);
  return last * std::exp((std::floor(std::log(free_milli / last) / step) + 0.5) * step);
}

bool Scarcity::has_changed(double free_milli, double priced_at_milli) const {
  if (leaving_) return step_of(free_milli) != step_of(priced_at_milli);
  return std::abs(free_milli - priced_at_milli) >= kPriceStep * std::max(priced_at_milli, kLastPart * all_milli_);
}

// Where as many come as go, all that is free together hardly changes, and the whole nodes among it do.
bool Scarcity::reprice() {
  const bool changed =
      has_changed(free_milli_, priced_at_milli_) || (leaving_ && std::ranges::any_of(groups_, [&](const Group& one) {
                                                       return has_changed(one.free_milli, one.priced_at_milli);
                                                     }));
  if (changed) set_prices();
  return changed;
}

void Scarcity::expect_leaving() {
  leaving_ = true;
  set_prices();
}

void Scarcity::set_prices() {
  priced_at_milli_ = free_milli_;
  const double least = kLeastPart * all_milli_;
  const double weight = leaving_ ? kPriceWeightLeaving : kPriceWeight;
  const auto counted = [&](double free_milli) { return std::max(leaving_ ? step_of(free_milli) : free_milli, least); };
  std::ranges::fill(milli_price_, 0);
  for (Group& group : groups_) {
    group.priced_at_milli = group.free_milli;
    group.price = weight * group.demand * counted(free_milli_) / counted(group.free_milli);
    for (std::size_t shape = 0; shape < milli_price_.size(); ++shape)
      if (group.devices == 1 && group.shapes[shape]) milli_price_[shape] += group.price;
  }
}

double Scarcity::cost(const Room& before, const Room& after) const {
  double cost = milli_price_[before.shape] * static_cast<double>(before.free_milli() - after.free_milli());
  for (const Group& group : groups_)
    if (group.devices > 1) cost += group.price * (usable_milli(group, before) - usable_milli(group, after));
  return cost;
}

}  // namespace tessera::fleet::placement
