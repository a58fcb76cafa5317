#pragma once
// Who a workload belongs to, by the labels of its pod and its namespace.
#include <set>
#include <string>
#include <string_view>

#include "fleet/cluster/cluster.h"

namespace tessera::fleet {

/// The first of these labels names the team, unless the settings say otherwise.
const std::vector<std::string>& default_team_labels();

/// The namespace's team; empty where nobody says, as in a cluster that is not watched. This is what a restriction to a
/// team rests on: whoever may create pods in a namespace may label them as he likes, but not the namespace.
std::string_view team_of_namespace(const ClusterView& view, std::string_view cluster, std::string_view space);

/// The pod's own team, else its namespace's: for sums by team. `pod` may be empty.
std::string_view team_of(const ClusterView& view, std::string_view cluster, std::string_view space,
                         std::string_view pod);

/// The namespaces of a team, by team_of_namespace().
std::set<std::string> namespaces_of_team(const ClusterView& view, std::string_view team);

}  // namespace tessera::fleet
