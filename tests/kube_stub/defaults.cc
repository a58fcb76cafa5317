#include "tests/kube_stub/defaults.h"

#include <nlohmann/json.hpp>
#include <string>

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;

void set(Json& object, const char* name, Json value) {
  if (!object.contains(name)) object[name] = std::move(value);
}

void set_container(Json& container) {
  set(container, "terminationMessagePath", "/dev/termination-log");
  set(container, "terminationMessagePolicy", "File");
  for (const auto* probe : {"livenessProbe", "readinessProbe"})
    if (container.contains(probe)) {
      set(container[probe], "successThreshold", 1);
      set(container[probe], "failureThreshold", 3);
    }
  for (Json& one : container["env"])
    if (one.contains("valueFrom") && one["valueFrom"].contains("fieldRef"))
      set(one["valueFrom"]["fieldRef"], "apiVersion", "v1");
  if (container["env"].empty()) container.erase("env");
  // 1024Mi is 1Gi.
  if (container.contains("resources") && container["resources"].contains("limits"))
    for (auto& [name, amount] : container["resources"]["limits"].items())
      if (amount == "1024Mi") amount = "1Gi";
}

void set_pod(Json& spec) {
  set(spec, "restartPolicy", "Always");
  set(spec, "dnsPolicy", "ClusterFirst");
  set(spec, "schedulerName", "default-scheduler");
  set(spec, "securityContext", Json::object());
  for (Json& one : spec["containers"]) set_container(one);
  if (!spec.contains("volumes")) return;
  for (Json& one : spec["volumes"])
    if (one.contains("configMap")) set(one["configMap"], "defaultMode", 420);
}

}  // namespace

void set_defaults(Json& object) {
  const std::string kind = object.value("kind", "");
  if (!object.contains("spec") || !object["spec"].is_object()) return;
  Json& spec = object["spec"];
  if (kind == "Service") {
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    set(spec, "clusterIP", "10.0.0.7");
  }
  if (kind != "DaemonSet" && kind != "Deployment" && kind != "StatefulSet") return;
  set(spec, "revisionHistoryLimit", 10);
  if (spec.contains("template") && spec["template"].contains("spec")) set_pod(spec["template"]["spec"]);
  if (spec.contains("volumeClaimTemplates"))
    for (Json& claim : spec["volumeClaimTemplates"]) {
      set(claim["spec"], "volumeMode", "Filesystem");
      set(claim, "status", {{"phase", "Pending"}});
    }
}

}  // namespace tessera::kube_stub
