#include "operator/dry_run.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "operator/components.h"
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
  const std::string certificate =
      has_own_certificate(monitor.spec)
          ? fmt::format(
                "# Beside these: the Secret {0} in {1}, with a certificate for {0}.{1}.svc; its ca.crt is the "
                "webhooks' caBundle.\n",
                kAdmission, monitor.spec.home)
          : "";
  Facts facts{.minor = options.minor, .foreign_namespaces = {}};
  // What others have is thought to be there.
  if (const std::string& plugin = monitor.spec.features.k8s_agent.gpu.mig.layout.device_plugin_namespace;
      plugin != monitor.spec.home && plugin != agent_namespace(monitor.spec))
    facts.foreign_namespaces.insert(plugin);
  return certificate + plan_text(make_plan(monitor, facts));
}

}  // namespace tessera::operate
