#pragma once
// What becomes of a device's cost in a stretch of time: to whom it goes, and why. Pure, in whole numbers.
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/cost/rates.h"

namespace tessera::fleet {

/// What a part of the cost is of. The cost of a device is the sum of all of them.
enum class CostKind : std::uint8_t {
  Used,         ///< somebody had it, and it worked
  HeldIdle,     ///< somebody had it, and it did nothing
  HeldUnknown,  ///< somebody had it, and nobody tells whether it worked
  Unallocated,  ///< nobody had it
  Unobserved,   ///< nobody knows
  Overhead      ///< the platform's own pods had it
};
inline constexpr std::size_t kCostKinds = 6;
std::string_view cost_kind_name(CostKind kind);  ///< "used"
std::optional<CostKind> cost_kind_named(std::string_view name);
/// Used, HeldIdle, HeldUnknown: what somebody pays for.
constexpr bool is_allocated(CostKind kind) { return kind <= CostKind::HeldUnknown; }

/// By which truth somebody had it: the kubelet's, a promise of this server's, or that of its processes alone.
enum class CostBasis : std::uint8_t { Nobody, Held, Promised, Used };
inline constexpr std::size_t kCostBases = 4;
std::string_view cost_basis_name(CostBasis basis);  ///< "none", "held"
std::optional<CostBasis> cost_basis_named(std::string_view name);

/// Which share of a device its instances are.
enum class ShareBy : std::uint8_t { ComputeSlices, Memory, LargerOfBoth };
/// Which share of a device that is shared by time or by MPS each of its pods has.
enum class SharedBy : std::uint8_t {
  Requested,  ///< the replicas that it holds of all; what nobody holds is unallocated
  Used        ///< in proportion to how long its processes were there
};
struct PostingOptions {
  ShareBy share_by = ShareBy::ComputeSlices;
  SharedBy shared_by = SharedBy::Requested;
};

struct Slices {
  std::int64_t compute = 1;
  std::int64_t memory = 1;
  bool operator==(const Slices&) const = default;
};
/// What a part's share of its device is by a rule, in units of which the whole has units_of(whole, whole, by).
std::int64_t units_of(const Slices& part, const Slices& whole, ShareBy by);

/// Somebody who had a part. Who holds it pays for it, else whom it is promised to, else who uses it. A process outside
/// of pods is given nothing for being there: a display server or the server of MPS is there for months.
struct Tenant {
  std::int64_t owner = 0;  ///< a number of the caller's; 0 is nobody's
  std::int64_t held_ms = 0;
  std::int64_t promised_ms = 0;
  std::int64_t used_ms = 0;   ///< a process of it was there
  std::int64_t replicas = 1;  ///< that it has, where the part is shared
  bool overhead = false;      ///< one of the platform's own
  bool outside = false;       ///< of pods
};

/// A device, or a GPU instance of one, over some time. What was told of the time is in ms.
struct PartUsage {
  std::int64_t subject = 0;  ///< a number of the caller's
  Slices slices;
  std::int64_t observed_ms = 0;
  std::int64_t owned_ms = 0;       ///< at least one of the tenants had it
  std::int64_t busy_ms = 0;        ///< integral of its utilization as a ratio
  std::int64_t busy_known_ms = 0;  ///< over so long
  std::int64_t replicas = 1;       ///< more than one: shared
  std::vector<Tenant> tenants;
};

/// How long somebody had it whom a use gives it to. Where processes outside of pods were there too, nobody has counted
/// that, and it is at most as long as the others had it one after the other.
std::int64_t given_ms(const PartUsage& part);

struct DeviceUsage {
  std::int64_t subject = 0;  ///< the device's
  EpochMs from = 0;          ///< it was there from here
  EpochMs to = 0;            ///< to here
  Slices whole;
  std::int64_t observed_ms = 0;
  std::vector<PartUsage>
      parts;  ///< the device itself where it is not cut; of one that has been cut anew, the former too
};

/// Lines are told apart by all of this.
struct CostLine {
  std::int64_t subject = 0;  ///< of the device or the instance
  std::int64_t owner = 0;    ///< 0: nobody
  CostKind kind = CostKind::Unobserved;
  CostBasis basis = CostBasis::Nobody;
  auto operator<=>(const CostLine&) const = default;
};

/// Everything of it adds up.
struct CostAmount {
  Micros micros = 0;
  std::int64_t device_ms = 0;    ///< of whole devices: half a device for an hour is half an hour
  std::int64_t unpriced_ms = 0;  ///< of it, without a rate
  bool is_zero() const { return micros == 0 && device_ms == 0 && unpriced_ms == 0; }
  bool operator==(const CostAmount&) const = default;
};

struct Posting {
  CostLine line;
  CostAmount amount;
  bool operator==(const Posting&) const = default;
};

/// By line. Their sum is the charge and the time from `from` to `to`, to the micro-unit and the millisecond; nothing
/// where that time is empty.
std::vector<Posting> post(const DeviceUsage& of, const Charge& charge, const PostingOptions& options);

/// Postings of several stretches as one, by line.
std::vector<Posting> merged(std::vector<Posting> postings);

}  // namespace tessera::fleet
