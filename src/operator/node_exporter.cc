// CPU, memory, disk and network of nodes: node_exporter beside the agent, on every node that may be monitored.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/components.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

Json container_of(const Making& making, const NodeMetrics& metrics) {
  Workload workload;
  workload.image = metrics.image;
  Json out = container(making, "node-exporter", "node-exporter", workload,
                       {{{"cpu", "10m"}, {"memory", "32Mi"}}, {{"memory", "128Mi"}}});
  out["args"] = Json::array(
      {"--path.rootfs=/host", fmt::format("--web.listen-address=:{}", port_of(metrics)),
       "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run/.+|var/lib/(containerd|docker|kubelet)/"
       ".+)($|/)"});
  out["ports"] = Json::array({{{"name", "metrics"},
                               {"containerPort", port_of(metrics)},
                               {"hostPort", port_of(metrics)},
                               {"protocol", "TCP"}}});
  const Json home{{"path", "/"}, {"port", "metrics"}};
  out["livenessProbe"] = {{"httpGet", home}, {"periodSeconds", 20}, {"timeoutSeconds", 5}, {"failureThreshold", 6}};
  out["readinessProbe"] = {{"httpGet", home}, {"periodSeconds", 10}, {"timeoutSeconds", 5}};
  return out;
}

Json pod_of(const Making& making, const Part& part, const NodeAgent& agent) {
  Workload workload = agent.workload;
  if (!workload.priority_class) workload.priority_class = "system-node-critical";
  Json out = pod_spec(making, part, workload);
  // The nodes' own CPU and memory are worth seeing whatever taint keeps others away.
  out["tolerations"] = Json::array({{{"operator", "Exists"}}});
  out["automountServiceAccountToken"] = false;
  out["hostNetwork"] = true;  // or the network would be the pod's
  out["hostPID"] = true;
  make_plain(out);
  out["securityContext"].erase("fsGroup");
  out["securityContext"].erase("fsGroupChangePolicy");
  Json container = container_of(making, agent.node_metrics);
  out["volumes"] = Json::array();
  mount(out, container, "root", "/host", true, {{"hostPath", {{"path", "/"}}}});
  container["volumeMounts"][0]["mountPropagation"] = "HostToContainer";  // what is mounted later is seen too
  out["containers"] = Json::array({std::move(container)});
  return out;
}

}  // namespace

int port_of(const NodeMetrics& metrics) {
  return static_cast<int>(metrics.port.value_or(metrics.exporter == "existing" ? 9100 : 9101));
}

Part node_exporter_part(const Making& making) {
  return {"tessera-node-exporter", "node-exporter", "node-exporter", agent_namespace(making.spec()), ""};
}

void make_node_exporter(Making& making) {
  const NodeAgent& agent = making.spec().features.k8s_agent.node_agent;
  if (!agent.enabled || agent.node_metrics.exporter != "bundled") return;
  const Part part = node_exporter_part(making);
  Json account = object(making, "ServiceAccount", part);
  account["automountServiceAccountToken"] = false;
  add(making, std::move(account));
  Workload own;  // labels and annotations of the node agent are its own
  Json out = object(making, "DaemonSet", part);
  out["spec"] = {
      {"selector", {{"matchLabels", selector_labels(making, part)}}},
      {"updateStrategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", "10%"}}}}},
      {"template", pod_template(making, part, own, pod_of(making, part, agent), port_of(agent.node_metrics))}};
  add(making, std::move(out));
}

}  // namespace tessera::operate
