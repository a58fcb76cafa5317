#include "bench/placement/experiment.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/placement/cpu_time.h"
#include "bench/placement/random.h"
#include "fleet/placement/engine.h"

namespace tessera::bench {
namespace {

using namespace fleet::placement;

/// The mean of what is allocated, by percent arrived.
class Curve {
 public:
  void add(double arrived_percent, double allocated_percent) {
    const auto at = static_cast<std::size_t>(std::lround(arrived_percent));
    if (at >= sums_.size()) {
      sums_.resize(at + 1);
      counts_.resize(at + 1);
    }
    sums_[at] += allocated_percent;
    ++counts_[at];
  }
  std::vector<double> means() const {
    std::vector<double> means(sums_.size(), std::nan(""));
    for (std::size_t i = 0; i < sums_.size(); ++i)
      if (counts_[i] > 0) means[i] = sums_[i] / static_cast<double>(counts_[i]);
    return means;
  }

 private:
  std::vector<double> sums_;
  std::vector<std::uint64_t> counts_;
};

void count(Outcome& outcome, const Request& request, bool accepted) {
  Acceptance* const kind = request.devices == 0  ? &outcome.cpu_only
                           : request.devices > 1 ? &outcome.multi_gpu
                                                 : nullptr;
  if (!kind) return;
  ++kind->arrived;
  kind->accepted += accepted;
}

}  // namespace

Mix mix_of(const Trace& trace) {
  std::map<Request, std::uint64_t> counts;
  for (const Pod& pod : trace.pods) ++counts[pod.request];
  return fleet::placement::mix_of(counts);
}

std::vector<std::size_t> arrivals(const Trace& trace, std::uint64_t seed, double inflate) {
  std::vector<std::size_t> by_name(trace.pods.size());
  for (std::size_t i = 0; i < by_name.size(); ++i) by_name[i] = i;
  std::ranges::sort(by_name, {}, [&](std::size_t i) -> const std::string& { return trace.pods[i].name; });

  std::mt19937_64 random(seed);
  std::vector<std::size_t> order = by_name;
  shuffle(order, random);
  std::int64_t asked = 0;
  for (const std::size_t i : order) asked += trace.pods[i].request.total_milli();
  const auto wanted = static_cast<std::int64_t>(inflate * static_cast<double>(trace.capacity_milli));
  if (asked < wanted) {
    for (;;) {
      const std::size_t copy = by_name[random() % by_name.size()];
      // The experiment looks at one device's share here, so that the last pod may pass the mark.
      if (asked + trace.pods[copy].request.device_milli > wanted) break;
      asked += trace.pods[copy].request.total_milli();
      order.push_back(copy);
    }
  } else {
    while (asked >= wanted) {
      const auto gone = order.begin() + static_cast<std::ptrdiff_t>(random() % order.size());
      asked -= trace.pods[*gone].request.total_milli();
      order.erase(gone);
    }
  }
  return order;
}

Result<Outcome> run(const Trace& trace, const Setting& setting) {
  std::vector<Room> nodes = trace.nodes;
  std::mt19937_64 random(setting.seed);
  shuffle(nodes, random);  // the order in which nodes win ties
  number_shapes(nodes);
  auto policy = TRY(make_policy(setting.policy, {setting.learned ? Mix{} : mix_of(trace), nodes, setting.seed}));
  Engine engine(std::move(nodes), std::move(policy), setting.seed);

  Outcome outcome;
  Curve curve;
  std::int64_t arrived = 0, allocated = 0;
  const auto percent = [&](std::int64_t milli) {
    return 100.0 * static_cast<double>(milli) / static_cast<double>(trace.capacity_milli);
  };
  for (const std::size_t pod : arrivals(trace, setting.seed, setting.inflate)) {
    const Request& request = trace.pods[pod].request;
    const double before = cpu_us();
    const auto place = engine.decide(request);
    if (place) engine.take(request, *place);
    outcome.decision_us.push_back(static_cast<float>(cpu_us() - before));
    arrived += request.total_milli();
    if (place) allocated += request.total_milli();
    if (arrived <= trace.capacity_milli) count(outcome, request, place.has_value());
    curve.add(percent(arrived), percent(allocated));
  }
  outcome.allocated = curve.means();
  return outcome;
}

}  // namespace tessera::bench
