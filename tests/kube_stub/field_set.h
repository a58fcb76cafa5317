#pragma once
// Which fields of an object somebody has set, as server-side apply counts them: lists that merge by keys item by item,
// all other lists as one value. Pure.
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace tessera::kube_stub {

/// As managedFields writes it: "f:spec", `k:{"name":"a"}`, `v:"x"`.
using FieldPath = std::vector<std::string>;
using Fields = std::set<FieldPath>;

/// The leaves of an object, without what the server owns in it (names, versions, status).
Fields fields_of(const nlohmann::json& object);

/// Null: there is none.
const nlohmann::json* value_at(const nlohmann::json& object, const FieldPath& path);
void remove_at(nlohmann::json& object, const FieldPath& path);

/// `live` with all that `applied` says.
nlohmann::json merged(const nlohmann::json& live, const nlohmann::json& applied);

/// ".spec.containers[name=\"a\"].image", as conflicts name it.
std::string dotted(const FieldPath& path);

nlohmann::json fields_v1(const Fields& fields);
Fields from_fields_v1(const nlohmann::json& tree);

}  // namespace tessera::kube_stub
