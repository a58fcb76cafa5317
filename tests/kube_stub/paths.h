#pragma once
// What a path of the API names, and the pages by which clients find out what there is. Pure.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/kube_stub/store.h"

namespace tessera::kube_stub {

struct Target {
  Resource resource{};
  std::string space{};  ///< namespace; empty: all, or none
  std::string name{};   ///< empty: the collection
  std::string part{};   ///< subresource
};
std::optional<Target> target_of(std::string_view path, const std::vector<Resource>& resources);

/// /version, /api, /apis and what is below them, health and OpenAPI; nullopt for other paths.
std::optional<Answer> discover(std::string_view path, const std::vector<Resource>& resources, unsigned minor);

/// Names and values of a query, decoded; of a repeated name the last.
std::map<std::string, std::string> query_of(std::string_view query);

}  // namespace tessera::kube_stub
