#pragma once
// `tessera doctor --cluster`: what keeps GPUs of a Kubernetes cluster from being observed, and what to do about it.
#include "cli/cells.h"
#include "cli/doctor.h"
#include "cli/kubeconfig.h"

namespace tessera::cli {

struct ClusterSight;  // cluster_sight.h

/// What is looked at, for the help.
std::string_view cluster_checks_text();

Diagnosis examine_cluster(const ClusterPlace& place, const Environment& environment);

/// The findings of what was seen: pure.
Report judge_cluster(const ClusterSight& sight);

// cluster_nodes.cc: GPU nodes, and what is on them
Findings judge_gpu_nodes(const ClusterSight& sight);
Findings judge_device_plugin(const ClusterSight& sight);
Findings judge_agents(const ClusterSight& sight);
// cluster_workloads.cc: what is deployed, by which rights, and what comes of it
Findings judge_pod_security(const ClusterSight& sight);
Findings judge_rights(const ClusterSight& sight);
Findings judge_workloads(const ClusterSight& sight);
Findings judge_resource(const ClusterSight& sight);
Findings judge_targets(const ClusterSight& sight);

/// Why a pod does not do its work, in its own words; empty: it is ready.
std::string trouble_of(const JsonValue& pod);

}  // namespace tessera::cli
