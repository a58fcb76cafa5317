#include "fleet/placement/baselines.h"

#include <algorithm>
#include <random>

namespace tessera::fleet::placement {
namespace {

// The experiment's largest node, which free CPU and GPU are parts of.
constexpr double kLargestCpuMilli = 128'000;
constexpr std::int64_t kLargestGpuMilli = 8 * kWholeMilli;

// A node that nobody tells the CPU of counts as the largest.
double cpu_part(std::int64_t cpu_milli) {
  return cpu_milli == kNoLimit ? 1 : static_cast<double>(cpu_milli) / kLargestCpuMilli;
}

std::int32_t percent(double part) { return static_cast<std::int32_t>(100 * part); }

class Random : public Policy {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}

  Offer offer(const Room& room, const Request& request) override {
    if (!request.shares()) return {0, first_fit(room, request)};
    std::array<unsigned, kMaxDevices> fitting{};
    std::size_t count = 0;
    for (unsigned i = 0; i < room.devices; ++i)
      if (device_fits(room, i, request)) fitting[count++] = i;
    return {0, static_cast<DeviceSet>(1U << fitting[random_() % count])};
  }
  bool draws() const override { return true; }

 private:
  std::mt19937_64 random_;
};

class DotProd : public Policy {
 public:
  Offer offer(const Room& room, const Request& request) override {
    const double cpu = cpu_part(room.cpu_milli) * cpu_part(request.cpu_milli);
    const double gpu =
        static_cast<double>(room.free_milli() * request.total_milli()) / (kLargestGpuMilli * kLargestGpuMilli);
    return {percent(1 - (cpu + gpu) / 2), best_fit(room, request)};
  }
};

class Clustering : public Policy {
 public:
  Offer offer(const Room& room, const Request& request) override {
    const Kind kind = kind_of(request);
    if (kind == Kind::None) return {};
    const auto held = std::ranges::count_if(room.held, [](auto count) { return count > 0; });
    const bool alike = room.held[static_cast<std::size_t>(kind)] > 0;
    const int base = alike ? (held == 1 ? 75 : 50) : (held == 0 ? 25 : 0);
    const std::int64_t full = 25 * (kLargestGpuMilli - room.free_milli()) / kLargestGpuMilli;
    return {base + static_cast<std::int32_t>(full), best_fit(room, request)};
  }
};

class Packing : public Policy {
 public:
  Offer offer(const Room& room, const Request& request) override {
    if (request.devices == 0) return {};
    const DeviceSet devices = best_fit(room, request);
    const int whole = static_cast<int>(room.whole_devices());
    if (whole == room.devices) return {33 - whole, devices};
    int free_percent = 0, opened = 0;
    for (unsigned i = 0; i < room.devices; ++i) {
      if ((devices >> i & 1U) == 0) continue;
      opened += room.milli[i] == kWholeMilli;
      free_percent += room.milli[i] / 10;
    }
    if (opened > 0) return {std::max(33, 50 - opened), devices};
    return {std::max(50, 100 - free_percent / 10), devices};
  }
};

/// What is left of CPU and GPU, each as a part of the largest node's: 0 to 2.
double left(const Room& room, const Request& request) {
  const double cpu = cpu_part(room.cpu_milli) - cpu_part(request.cpu_milli);
  return cpu + static_cast<double>(room.free_milli() - request.total_milli()) / kLargestGpuMilli;
}

class BestFit : public Policy {
 public:
  Offer offer(const Room& room, const Request& request) override {
    return {percent(1 - left(room, request) / 2), best_fit(room, request)};
  }
};

class FirstFit : public Policy {
 public:
  Offer offer(const Room& room, const Request& request) override { return {0, first_fit(room, request)}; }
};

class Spread : public Policy {
 public:
  Offer offer(const Room& room, const Request& request) override {
    const int score = percent(left(room, request) / 2);
    if (!request.shares()) return {score, first_fit(room, request)};
    unsigned emptiest = kMaxDevices;
    for (unsigned i = 0; i < room.devices; ++i)
      if (device_fits(room, i, request) && (emptiest == kMaxDevices || room.milli[i] > room.milli[emptiest]))
        emptiest = i;
    return {score, static_cast<DeviceSet>(1U << emptiest)};
  }
};

}  // namespace

std::unique_ptr<Policy> make_random(std::uint64_t seed) { return std::make_unique<Random>(seed); }
std::unique_ptr<Policy> make_dotprod() { return std::make_unique<DotProd>(); }
std::unique_ptr<Policy> make_clustering() { return std::make_unique<Clustering>(); }
std::unique_ptr<Policy> make_packing() { return std::make_unique<Packing>(); }
std::unique_ptr<Policy> make_bestfit() { return std::make_unique<BestFit>(); }
std::unique_ptr<Policy> make_firstfit() { return std::make_unique<FirstFit>(); }
std::unique_ptr<Policy> make_spread() { return std::make_unique<Spread>(); }

}  // namespace tessera::fleet::placement
