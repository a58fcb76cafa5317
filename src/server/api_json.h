#pragma once
// How values are written in JSON: what is not known is null, times are RFC 3339, ratios are percent.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// On one line; bytes that are no UTF-8 are replaced.
std::string json_text(const Json& value);

Json or_null(std::optional<double> value);
Json or_null(std::optional<std::uint64_t> value);
Json or_null(std::optional<unsigned> value);
Json or_null(std::optional<bool> value);
Json text_or_null(std::string_view value);  ///< null for ""
Json time_json(EpochMs time);
Json time_or_null(std::optional<EpochMs> time);
/// 41.43 of 0.41428; what is above 1 by a fault of the driver is 100.
Json percent_of(std::optional<double> ratio);
Json percent_of(const std::optional<gpu::Mean>& mean);
/// Known part of the denominator, 0 to 1; 0 where nothing is.
Json coverage_of(const std::optional<gpu::Mean>& mean);
Json bytes_or_null(std::optional<double> bytes);

/// {name: count}, in the order of the names.
Json counts_json(std::span<const std::uint64_t> counts, const std::vector<std::string_view>& names);

Json utilization_json(const fleet::UtilizationSum& of);
/// Every reading that there is, by its name: `powerWatts`.
Json readings_json(const gpu::Readings& readings);
std::string_view reading_name(gpu::Reading reading);

/// The names of an enumeration whose values begin at 0.
template <class Enum>
std::vector<std::string_view> names_of(std::string_view (*name)(Enum), std::size_t count) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(name(static_cast<Enum>(i)));
  return out;
}

/// {gi, ci, profile}; null for the whole device.
Json instance_ref(const fleet::Device& device, const fleet::Part& part);

}  // namespace tessera::server
