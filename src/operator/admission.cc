// Kubernetes' door to allocations: the webhook that API servers call for pods with one of our labels, and the port of
// the server that answers it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/base64.h"
#include "operator/components.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFolder = "/etc/tessera-admission";

Part admission_part(const Making& making) {
  return {std::string(kAdmission), "tessera-server", "server", making.spec().home, ""};
}

/// A pod asks for a device by any of these labels (docs/allocation.md). An objectSelector holds only where all of it
/// does, so each label has a webhook.
constexpr std::string_view kOptIns[] = {"gpu-memory",         "gpu-share", "gpu-count",
                                        "gpu-compute-slices", "gpu-model", "serving-model"};

/// With this label, and none of those before it: of a pod with two of them is asked once.
Json object_selector(std::string_view opt_in) {
  Json terms = Json::array();
  for (const std::string_view one : kOptIns) {
    terms.push_back(
        {{"key", fmt::format("{}/{}", kGroup, one)}, {"operator", one == opt_in ? "Exists" : "DoesNotExist"}});
    if (one == opt_in) break;
  }
  return {{"matchExpressions", std::move(terms)}};
}

/// Never those that the cluster, or we ourselves, need to come up again.
Json namespace_selector(const std::string& home) {
  return {{"matchExpressions", Json::array({{{"key", "kubernetes.io/metadata.name"},
                                             {"operator", "NotIn"},
                                             {"values", Json::array({"kube-system", home})}}})}};
}

Json client_config(const Making& making) {
  Json out{{"service",
            {{"name", kAdmission}, {"namespace", making.spec().home}, {"path", "/admission/pods"}, {"port", 443}}}};
  if (!making.facts.authorities.empty()) out["caBundle"] = base64(making.facts.authorities);
  return out;
}

Json webhook(const Making& making, std::string_view opt_in) {
  return {{"name", fmt::format("{}.{}", opt_in, kGroup)},
          {"clientConfig", client_config(making)},
          {"rules", Json::array({{{"apiGroups", Json::array({""})},
                                  {"apiVersions", Json::array({"v1"})},
                                  {"operations", Json::array({"CREATE"})},
                                  {"resources", Json::array({"pods"})},
                                  {"scope", "Namespaced"}}})},
          {"objectSelector", object_selector(opt_in)},
          {"namespaceSelector", namespace_selector(making.spec().home)},
          // A server that is away must not hold up anybody's pods.
          {"failurePolicy", "Ignore"},
          {"timeoutSeconds", 3},
          {"matchPolicy", "Equivalent"},
          {"sideEffects", "None"},
          {"reinvocationPolicy", "IfNeeded"},
          {"admissionReviewVersions", Json::array({"v1"})}};
}

Json certificate(const Making& making, const Part& part, const IssuerRef& issuer) {
  const std::string host = fmt::format("{}.{}.svc", part.name, part.home);
  Json out = object(making, "Certificate", part);
  out["spec"] = {{"secretName", part.name},
                 {"dnsNames", Json::array({host, host + ".cluster.local"})},
                 {"issuerRef", {{"name", issuer.name}, {"kind", issuer.kind}, {"group", issuer.group}}},
                 {"privateKey", {{"algorithm", "ECDSA"}, {"size", 256}, {"rotationPolicy", "Always"}}},
                 {"usages", Json::array({"digital signature", "server auth"})}};
  return out;
}

}  // namespace

Json admission_settings() {
  return {{"address", fmt::format("0.0.0.0:{}", kAdmissionPort)},
          {"certificate", fmt::format("{}/tls.crt", kFolder)},
          {"key", fmt::format("{}/tls.key", kFolder)}};
}

void add_admission_rules(Json& rules) {
  // Its gate is taken from a pod, with the resource and the node that were found for it; why not, in an event.
  rules.push_back(
      {{"apiGroups", Json::array({""})}, {"resources", Json::array({"pods"})}, {"verbs", Json::array({"patch"})}});
  rules.push_back(
      {{"apiGroups", Json::array({""})}, {"resources", Json::array({"events"})}, {"verbs", Json::array({"create"})}});
}

/// The folder, so that a new certificate arrives; of the Secret only what the server needs.
void add_admission(const Making&, Json& pod, Json& container) {
  container["ports"].push_back({{"name", "admission"}, {"containerPort", kAdmissionPort}, {"protocol", "TCP"}});
  Json items = Json::array();
  for (const char* key : {kCertificate, kPrivateKey}) items.push_back({{"key", key}, {"path", key}});
  mount(pod, container, "admission", kFolder, true,
        {{"secret",
          {{"secretName", kAdmission},
           {"defaultMode", 0440},
           {"optional", true},  // the server goes on without, and takes it up when it comes
           {"items", std::move(items)}}}});
}

void make_admission(Making& making) {
  const Spec& spec = making.spec();
  if (!has_admission(spec)) return;
  const Part part = admission_part(making);
  Json front = service(making, part, kAdmissionPort);
  front["spec"]["ports"] =
      Json::array({{{"name", "admission"}, {"port", 443}, {"protocol", "TCP"}, {"targetPort", kAdmissionPort}}});
  add(making, std::move(front));
  Json configuration = object(making, kWebhookKind, part);
  for (const std::string_view one : kOptIns) configuration["webhooks"].push_back(webhook(making, one));
  if (const auto& manager = spec.server.admission.cert_manager) {
    configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] =
        fmt::format("{}/{}", part.home, part.name);
    if (making.facts.cert_manager)
      add(making, certificate(making, part, manager->issuer));
    else
      making.plan.notes.emplace_back(
          "server.admission.certManager is given, and the cluster has no cert-manager.io/v1: install cert-manager, or "
          "leave certManager out, and the operator makes the certificate");
  }
  add(making, std::move(configuration));
}

}  // namespace tessera::operate
