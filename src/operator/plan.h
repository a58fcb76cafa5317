#pragma once
// What a GpuMonitor asks of a cluster: objects, as a pure function of the resource and of what is known of the cluster.
// Who applies them (server-side, each with one field manager) and deletes what is left over is another.
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/spec.h"

namespace tessera::operate {

struct Facts {
  unsigned minor = 30;                       ///< of the API server's version 1.MINOR
  std::set<std::string> foreign_namespaces;  ///< that are there and were not made by this operator
};

/// A Secret of API keys, which is made once where it is missing and never changed: no function of the resource.
struct KeySecret {
  std::string home, name;
  std::vector<std::string> keys;
};

struct Plan {
  std::vector<nlohmann::ordered_json> objects;  ///< in the order to apply them in; of a kind by namespace and name
  std::vector<KeySecret> secrets;
  std::vector<std::string> notes;  ///< what was asked for and is not done, a sentence each
};

Plan make_plan(const GpuMonitor& monitor, const Facts& facts);

/// A kind of which the operator makes objects. To prune: list each by inventory_labels().
struct Kind {
  std::string_view api_version, kind, plural;
  bool namespaced = true;
};
std::vector<Kind> kinds(const Facts& facts);
TextMap inventory_labels(const GpuMonitor& monitor);

struct ObjectKey {
  std::string api_version, kind, home, name;  ///< `home`: the namespace; empty: of the cluster
  auto operator<=>(const ObjectKey&) const = default;
};
ObjectKey key_of(const nlohmann::ordered_json& object);

/// Of what is there, what the plan does not have any more. Namespaces stay, for others may have put something there,
/// and so do volumes: a feature that is switched off for an hour must not cost its past.
std::vector<ObjectKey> left_over(const std::vector<ObjectKey>& present, const Plan& plan);

}  // namespace tessera::operate
