#include "fleet/cost/usage_slot.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tessera::fleet {
namespace {

constexpr std::int64_t kMemorySlices = 8;       // memory is counted in eighths, whichever family it is
constexpr std::int64_t kMostComputeSlices = 7;  // of a device that tells nothing and is in no table

PartUsage part_of(const SubjectSlot& slot) {
  const FieldTotal& busy = slot.totals[Field::Utilization];
  const double scale = kFieldRows[static_cast<std::size_t>(Field::Utilization)].scale;
  PartUsage out;
  out.subject = slot.subject;
  out.slices = slot.slices;
  out.observed_ms = slot.totals.observed_ms;
  out.owned_ms = slot.totals.owned_ms;
  out.busy_ms = std::llround(static_cast<double>(busy.sum) / scale);
  out.busy_known_ms = busy.ms;
  out.replicas = slot.replicas;
  out.tenants = slot.tenants;
  return out;
}

std::optional<unsigned> number_before(std::string_view& text, std::string_view unit) {
  unsigned out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return std::nullopt;
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (!rest.starts_with(unit)) return std::nullopt;
  text = rest.substr(unit.size());
  return out;
}

}  // namespace

DeviceUsage device_usage(std::int64_t device, const Slices& whole, EpochMs from, EpochMs to,
                         std::vector<SubjectSlot> slots) {
  DeviceUsage out{device, from, to, whole, 0, {}};
  bool is_cut = false;
  for (const SubjectSlot& one : slots) is_cut |= one.gpu_instance && one.totals.observed_ms > 0;
  for (const SubjectSlot& one : slots) {
    PartUsage part = part_of(one);
    out.observed_ms = std::max(out.observed_ms, part.observed_ms);
    if (!one.gpu_instance) {
      part.slices = whole;
      // While a device is cut, its time is its instances'; the rest of it is as good as what nobody has of them.
      if (is_cut) {
        const std::int64_t given = given_ms(part);
        part.busy_known_ms = std::min(part.busy_known_ms, given);
        part.observed_ms = given;
      }
    }
    if (part.observed_ms > 0) out.parts.push_back(std::move(part));
  }
  return out;
}

Slices whole_slices(std::optional<unsigned> compute_slices, unsigned catalogue_slices) {
  const std::int64_t compute = compute_slices.value_or(catalogue_slices);
  return {compute > 0 ? compute : kMostComputeSlices, kMemorySlices};
}

std::optional<Slices> profile_slices(std::string_view profile, std::optional<unsigned> compute_slices,
                                     unsigned memory_gib) {
  std::string_view rest = profile;
  number_before(rest, "c.");  // of a compute instance
  const auto compute = number_before(rest, "g.");
  if (!compute) return std::nullopt;
  const auto memory = number_before(rest, "gb");
  if (!memory || memory_gib == 0) return std::nullopt;
  const auto eighths = std::llround(static_cast<double>(kMemorySlices) * *memory / memory_gib);
  return Slices{std::int64_t{compute_slices.value_or(*compute)}, std::clamp<std::int64_t>(eighths, 1, kMemorySlices)};
}

}  // namespace tessera::fleet
