#include "fleet/alerts/neighbour_throttling.h"

#include <algorithm>
#include <cmath>

#include "fleet/alerts/observe_device.h"
#include "fleet/inventory/catalogue.h"

namespace tessera::fleet::alerts {
namespace {

// Six deviations are half of the time, at least.
constexpr Usual kUsual{.at_least = 5, .least_spread = 0.08};
constexpr double kOften = 0.8;

/// Between the two values beside it, as PromQL has it. Of sorted values, one at least.
double quantile(const std::vector<double>& values, double of_one) {
  const double rank = of_one * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], rank - std::floor(rank));
}

bool is_compared(const Device& device) {
  return device.presence == Presence::Present && held_down(device, kHeldDown) &&
         utilization_of(device).value_or(0) >= kBusy;
}

}  // namespace

NeighbourThrottling::NeighbourThrottling(const View& view, const OwnPast& past) : past_(past), now_(view.time) {
  std::map<std::string, std::vector<double>> shares;
  for (const auto& node : view.nodes)
    for (const Device& device : node->devices) {
      if (!is_compared(device)) continue;
      const std::string model = model_key_of(device.facts->name);
      ++models_[model].devices;
      if (const auto share = past.throttled_of_late(device_key(*node, device), now_)) shares[model].push_back(*share);
    }
  for (auto& [name, of] : shares) {
    std::ranges::sort(of);
    models_[name].often = quantile(of, kOften);
    models_[name].centre = centre_of(std::move(of), kUsual);
  }
}

std::optional<Centre> NeighbourThrottling::usual(const std::string& model) const {
  const auto found = models_.find(model);
  return found == models_.end() ? std::nullopt : found->second.centre;
}

/// Where more than a fifth are half as far off it is not the device: what they share holds them down, and the spread,
/// which a few do not move, knows nothing of it. See deviation_beyond.
std::optional<double> NeighbourThrottling::deviation(const Model& model, const std::string& key) const {
  const auto share = past_.throttled_of_late(key, now_);
  if (!share || !model.centre) return std::nullopt;
  const double deviation = model.centre->deviation(*share);
  const bool is_often = *share - model.centre->median <= 2 * (model.often - model.centre->median);
  return is_often ? std::min(deviation, kOftenSeen) : deviation;
}

void NeighbourThrottling::observe(const Device& device, const std::string& key,
                                  const std::shared_ptr<const Subject>& subject, Round& round) const {
  constexpr Signal kSignal = Signal::NeighbourThrottlingDeviation;
  if (device.presence != Presence::Present) {
    round.observations.push_back({kSignal, subject, device.last_seen, std::nullopt});
    return;
  }
  if (!is_compared(device)) return;
  const auto model = models_.find(model_key_of(device.facts->name));
  if (model == models_.end() || model->second.devices < kUsual.at_least) return;
  round.observations.push_back({kSignal, subject, device.last_seen, deviation(model->second, key)});
}

}  // namespace tessera::fleet::alerts
