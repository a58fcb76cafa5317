#include "server/api_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tessera::server {
namespace {

template <class T>
Json plain_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

// In the order of gpu::Reading.
constexpr std::array<std::string_view, gpu::kReadingCount> kReadingNames = {
    "smClockMhz",
    "memoryClockMhz",
    "videoClockMhz",
    "powerWatts",
    "powerLimitWatts",
    "energyMillijoulesTotal",
    "performanceState",
    "temperatureCelsius",
    "memoryTemperatureCelsius",
    "slowdownTemperatureCelsius",
    "fanPercent",
    "gpuUtilPercent",
    "memoryCopyUtilPercent",
    "encoderUtilPercent",
    "decoderUtilPercent",
    "pcieTxBytesPerSecond",
    "pcieRxBytesPerSecond",
    "pcieReplaysTotal",
    "pcieLinkGeneration",
    "pcieLinkWidth",
    "memoryTotalBytes",
    "memoryFreeBytes",
    "memoryUsedBytes",
    "memoryReservedBytes",
    "eccCorrectedVolatileTotal",
    "eccUncorrectedVolatileTotal",
    "eccCorrectedAggregateTotal",
    "eccUncorrectedAggregateTotal",
    "retiredPagesCorrected",
    "retiredPagesUncorrected",
    "retiredPagesPending",
    "remappedRowsCorrectable",
    "remappedRowsUncorrectable",
    "rowRemapPending",
    "rowRemapFailure",
    "xidLast",
    "clocksEventReasons",
    "powerViolationNanosecondsTotal",
    "thermalViolationNanosecondsTotal",
    "syncBoostViolationNanosecondsTotal",
    "boardLimitViolationNanosecondsTotal",
    "lowUtilViolationNanosecondsTotal",
    "reliabilityViolationNanosecondsTotal",
    "nvlinkMegabytesPerSecond",
    "nvlinkTxBytesPerSecond",
    "nvlinkRxBytesPerSecond",
    "graphicsEngineActiveRatio",
    "smActiveRatio",
    "smOccupancyRatio",
    "tensorActiveRatio",
    "dramActiveRatio",
    "fp64ActiveRatio",
    "fp32ActiveRatio",
    "fp16ActiveRatio",
};
static_assert(!kReadingNames.back().empty(), "a reading without a name");

}  // namespace

std::string json_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json or_null(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(nullptr); }
Json or_null(std::optional<std::uint64_t> value) { return plain_or_null(value); }
Json or_null(std::optional<unsigned> value) { return plain_or_null(value); }
Json or_null(std::optional<bool> value) { return plain_or_null(value); }
Json text_or_null(std::string_view value) { return value.empty() ? Json(nullptr) : Json(value); }
Json time_json(EpochMs time) { return format_time(time); }
Json time_or_null(std::optional<EpochMs> time) { return time ? time_json(*time) : Json(nullptr); }

Json percent_of(std::optional<double> ratio) {
  if (!ratio || !std::isfinite(*ratio)) return nullptr;
  return rounded(std::clamp(*ratio, 0.0, 1.0) * 100, 100);
}

Json percent_of(const std::optional<gpu::Mean>& mean) {
  return percent_of(mean ? std::optional(mean->ratio) : std::nullopt);
}

Json coverage_of(const std::optional<gpu::Mean>& mean) { return mean ? rounded(mean->coverage, 10'000) : 0.0; }

Json bytes_or_null(std::optional<double> bytes) {
  if (!bytes || !(*bytes >= 0 && *bytes < 1e18)) return nullptr;
  return static_cast<std::uint64_t>(*bytes);
}

Json counts_json(std::span<const std::uint64_t> counts, const std::vector<std::string_view>& names) {
  Json out = Json::object();
  for (std::size_t i = 0; i < counts.size(); ++i) out[std::string(names[i])] = counts[i];
  return out;
}

Json utilization_json(const fleet::UtilizationSum& of) {
  const auto weight = [](double sum) { return sum > 0 ? Json(sum) : Json(nullptr); };
  const auto device = of.device();
  return {{"allocated", percent_of(of.allocated())},
          {"device", percent_of(device)},
          {"simple", percent_of(of.simple())},
          {"weight", gpu::weight_name(of.weight())},
          {"allocatedWeight", weight(of.allocated_weight())},
          {"deviceWeight", weight(of.device_weight())},
          {"coverage", coverage_of(device)},
          {"source", text_or_null(of.source())}};
}

std::string_view reading_name(gpu::Reading reading) { return kReadingNames[static_cast<std::size_t>(reading)]; }

Json readings_json(const gpu::Readings& readings) {
  Json out = Json::object();
  for (std::size_t i = 0; i < gpu::kReadingCount; ++i) {
    const auto reading = static_cast<gpu::Reading>(i);
    if (const auto value = readings[reading]; value && std::isfinite(*value))
      out[std::string(reading_name(reading))] = *value;
  }
  return out;
}

Json instance_ref(const fleet::Device& device, const fleet::Part& part) {
  if (!part.gpu_instance) return nullptr;
  return {{"gi", *part.gpu_instance},
          {"ci", or_null(part.compute_instance)},
          {"profile", text_or_null(fleet::profile_of(device, part))}};
}

}  // namespace tessera::server
