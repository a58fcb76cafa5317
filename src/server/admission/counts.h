#pragma once
// What the door has done so far, for the page of metrics.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera::server {

/// What became of a pod that a review was about.
enum class Reviewed : std::uint8_t {
  Gated,      ///< it got our gate and a resource
  Warned,     ///< left as it is, and told why
  Untouched,  ///< left as it is
  Refused
};
inline constexpr std::array<std::string_view, 4> kReviewed = {"gated", "warned", "untouched", "refused"};

/// Thread-safe.
struct AdmissionCounts {
  std::array<std::atomic<std::uint64_t>, kReviewed.size()> reviews{};
  std::atomic<std::size_t> waiting = 0;     ///< pods at the gate
  std::atomic<std::uint64_t> opened = 0;    ///< gates that were taken from pods
  std::atomic<std::uint64_t> failures = 0;  ///< steps that the database or the API server did not take
};

}  // namespace tessera::server
