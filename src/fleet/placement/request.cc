#include "fleet/placement/request.h"

#include <algorithm>

namespace tessera::fleet::placement {

Result<std::uint8_t> ModelNumbers::number(std::string_view model) {
  const auto known = std::ranges::find(names_, model);
  const auto number = static_cast<std::size_t>(known - names_.begin());
  if (known == names_.end()) {
    if (number == 64)
      return fail(Code::Invalid, "device model '{}': 64 models are known, and there is room for no more", model);
    names_.emplace_back(model);
  }
  return static_cast<std::uint8_t>(number);
}

Result<void> check(const Request& request) {
  if (request.cpu_milli < 0 || request.memory_mib < 0)
    return fail(Code::Invalid, "a request of {} milli CPU and {} MiB: less than nothing", request.cpu_milli,
                request.memory_mib);
  if (request.devices == 0) return {};
  if (request.device_milli == 0 || request.device_milli > kWholeMilli)
    return fail(Code::Invalid, "a request of {} milli of a device: 1 to {} expected", request.device_milli,
                kWholeMilli);
  if (request.devices > 1 && request.device_milli != kWholeMilli)
    return fail(Code::Invalid, "a request of {} milli of each of {} devices: a part is given of one device only",
                request.device_milli, request.devices);
  return {};
}

Mix mix_of(const std::map<Request, std::uint64_t>& counts) {
  std::uint64_t all = 0;
  for (const auto& [request, count] : counts) all += count;
  Mix mix;
  for (const auto& [request, count] : counts)
    mix.push_back({request, static_cast<double>(count) / static_cast<double>(all)});
  std::ranges::sort(mix, [](const Expected& a, const Expected& b) {
    return a.share != b.share ? a.share > b.share : a.request < b.request;
  });
  return mix;
}

Mix typical(const Mix& mix, double coverage) {
  std::map<Request, double> merged;
  for (Expected expected : mix) {
    expected.request.memory_mib = 0;
    merged[expected.request] += expected.share;
  }
  Mix kept;
  for (const auto& [request, share] : merged) kept.push_back({request, share});
  std::ranges::sort(kept, [](const Expected& a, const Expected& b) {
    return a.share != b.share ? a.share > b.share : a.request < b.request;
  });
  double sum = 0;
  const auto enough = std::ranges::find_if(kept, [&](const Expected& expected) {
    if (sum >= coverage) return true;
    sum += expected.share;
    return false;
  });
  kept.erase(enough, kept.end());
  for (Expected& expected : kept) expected.share /= sum;
  return kept;
}

}  // namespace tessera::fleet::placement
