#include "tests/e2e_operator/operated.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "http/client.h"
#include "operator/rights.h"

namespace tessera::e2e {
namespace {

constexpr const char* kUser = "system:serviceaccount:monitoring:tessera-operator";

Json space(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
}

Json rolled_out(const Json& object) {
  const auto generation = object.at("metadata").at("generation");
  if (object.at("kind") == "DaemonSet")
    return {{"observedGeneration", generation}, {"desiredNumberScheduled", 2}, {"currentNumberScheduled", 2},
            {"updatedNumberScheduled", 2},      {"numberAvailable", 2},        {"numberReady", 2}};
  const auto replicas = object.at("spec").at("replicas");
  return {{"observedGeneration", generation},
          {"replicas", replicas},
          {"updatedReplicas", replicas},
          {"readyReplicas", replicas},
          {"availableReplicas", replicas}};
}

}  // namespace

const Json kEverything = Json::parse(R"({"features": {
    "openAgent": {"enabled": true},
    "k8sAgent": {"masterAgent": {"enabled": true}, "nodeAgent": {"enabled": true}, "gpuMonitoring": {"enabled": true}}}})");

Operated::Operated() {
  store().add_resource({"tessera.dev", "v1alpha1", "gpumonitors", "GpuMonitor", false, {}});
  store().ask_for_namespaces();
  put(space("monitoring"));
  put(space("default"));
  put(Json::parse(operate::operator_role().dump()));
  put({{"apiVersion", "rbac.authorization.k8s.io/v1"},
       {"kind", "ClusterRoleBinding"},
       {"metadata", {{"name", "tessera-operator"}}},
       {"roleRef", {{"kind", "ClusterRole"}, {"name", "tessera-operator"}}},
       {"subjects", {{{"kind", "ServiceAccount"}, {"namespace", "monitoring"}, {"name", "tessera-operator"}}}}});
  stub().ask_for_rights({{"first", kUser}, {"second", kUser}});
}

std::unique_ptr<Child> Operated::start() {
  std::vector<std::string> command{TESSERA_BUILD_DIR "/bin/tessera-operator", "--address", "127.0.0.1:0",
                                   "--lease-duration", "5s"};
  for (const std::string& flag : cluster_.flags()) command.push_back(flag);
  auto out = std::make_unique<Child>(command, cluster_.environment());
  EXPECT_TRUE(out->says("operator ready")) << out->output();
  return out;
}

std::string Operated::page(Child& replica, const std::string& path) const {
  std::string address = replica.after("operator ready address=");
  http::ClientRequest request;
  request.url = "http://" + address.substr(0, address.find_first_of(" \n")) + path;
  http::Client client;
  const auto reply = client.send(request);
  return reply ? reply->body : "";
}

kube_stub::Resource Operated::resource_of(const std::string& kind) const {
  for (const auto& one : cluster_.stub().store().resources())
    if (one.kind == kind) return one;
  ADD_FAILURE() << "no such kind: " << kind;
  return {};
}

void Operated::put(const Json& object) {
  const auto answer = store().put(object);
  EXPECT_LT(answer.code, 300) << answer.body->dump();
}

void Operated::ask(const Json& spec, const std::string& name) {
  const Json there = find("GpuMonitor", "", name);
  const Json object{
      {"apiVersion", "tessera.dev/v1alpha1"}, {"kind", "GpuMonitor"}, {"metadata", {{"name", name}}}, {"spec", spec}};
  const auto resource = resource_of("GpuMonitor");
  const auto answer =
      there.is_null()
          ? store().create(resource, "", object, {.manager = "kubectl"})
          : store().patch(resource, "", name, Json::array({{{"op", "replace"}, {"path", "/spec"}, {"value", spec}}}),
                          "application/json-patch+json", "", {.manager = "kubectl"});
  EXPECT_LT(answer.code, 300) << answer.body->dump();
}

void Operated::remove(const std::string& kind, const std::string& space, const std::string& name) {
  EXPECT_LT(store().remove(resource_of(kind), space, name).code, 300) << kind << name;
}

Json Operated::find(const std::string& kind, const std::string& space, const std::string& name) const {
  const auto answer = cluster_.stub().store().get(resource_of(kind), space, name);
  return answer.code == 200 ? *answer.body : Json();
}

std::vector<Json> Operated::all(const std::string& kind) const {
  std::vector<Json> out;
  for (const auto& one : cluster_.stub().store().list(resource_of(kind), "").items) out.push_back(*one);
  return out;
}

void Operated::change(const std::string& kind, const std::string& space, const std::string& name, const Json& patch,
                      const std::string& manager) {
  const auto answer =
      store().patch(resource_of(kind), space, name, patch, "application/merge-patch+json", "", {.manager = manager});
  EXPECT_LT(answer.code, 300) << answer.body->dump();
}

void Operated::apply_as_operator(const Json& object) {
  const Json& metadata = object.at("metadata");
  const auto answer =
      store().patch(resource_of(object.at("kind")), metadata.at("namespace"), metadata.at("name"), object,
                    "application/apply-patch+yaml", "", {.manager = "tessera-operator", .force = true});
  EXPECT_LT(answer.code, 300) << answer.body->dump();
}

void Operated::play_controllers() {
  for (const auto* kind : {"DaemonSet", "Deployment", "StatefulSet"})
    for (const Json& object : all(kind)) {
      Json status = rolled_out(object);
      if (object.value("status", Json()) == status) continue;
      const Json& metadata = object.at("metadata");
      store().patch(resource_of(kind), metadata.at("namespace"), metadata.at("name"), {{"status", std::move(status)}},
                    "application/merge-patch+json", "status");
    }
}

Json Operated::condition(const std::string& type, const std::string& name) const {
  const Json monitor = find("GpuMonitor", "", name);
  if (!monitor.is_object()) return {};
  for (const Json& one : monitor.value("status", Json::object()).value("conditions", Json::array()))
    if (one.at("type") == type) return one;
  return {};
}

bool Operated::has_condition(const std::string& type, const std::string& status, const std::string& reason,
                             const std::string& message) const {
  const Json one = condition(type);
  return one.is_object() && one.at("status") == status && (reason.empty() || one.at("reason") == reason) &&
         one.at("message").get<std::string>().find(message) != std::string::npos;
}

bool Operated::becomes_ready() {
  return eventually([&] {
    play_controllers();
    const Json monitor = find("GpuMonitor", "", "gpus");
    return has_condition("Ready", "True") && has_condition("Progressing", "False") && has_event("Ready") &&
           monitor.at("status").at("observedGeneration") == monitor.at("metadata").at("generation");
  });
}

bool Operated::has_event(const std::string& reason, const std::string& text) const {
  return std::ranges::any_of(all("Event"), [&](const Json& event) {
    return event.value("reason", "") == reason && event.value("message", "").find(text) != std::string::npos;
  });
}

std::vector<kube_stub::Logged> Operated::writes() const {
  auto out = cluster_.stub().log();
  std::erase_if(out, [](const kube_stub::Logged& one) {
    return one.method == "GET" || one.path.find("/leases") != std::string::npos;
  });
  return out;
}

}  // namespace tessera::e2e
