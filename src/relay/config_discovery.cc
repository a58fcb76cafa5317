#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "relay/config_read.h"

namespace tessera::relay {
namespace {

/// What the API server can select pods by.
const std::vector<std::string_view> kPodFields = {
    "metadata.name",      "metadata.namespace",      "spec.hostNetwork",         "spec.nodeName", "spec.restartPolicy",
    "spec.schedulerName", "spec.serviceAccountName", "status.nominatedNodeName", "status.phase",  "status.podIP",
    "status.podIPs"};

Result<void> check_field_selector(const config::Node& node, std::string_view text) {
  for (const auto term : split(text, ',')) {
    const auto equals = term.find('=');
    if (equals == std::string_view::npos) return node.error("expected a field selector such as spec.nodeName=worker-1");
    auto field = term.substr(0, equals);
    if (field.ends_with('!')) field.remove_suffix(1);
    field = trim(field);
    if (std::ranges::count(kPodFields, field) == 0)
      return node.error(fmt::format("pods cannot be selected by the field '{}'; there are {}", valid_utf8(field),
                                    fmt::join(kPodFields, ", ")));
  }
  return {};
}

Result<FileDiscovery> read_file_discovery(const Section& section) {
  TRY(section.only({"files", "refresh_interval"}));
  FileDiscovery out;
  TRY(section.read_period("refresh_interval", out.refresh));
  const auto files = section.find("files");
  const auto items = files ? TRY(files->list()) : std::vector<config::Node>();
  if (items.empty()) return section.node().error("files is missing");
  for (const auto& item : items) {
    const std::string path = TRY(item.text());
    const auto name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
    if (!name.ends_with(".json") && !name.ends_with(".yml") && !name.ends_with(".yaml"))
      return item.error("expected a path that ends in .json, .yml or .yaml");
    if (path.substr(0, path.size() - name.size()).find_first_of("*?[") != std::string::npos ||
        std::ranges::count(name, '*') > 1 || path.find('\0') != std::string::npos)
      return item.error("only the last part of a path may have a *, and only one");
    out.files.push_back((section.reading().folder / path).string());
  }
  return out;
}

Result<void> read_selectors(const Section& section, PodDiscovery& into) {
  const auto items = TRY(section.each("selectors"));
  for (const Section& item : items) {
    TRY(item.only({"role", "label", "field"}));
    std::string role = "pod", label, field;
    TRY(item.read("role", role));
    TRY(item.read("label", label));
    TRY(item.read("field", field));
    if (role != "pod") return item.error("role", "only pods are discovered; expected pod");
    const auto parsed = parse_selector(label);
    if (!parsed) return item.error("label", parsed.error().what);
    into.select.insert(into.select.end(), parsed->begin(), parsed->end());
    if (field.empty()) continue;
    TRY(check_field_selector(*item.find("field"), field));
    into.field_selector += (into.field_selector.empty() ? "" : ",") + field;
  }
  return {};
}

Result<PodDiscovery> read_kubernetes(const Section& section) {
  std::vector<std::string_view> known = {"role", "namespaces", "selectors", "api_server", "attach_metadata"};
  known.insert(known.end(), http_keys().begin(), http_keys().end());
  std::vector<Foreign> foreign = http_foreign();
  foreign.push_back({"kubeconfig_file", Foreign::Treatment::Refused,
                     "write api_server with authorization and tls_config, or nothing inside the cluster"});
  TRY(section.only(known, foreign));
  PodDiscovery out;
  std::string role;
  TRY(section.read("role", role));
  if (role != "pod")
    return section.error(
        "role", fmt::format("not supported: '{}'; only pods are discovered, write role: pod", valid_utf8(role)));
  if (const auto namespaces = section.below("namespaces")) {
    TRY(namespaces->only({"own_namespace", "names"}));
    TRY(namespaces->read("own_namespace", out.namespaces.own));
    TRY(namespaces->read("names", out.namespaces.names));
  }
  if (const auto attached = section.below("attach_metadata"))
    TRY(attached->only({}, {{"node", Foreign::Treatment::RefusedOn, "labels of nodes are not read"},
                            {"namespace", Foreign::Treatment::RefusedOn, "labels of namespaces are not read"}}));
  TRY(read_selectors(section, out));
  out.http = TRY(read_http(section));
  if (section.has("api_server")) out.api_server = TRY(read_url(section, "api_server", out.http));
  if (out.api_server.empty() && out.http != HttpSettings())
    return section.node().error("authentication, TLS and proxies belong to an api_server, which is missing");
  return out;
}

}  // namespace

Result<HttpDiscovery> read_http_discovery(const Section& section) {
  HttpDiscovery out;
  out.http = TRY(read_http(section));
  TRY(section.read_period("refresh_interval", out.refresh));
  out.url = TRY(read_url(section, "url", out.http));
  return out;
}

Result<std::vector<TargetGroup>> read_static(const Section& section, std::string_view key) {
  std::vector<TargetGroup> out;
  const auto items = TRY(section.each(key));
  for (const Section& item : items) out.push_back(TRY(read_target_group(item.node())));
  return out;
}

Result<std::vector<Discovery>> read_discoveries(const Section& section) {
  std::vector<Discovery> out;
  auto groups = TRY(read_static(section, "static_configs"));
  if (!groups.empty()) out.emplace_back(StaticDiscovery{std::move(groups)});
  const auto files = TRY(section.each("file_sd_configs"));
  for (const Section& item : files) out.emplace_back(TRY(read_file_discovery(item)));
  std::vector<std::string_view> known = {"url", "refresh_interval"};
  known.insert(known.end(), http_keys().begin(), http_keys().end());
  const auto urls = TRY(section.each("http_sd_configs"));
  for (const Section& item : urls) {
    TRY(item.only(known, http_foreign()));
    out.emplace_back(TRY(read_http_discovery(item)));
  }
  const auto clusters = TRY(section.each("kubernetes_sd_configs"));
  for (const Section& item : clusters) out.emplace_back(TRY(read_kubernetes(item)));
  return out;
}

}  // namespace tessera::relay
