#include "kube/pod.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tessera::kube {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 64;  // real pods have some 12; a parsed tree is also destroyed recursively

/// A place in the document and its name, for errors. Absent and null are the same.
class Node {
 public:
  Node(const Json* json, std::string path) : json_(json && !json->is_null() ? json : nullptr), path_(std::move(path)) {}
  explicit operator bool() const { return json_ != nullptr; }

  Result<Node> at(const char* name) const {
    if (!json_) return Node(nullptr, path_ + "." + name);
    if (!json_->is_object()) return wrong("an object");
    const auto found = json_->find(name);
    return Node(found == json_->end() ? nullptr : &*found, path_ + "." + name);
  }
  Result<std::string> text() const {
    if (!json_) return std::string();
    if (!json_->is_string()) return wrong("a string");
    return json_->get_ref<const std::string&>();
  }
  Result<bool> truth() const {
    if (!json_) return false;
    if (!json_->is_boolean()) return wrong("true or false");
    return json_->get<bool>();
  }
  Result<std::uint16_t> port() const {
    if (!json_ || !json_->is_number_unsigned()) return wrong("a port number");
    const auto number = json_->get<std::uint64_t>();
    if (number == 0 || number > 65'535) return wrong("a port number");
    return static_cast<std::uint16_t>(number);
  }
  /// Calls `take(Node) -> Result<void>` for each item.
  template <class Take>
  Result<void> each(const Take& take) const {
    if (!json_) return {};
    if (!json_->is_array()) return wrong("a list");
    for (std::size_t i = 0; i < json_->size(); ++i) TRY(take(Node(&(*json_)[i], fmt::format("{}[{}]", path_, i))));
    return {};
  }
  Result<std::vector<std::string>> texts() const {
    std::vector<std::string> all;
    TRY(each([&](const Node& item) -> Result<void> {
      all.push_back(TRY(item.text()));
      return {};
    }));
    return all;
  }
  Result<std::map<std::string, std::string>> text_map() const {
    std::map<std::string, std::string> all;
    if (!json_) return all;
    if (!json_->is_object()) return wrong("an object");
    for (const auto& [key, value] : json_->items()) all[key] = TRY(Node(&value, path_ + "." + key).text());
    return all;
  }

 private:
  Error wrong(std::string_view wanted) const { return fail(Code::Invalid, "pod: {} is not {}", path_, wanted); }
  const Json* json_;
  std::string path_;
};

Result<PodContainer> read_container(const Node& from, bool init) {
  PodContainer container;
  container.init = init;
  container.name = TRY(TRY(from.at("name")).text());
  container.image = TRY(TRY(from.at("image")).text());
  container.command = TRY(TRY(from.at("command")).texts());
  container.args = TRY(TRY(from.at("args")).texts());
  container.sidecar = init && TRY(TRY(from.at("restartPolicy")).text()) == "Always";
  TRY(TRY(from.at("ports")).each([&](const Node& item) -> Result<void> {
    ContainerPort port;
    port.name = TRY(TRY(item.at("name")).text());
    port.number = TRY(TRY(item.at("containerPort")).port());
    if (const auto protocol = TRY(TRY(item.at("protocol")).text()); !protocol.empty()) port.protocol = protocol;
    container.ports.push_back(std::move(port));
    return {};
  }));
  return container;
}

Result<void> read_metadata(const Node& metadata, Pod& pod) {
  pod.name = TRY(TRY(metadata.at("name")).text());
  pod.space = TRY(TRY(metadata.at("namespace")).text());
  pod.uid = TRY(TRY(metadata.at("uid")).text());
  pod.labels = TRY(TRY(metadata.at("labels")).text_map());
  pod.annotations = TRY(TRY(metadata.at("annotations")).text_map());
  pod.deleting = static_cast<bool>(TRY(metadata.at("deletionTimestamp")));
  return TRY(metadata.at("ownerReferences")).each([&](const Node& owner) -> Result<void> {
    if (!TRY(TRY(owner.at("controller")).truth())) return {};
    pod.controller_kind = TRY(TRY(owner.at("kind")).text());
    pod.controller_name = TRY(TRY(owner.at("name")).text());
    return {};
  });
}

Result<void> read_spec(const Node& spec, Pod& pod) {
  pod.node = TRY(TRY(spec.at("nodeName")).text());
  pod.host_network = TRY(TRY(spec.at("hostNetwork")).truth());
  static constexpr struct {
    const char* list;
    bool init;
  } kLists[] = {{"initContainers", true}, {"containers", false}};
  for (const auto& [list, init] : kLists)
    TRY(TRY(spec.at(list)).each([&pod, of_init = init](const Node& item) -> Result<void> {
      pod.containers.push_back(TRY(read_container(item, of_init)));
      return {};
    }));
  return {};
}

Result<void> read_ids(const Node& statuses, bool init, Pod& pod) {
  return statuses.each([&](const Node& status) -> Result<void> {
    const std::string name = TRY(TRY(status.at("name")).text());
    const auto of = std::find_if(pod.containers.begin(), pod.containers.end(),
                                 [&](const PodContainer& c) { return c.init == init && c.name == name; });
    if (of != pod.containers.end()) of->id = TRY(TRY(status.at("containerID")).text());
    return {};
  });
}

Result<void> read_status(const Node& status, Pod& pod) {
  pod.phase = TRY(TRY(status.at("phase")).text());
  pod.ip = TRY(TRY(status.at("podIP")).text());
  pod.host_ip = TRY(TRY(status.at("hostIP")).text());
  if (!pod.ip.empty()) pod.ips.push_back(pod.ip);
  TRY(TRY(status.at("podIPs")).each([&](const Node& item) -> Result<void> {
    std::string ip = TRY(TRY(item.at("ip")).text());
    if (!ip.empty() && std::find(pod.ips.begin(), pod.ips.end(), ip) == pod.ips.end()) pod.ips.push_back(std::move(ip));
    return {};
  }));
  if (pod.ip.empty() && !pod.ips.empty()) pod.ip = pod.ips.front();
  TRY(TRY(status.at("conditions")).each([&](const Node& condition) -> Result<void> {
    if (TRY(TRY(condition.at("type")).text()) != "Ready") return {};
    const std::string now = TRY(TRY(condition.at("status")).text());
    if (now == "True" || now == "False") pod.ready = now == "True";
    return {};
  }));
  TRY(read_ids(TRY(status.at("initContainerStatuses")), true, pod));
  return read_ids(TRY(status.at("containerStatuses")), false, pod);
}

}  // namespace

Result<Pod> parse_pod(std::string_view json) {
  bool too_deep = false;
  const auto watch_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > static_cast<int>(kMaxDepth);
    return !too_deep;
  };
  const Json document = Json::parse(json.begin(), json.end(), watch_depth, false);
  if (too_deep) return fail(Code::Invalid, "pod: nested more than {} deep", kMaxDepth);
  if (document.is_discarded() || !document.is_object()) return fail(Code::Invalid, "pod: not a JSON object");
  const Node root(&document, "");
  Pod pod;
  TRY(read_metadata(TRY(root.at("metadata")), pod));
  if (pod.name.empty()) return fail(Code::Invalid, "pod: .metadata.name is missing");
  TRY(read_spec(TRY(root.at("spec")), pod));
  TRY(read_status(TRY(root.at("status")), pod));
  return pod;
}

}  // namespace tessera::kube
