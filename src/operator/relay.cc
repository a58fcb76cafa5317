// What is scraped, and where it goes: a StatefulSet of tessera-relay, each with the volume of its queue.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/yaml_text.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

/// Sharing needs the pod's number as a label, which Kubernetes has from this version on.
constexpr unsigned kPodIndex = 28;

std::int64_t replicas_of(const Making& making) {
  return making.facts.minor >= kPodIndex ? making.spec().features.open_agent.replicas : 1;
}

void add_rights(Making& making, const Part& part) {
  // To find targets, and no right to change any.
  add_role(making, part, true,
           Json::array({{{"apiGroups", Json::array({""})},
                         {"resources", Json::array({"pods"})},
                         {"verbs", Json::array({"get", "list", "watch"})}}}),
           part);
  if (replicas_of(making) == 1) return;
  // Each holds a lease of its own, and sees by those of the others who is there.
  add_role(making, part, false,
           Json::array({{{"apiGroups", Json::array({"coordination.k8s.io"})},
                         {"resources", Json::array({"leases"})},
                         {"verbs", Json::array({"get", "list", "create", "update"})}}}),
           part);
}

/// One volume with all keys that are named, and no other key of their Secrets. A Secret that is not there yet costs its
/// own target, not the relay.
Json secrets_volume(const std::vector<SecretKey>& keys) {
  Json sources = Json::array();
  for (const SecretKey& key : keys)
    sources.push_back(
        {{"secret",
          {{"name", key.name},
           {"optional", true},
           {"items", Json::array({{{"key", key.key}, {"path", fmt::format("{}/{}", key.name, key.key)}}})}}}});
  return {{"projected", {{"sources", std::move(sources)}, {"defaultMode", 0440}}}};
}

Json ingest_key_volume(const Spec& spec) {
  const SecretKey from = ingest_key(spec);
  return {{"secret",
           {{"secretName", from.name},
            {"items", Json::array({{{"key", from.key}, {"path", kIngestKey}}})},
            {"defaultMode", 0440}}}};
}

Json container_of(const Making& making) {
  const Workload& workload = making.spec().features.open_agent.workload;
  Json out = container(making, "relay", "tessera-relay", workload,
                       {{{"cpu", "50m"}, {"memory", "64Mi"}}, {{"memory", "512Mi"}}});
  out["args"] = Json::array({"--config=/etc/tessera/relay.yaml", "--data=/var/lib/tessera-relay"});
  if (const auto replicas = replicas_of(making); replicas > 1) {
    out["args"].push_back(fmt::format("--shard=$(POD_INDEX)/{}", replicas));
    out["env"].push_back(env_field("POD_INDEX", "metadata.labels['apps.kubernetes.io/pod-index']"));
  }
  out["ports"] = Json::array({{{"name", "http"}, {"containerPort", kRelayPort}, {"protocol", "TCP"}}});
  add_probes(out, "http", 10);
  add_env(out, workload.env);
  return out;
}

Json pod_of(const Making& making, const Part& part) {
  const Spec& spec = making.spec();
  Json out = pod_spec(making, part, spec.features.open_agent.workload);
  make_plain(out);
  Json container = container_of(making);
  out["volumes"] = Json::array();
  // The folder, not a file of it: a file mounted by subPath never changes.
  mount(out, container, "config", "/etc/tessera", true, {{"configMap", {{"name", part.name}}}});
  if (has_server(spec)) {
    mount(out, container, "keys", "/etc/tessera-keys", true, ingest_key_volume(spec));
    mount_server_ca(making, out, container);
  }
  if (const auto secrets = relay_secrets(spec); !secrets.empty())
    mount(out, container, "secrets", "/etc/tessera-secrets", true, secrets_volume(secrets));
  mount(out, container, "queue", "/var/lib/tessera-relay", false, nullptr);
  out["containers"] = Json::array({std::move(container)});
  return out;
}

Json stateful_set(const Making& making, const Part& part) {
  const OpenAgent& agent = making.spec().features.open_agent;
  Json claim = volume_claim(making, part, agent.queue);
  claim["metadata"] = {{"name", "queue"}, {"labels", Json(claim["metadata"]["labels"])}};
  claim.erase("apiVersion");
  claim.erase("kind");
  Json out = object(making, "StatefulSet", part);
  out["spec"] = {{"serviceName", part.name},
                 {"replicas", replicas_of(making)},
                 {"podManagementPolicy", "Parallel"},
                 {"selector", {{"matchLabels", selector_labels(making, part)}}},
                 {"template", pod_template(making, part, agent.workload, pod_of(making, part), kRelayPort)},
                 {"volumeClaimTemplates", Json::array({std::move(claim)})}};
  return out;
}

}  // namespace

Part relay_part(const Making& making) { return {"tessera-relay", "tessera-relay", "relay", making.spec().home, ""}; }

void make_relay(Making& making) {
  const Spec& spec = making.spec();
  if (!has_relay(spec)) return;
  const Part part = relay_part(making);
  add(making, object(making, "ServiceAccount", part));
  add_rights(making, part);
  Json map = object(making, "ConfigMap", part);
  map["data"] = {{"relay.yaml", yaml_text(relay_config(making))}};
  add(making, std::move(map));
  Json headless = service(making, part, kRelayPort);
  headless["spec"]["clusterIP"] = "None";
  // Why a relay is not ready is asked of the relay itself.
  headless["spec"]["publishNotReadyAddresses"] = true;
  add(making, std::move(headless));
  if (spec.network_policies) add(making, network_policy(making, part, kRelayPort));
  if (replicas_of(making) > 1) add(making, disruption_budget(making, part));
  add(making, stateful_set(making, part));
  if (const auto wanted = spec.features.open_agent.replicas; replicas_of(making) < wanted)
    making.plan.notes.push_back(fmt::format(
        "openAgent.replicas: {} relays can share the targets on Kubernetes 1.{} and later; on 1.{} one runs", wanted,
        kPodIndex, making.facts.minor));
}

}  // namespace tessera::operate
