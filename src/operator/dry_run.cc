#include "operator/dry_run.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "operator/yaml_text.h"

namespace tessera::operate {

std::string plan_text(const Plan& plan) {
  std::string out;
  for (const KeySecret& secret : plan.secrets)
    out += fmt::format(
        "# Beside these: the Secret {} in {}, with API keys as {}, each once from `tessera-server keys generate`.\n",
        secret.name, secret.home, fmt::join(secret.keys, " and "));
  for (const std::string& note : plan.notes) out += fmt::format("# {}\n", note);
  return out + yaml_text(plan.objects);
}

Result<std::string> dry_run(const Options& options) {
  constexpr std::size_t kLongest = 4U << 20U;
  const std::string text = TRY(read_file(options.file, kLongest));
  const GpuMonitor monitor = TRY(parse_gpu_monitor(text, options.file));
  return plan_text(make_plan(monitor, {.minor = options.minor, .foreign_namespaces = {}}));
}

}  // namespace tessera::operate
