#include "tests/kube_stub/paths.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "http/router.h"

namespace tessera::kube_stub {
namespace {

Answer ok(Json body) { return {200, std::make_shared<const Json>(std::move(body))}; }

std::string decoded(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return http::percent_decoded(spaced).value_or(spaced);
}

Json resource_list(std::string_view group_version, const std::vector<Resource>& resources) {
  Json list = Json::array();
  for (const auto& r : resources) {
    if (r.api_version() != group_version) continue;
    std::string singular = r.kind;
    std::transform(singular.begin(), singular.end(), singular.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    list.push_back({{"name", r.plural},
                    {"singularName", singular},
                    {"namespaced", r.namespaced},
                    {"kind", r.kind},
                    {"shortNames", r.short_names},
                    {"verbs", {"create", "delete", "get", "list", "patch", "update", "watch"}}});
    list.push_back({{"name", r.plural + "/status"},
                    {"singularName", ""},
                    {"namespaced", r.namespaced},
                    {"kind", r.kind},
                    {"verbs", {"get", "patch", "update"}}});
  }
  return {{"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"groupVersion", group_version}, {"resources", list}};
}

Json groups(const std::vector<Resource>& resources) {
  std::map<std::string, std::string> versions;
  for (const auto& r : resources)
    if (!r.group.empty()) versions[r.group] = r.version;
  Json list = Json::array();
  for (const auto& [group, version] : versions) {
    const Json preferred = {{"groupVersion", group + "/" + version}, {"version", version}};
    list.push_back({{"name", group}, {"versions", {preferred}}, {"preferredVersion", preferred}});
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", list}};
}

}  // namespace

std::optional<Target> target_of(std::string_view path, const std::vector<Resource>& resources) {
  std::vector<std::string> parts;
  for (const auto part : split(path, '/'))
    if (!part.empty()) parts.push_back(decoded(part));
  const bool core = !parts.empty() && parts[0] == "api";
  if (!core && (parts.empty() || parts[0] != "apis")) return std::nullopt;
  const std::size_t at = core ? 2 : 3;
  if (parts.size() <= at) return std::nullopt;
  Target target;
  const std::string group_version = core ? parts[1] : parts[1] + "/" + parts[2];
  std::vector<std::string> rest(parts.begin() + static_cast<std::ptrdiff_t>(at), parts.end());
  if (rest.size() > 2 && rest[0] == "namespaces") {
    target.space = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  const auto found = std::find_if(resources.begin(), resources.end(), [&](const Resource& r) {
    return r.plural == rest[0] && r.api_version() == group_version;
  });
  if (found == resources.end() || rest.size() > 3) return std::nullopt;
  target.resource = *found;
  if (rest.size() > 1) target.name = rest[1];
  if (rest.size() > 2) target.part = rest[2];
  return target;
}

std::optional<Answer> discover(std::string_view path, const std::vector<Resource>& resources, unsigned minor) {
  if (path == "/version")
    return ok({{"major", "1"},
               {"minor", std::to_string(minor)},
               {"gitVersion", "v1." + std::to_string(minor) + ".0-stub"},
               {"platform", "linux/amd64"}});
  if (path == "/healthz" || path == "/livez" || path == "/readyz") return ok("ok");
  if (path == "/openapi/v3") return ok({{"paths", Json::object()}});
  if (path == "/openapi/v2") return ok({{"swagger", "2.0"}, {"paths", Json::object()}});
  if (path == "/api") return ok({{"kind", "APIVersions"}, {"versions", {"v1"}}});
  if (path == "/apis") return ok(groups(resources));
  const std::string_view prefix = path.starts_with("/apis/") ? "/apis/" : "/api/";
  if (!path.starts_with(prefix)) return std::nullopt;
  const std::string_view group_version = path.substr(prefix.size());
  const bool served = std::any_of(resources.begin(), resources.end(), [&](const Resource& r) {
    return r.api_version() == group_version && r.group.empty() == (prefix == "/api/");
  });
  if (!served) return std::nullopt;
  return ok(resource_list(group_version, resources));
}

std::map<std::string, std::string> query_of(std::string_view query) {
  std::map<std::string, std::string> values;
  for (const auto pair : split(query, '&')) {
    if (pair.empty()) continue;
    const auto sign = pair.find('=');
    values[decoded(pair.substr(0, sign))] = sign == std::string_view::npos ? "" : decoded(pair.substr(sign + 1));
  }
  return values;
}

}  // namespace tessera::kube_stub
