#include "server/admission/review.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/text.h"
#include "kube/json_slice.h"
#include "server/admission/labels.h"
#include "server/api_json.h"
#include "server/cluster_objects.h"

namespace tessera::server {
namespace {

constexpr std::size_t kLongestWarning = 240;  // the API server cuts those of more than 256 bytes
constexpr std::size_t kLongestUid = 256;
constexpr int kRefused = 422;

std::string_view at(std::string_view object, std::string_view name) { return kube::member(object, name).value_or(""); }
bool is_object(std::string_view value) { return value.starts_with('{'); }

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

/// What becomes of the pod.
struct Ruling {
  std::string refused{};  ///< why; empty: it is let in
  std::vector<std::string> warnings{};
  Json patch = Json::array();
};

Ruling untouched(std::string warning = {}) {
  Ruling out;
  if (!warning.empty()) out.warnings.push_back(std::move(warning));
  return out;
}

Ruling refused(std::string why) {
  Ruling out;
  out.refused = std::move(why);
  return out;
}

Reviewed outcome_of(const Ruling& ruling) {
  if (!ruling.refused.empty()) return Reviewed::Refused;
  if (!ruling.patch.empty()) return Reviewed::Gated;
  return ruling.warnings.empty() ? Reviewed::Untouched : Reviewed::Warned;
}

std::string written(std::string_view version, std::string_view uid, const Ruling& ruling) {
  Json response = {{"uid", valid_utf8(uid)}, {"allowed", ruling.refused.empty()}};
  if (!ruling.refused.empty())
    response["status"] = {
        {"code", kRefused}, {"reason", "Invalid"}, {"message", "tessera: " + clipped(ruling.refused)}};
  for (const std::string& warning : ruling.warnings)
    response["warnings"].push_back("tessera: " + clipped(warning, kLongestWarning));
  if (!ruling.patch.empty()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = base64(json_text(ruling.patch));
  }
  return json_text(Json{{"apiVersion", version}, {"kind", "AdmissionReview"}, {"response", std::move(response)}});
}

struct Container {
  std::string name;
  std::string_view resources;  ///< as it is written; empty: there are none
};

std::vector<Container> containers_of(std::string_view spec) {
  std::vector<Container> out;
  kube::each_item(at(spec, "containers"),
                  [&](std::string_view one) { out.push_back({kube::text_member(one, "name"), at(one, "resources")}); });
  return out;
}

/// The position of the container that gets the device: the one that is named, else the first.
Result<std::size_t> chosen(const std::vector<Container>& containers, const fleet::LabelMap& labels) {
  const auto label = labels.find(std::string(kContainerLabel));
  if (containers.empty()) return fail(Code::Invalid, "the pod has no container");
  if (label == labels.end()) return std::size_t{0};
  const auto found = std::ranges::find(containers, label->second, &Container::name);
  if (found != containers.end()) return static_cast<std::size_t>(found - containers.begin());
  std::string names;
  for (const Container& one : containers) names += (names.empty() ? "" : ", ") + one.name;
  return fail(Code::Invalid, "label {}: the pod has no container '{}', but {}", kContainerLabel, label->second, names);
}

void add(Json& patch, const std::string& path, Json value) {
  patch.push_back({{"op", "add"}, {"path", path}, {"value", std::move(value)}});
}

/// A name as a part of a JSON pointer.
std::string pointed(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  return out;
}

/// Adds a member to an object that may be missing.
void add_member(Json& patch, const std::string& object, bool is_there, std::string_view name, Json value) {
  if (is_there) return add(patch, object + '/' + pointed(name), std::move(value));
  add(patch, object, Json{{std::string(name), std::move(value)}});
}

/// Nodes with GPUs are tainted by it as a rule, so that only who needs one comes.
const fleet::Toleration kGpuTaint{"nvidia.com/gpu", "Exists", "", ""};

bool tolerates_gpu_taint(const fleet::NodeDemands& demands) {
  return std::ranges::any_of(demands.tolerations, [](const fleet::Toleration& one) {
    return (one.key == kGpuTaint.key || one.key.empty()) && one.op == "Exists" && one.effect.empty();
  });
}

void add_toleration(Json& patch, std::string_view spec, const fleet::NodeDemands& demands) {
  if (tolerates_gpu_taint(demands)) return;
  const Json one{{"key", kGpuTaint.key}, {"operator", kGpuTaint.op}};
  const bool some = at(spec, "tolerations").starts_with('[');
  some ? add(patch, "/spec/tolerations/-", one) : add(patch, "/spec/tolerations", Json::array({one}));
}

Json patch_of(std::string_view pod, std::size_t container, const Foreseen& seen, const fleet::NodeDemands& demands) {
  Json out = Json::array();
  const std::string_view spec = at(pod, "spec"), metadata = at(pod, "metadata");
  const Json gate = {{"name", kGate}};
  const bool gated = at(spec, "schedulingGates").starts_with('[');
  gated ? add(out, "/spec/schedulingGates/-", gate) : add(out, "/spec/schedulingGates", Json::array({gate}));
  const std::string_view resources = containers_of(spec)[container].resources;
  const std::string where = fmt::format("/spec/containers/{}/resources", container);
  const std::string amount = std::to_string(seen.count);
  if (!is_object(resources)) add(out, where, Json::object());
  for (const std::string_view kind : {"limits", "requests"})
    add_member(out, fmt::format("{}/{}", where, kind), is_object(at(resources, kind)), seen.resource, amount);
  add_toleration(out, spec, demands);
  const std::string note = fmt::format("{} {}, by what was so at admission: {}", amount, seen.resource, seen.sentence);
  add_member(out, "/metadata/annotations", is_object(at(metadata, "annotations")), kDecisionNote, clipped(note));
  return out;
}

/// Without the engine where it has no choice: a device that is not cut has one name.
Result<Foreseen> foreseen(const ReviewGround& ground, const AllocationWish& wish) {
  auto seen = ground.foresee(wish);
  const bool whole = wish.need.mig == fleet::decision::MigUse::Never || wish.need.devices > 1;
  if (seen || seen.error().code == Code::NotFound || !whole) return seen;
  return Foreseen{"nvidia.com/gpu", wish.need.devices, false, seen.error().what};
}

Ruling rule_on_pod(std::string_view request, std::string_view object, const ReviewGround& ground) {
  const fleet::ClusterPod pod = read_pod(object);
  if (!asks_by_label(pod.labels)) return untouched();
  // We have been asked before; where the API server is too old for gates, the note tells it beside what we had it ask
  // for. Without that the note is one that somebody has copied.
  const bool has_note = pod.notes.contains(std::string(kDecisionNote));
  if (std::ranges::count(pod.gates, kGate) > 0 || (has_note && pod.asks_for_gpus())) return untouched();
  if (pod.asks_for_gpus()) return untouched("labels of tessera.dev/ have no effect on a pod that asks for GPUs itself");
  if (!pod.node.empty()) return untouched("labels of tessera.dev/ have no effect on a pod that has its node");
  const auto container = chosen(containers_of(at(object, "spec")), pod.labels);
  if (!container) return refused(container.error().what);
  const std::string space = kube::text_member(request, "namespace");
  // One that is named by the API server has no name yet, and what is decided does not depend on it.
  auto wish = wish_of_labels(pod.labels, {.cluster = ground.cluster,
                                          .space = space.empty() ? pod.space : space,
                                          .pod = pod.name.empty() ? "unnamed" : pod.name,
                                          .priority = pod.priority});
  if (!wish) return refused(wish.error().what);
  wish->demands = pod.demands;
  if (!tolerates_gpu_taint(pod.demands)) wish->demands->tolerations.push_back(kGpuTaint);
  const auto seen = foreseen(ground, *wish);
  if (!seen && seen.error().code == Code::NotFound)
    return refused(fmt::format("no device could serve this pod if all were free. {}", seen.error().what));
  if (!seen)
    return untouched(fmt::format(
        "the pod starts WITHOUT a GPU, since none can be chosen now: {}; create it again later", seen.error().what));
  Ruling out;
  out.patch = patch_of(object, *container, *seen, pod.demands);
  if (!seen->hint.empty()) out.warnings.push_back(seen->hint);
  if (!seen->now) out.warnings.push_back("the pod will wait for a GPU: " + seen->sentence);
  if (auto strange = strange_label(pod.labels)) out.warnings.push_back(*std::move(strange));
  return out;
}

Ruling rule_on(std::string_view request, const ReviewGround& ground) {
  const std::string_view kind = at(request, "kind");
  if (kube::text_member(kind, "kind") != "Pod" || !kube::text_member(kind, "group").empty())
    return untouched(fmt::format("this webhook is for pods, and not for kind '{}'", kube::text_member(kind, "kind")));
  if (kube::text_member(request, "operation") != "CREATE" || !kube::text_member(request, "subResource").empty())
    return untouched();
  const std::string_view object = at(request, "object");
  if (!is_object(object)) return untouched("the review has no object");
  return rule_on_pod(request, object, ground);
}

}  // namespace

std::string answer_review(std::string_view body, const ReviewGround& ground) {
  constexpr std::string_view kVersion = "admission.k8s.io/v1";
  const bool readable = kube::is_json(body) && is_object(trim(body));
  const std::string_view review = readable ? trim(body) : "{}";
  const std::string version = kube::text_member(review, "apiVersion");
  const std::string_view request = at(review, "request");
  const std::string uid = kube::text_member(request, "uid").substr(0, kLongestUid);
  const bool is_review = kube::text_member(review, "kind") == "AdmissionReview" && is_object(request);
  const Ruling ruling = is_review ? rule_on(request, ground) : untouched("the body is no AdmissionReview");
  if (ground.count) ground.count(outcome_of(ruling));
  // The same version is spoken back, of which there is v1beta1 too; both have these members.
  return written(version.starts_with("admission.k8s.io/") && version.size() < 64 ? valid_utf8(version) : kVersion, uid,
                 ruling);
}

}  // namespace tessera::server
