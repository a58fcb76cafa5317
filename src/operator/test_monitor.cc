#include "operator/test_monitor.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/yaml.h"
#include "operator/raw.h"

namespace tessera::operate {

std::string resource(std::string_view spec) {
  return fmt::format(
      "apiVersion: tessera.dev/v1alpha1\nkind: GpuMonitor\nmetadata: {{name: monitor, uid: u-1}}\nspec: {}\n", spec);
}

GpuMonitor monitor_of(std::string_view spec) { return must(parse_gpu_monitor(resource(spec), "m.yaml")); }

Plan plan_of(std::string_view spec, const Facts& facts) { return make_plan(monitor_of(spec), facts); }

Json find(const Plan& plan, std::string_view kind, std::string_view name) {
  for (const Json& object : plan.objects)
    if (object["kind"] == kind && object["metadata"]["name"] == name) return object;
  return nullptr;
}

Json json_of(std::string_view yaml) { return Json::parse(raw_of(must(config::load(yaml, "text"))).json); }

nlohmann::json plain(const Json& value) { return nlohmann::json(value); }

}  // namespace tessera::operate
