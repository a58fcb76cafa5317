#pragma once
// For the room's tests: resources from their text, and parts of plans.
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "operator/plan.h"

namespace tessera::operate {

using Json = nlohmann::ordered_json;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

/// The text of a resource with this spec, which is written in YAML's flow style and begins in line 4.
std::string resource(std::string_view spec);
GpuMonitor monitor_of(std::string_view spec);
Plan plan_of(std::string_view spec, const Facts& facts = {});

inline constexpr std::string_view kMinimal =
    "{features: {openAgent: {enabled: true}, k8sAgent: {masterAgent: {enabled: true}, nodeAgent: {enabled: true}, "
    "gpuMonitoring: {enabled: true}}}}";

/// The object of this kind and name; null: there is none.
Json find(const Plan& plan, std::string_view kind, std::string_view name);

Json json_of(std::string_view yaml);

/// Ordered values are equal only in the same order; these are equal if they say the same.
nlohmann::json plain(const Json& value);

}  // namespace tessera::operate
