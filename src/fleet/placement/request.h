#pragma once
// What a workload asks for, and the mix of such requests that a fleet is expected to serve.
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::fleet::placement {

/// A device's whole compute, in thousandths: the share that a time-sliced device gives is counted in them.
inline constexpr unsigned kWholeMilli = 1000;

/// A set of device models, one bit each.
using Models = std::uint64_t;
inline constexpr Models kAnyModel = ~Models{0};

/// Gives each model a number below 64.
class ModelNumbers {
 public:
  /// Invalid for a 65th model.
  Result<std::uint8_t> number(std::string_view model);
  /// By number.
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

/// All of it on one node. Equal requests are one kind: what is known of a kind is kept.
struct Request {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;  ///< of the node
  unsigned devices = 0;
  unsigned device_milli = 0;  ///< of each device; below kWholeMilli only where one device is asked for
  Models models = kAnyModel;  ///< that will do
  auto operator<=>(const Request&) const = default;

  bool shares() const { return devices == 1 && device_milli < kWholeMilli; }
  /// Of all devices together.
  std::int64_t total_milli() const { return std::int64_t{devices} * device_milli; }
};

/// Error where `request` asks for what no device can give: a part of several devices, or more than a whole one.
Result<void> check(const Request& request);

struct Expected {
  Request request;
  double share = 0;  ///< of all requests, 0 to 1
};
/// Shares add up to 1; the most frequent first.
using Mix = std::vector<Expected>;

Mix mix_of(const std::map<Request, std::uint64_t>& counts);

/// The most frequent kinds that together are at least `coverage` of all requests, without their memory, as the
/// published fragmentation measure takes them; shares add up to 1 again.
Mix typical(const Mix& mix, double coverage);

}  // namespace tessera::fleet::placement
