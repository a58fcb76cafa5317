#pragma once
// What the operator may do in a cluster: the one list, which `--rights` prints and the chart's role is held against.
#include <nlohmann/json_fwd.hpp>

namespace tessera::operate {

/// The rules of its ClusterRole. They have every right that the operator's objects grant to others, for an API server
/// lets nobody grant what he has not.
nlohmann::ordered_json rights();

/// The ClusterRole with these rules.
nlohmann::ordered_json operator_role();

}  // namespace tessera::operate
