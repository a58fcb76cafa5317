#include <nlohmann/json.hpp>

#include "operator/components.h"

namespace tessera::operate {

/// Those that are there already are somebody's, and stay as they are.
void make_namespaces(Making& making) {
  const Spec& spec = making.spec();
  const bool agents = spec.features.k8s_agent.node_agent.enabled;
  std::set<std::string> wanted;
  if (agents) wanted.insert(agent_namespace(spec));
  if (has_relay(spec) || has_server(spec)) wanted.insert(spec.home);
  for (const std::string& name : wanted) {
    if (making.facts.foreign_namespaces.contains(name)) continue;
    auto space = object(making, "Namespace", {name, "tessera", "namespace", "", ""});
    // hostPID and hostPath are what the "privileged" level of pod security is needed for.
    if (agents && name == agent_namespace(spec))
      space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged";
    add(making, std::move(space));
  }
}

}  // namespace tessera::operate
