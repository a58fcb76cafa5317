#pragma once
// Who may do what: the roles and bindings among the objects, as RBAC reads them. Pure but for the store.
#include <string>

#include "tests/kube_stub/store.h"

namespace tessera::kube_stub {

struct Ask {
  std::string user;                 ///< "system:serviceaccount:NAMESPACE:NAME"
  std::string verb;                 ///< "get", "list", "watch", "create", "update", "patch", "delete"
  std::string group{}, resource{};  ///< "apps", "daemonsets/status"
  std::string space{}, name{};      ///< empty: of all, or of none
};

bool is_allowed(const Store& store, const Ask& ask);

/// Whether the user may make this Role or ClusterRole, or this binding: only who has all rights of it may. Any other
/// object is nobody's grant.
bool may_grant(const Store& store, const std::string& user, const Json& object);

}  // namespace tessera::kube_stub
