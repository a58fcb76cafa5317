#pragma once
// The checks of `tessera doctor`, as a table. Each looks at one thing and gives a finding for everything that it saw
// there; none where the thing does not apply to this node. They read, and change nothing.
#include <span>
#include <string_view>

#include "cli/finding.h"
#include "cli/node.h"

namespace tessera::cli {

struct Check {
  std::string_view name;      ///< "kernel-module"; fixed, scripts rely on it
  std::string_view looks_at;  ///< for the help text
  Findings (*run)(const Node&);
};
std::span<const Check> checks();

// check_driver.cc
Findings check_gpus_on_bus(const Node& node);
Findings check_driver(const Node& node);
Findings check_kernel_module(const Node& node);
Findings check_functions(const Node& node);
Findings check_device_files(const Node& node);
// check_devices.cc
Findings check_devices(const Node& node);
Findings check_memory_health(const Node& node);
Findings check_profiling(const Node& node);
Findings check_persistence(const Node& node);
// check_mig.cc
Findings check_mig(const Node& node);
Findings check_mig_rights(const Node& node);
// check_containers.cc
Findings check_container_toolkit(const Node& node);
Findings check_dcgm(const Node& node);
// check_processes.cc
Findings check_proc(const Node& node);
Findings check_pid_namespace(const Node& node);
Findings check_cgroups(const Node& node);
Findings check_attribution(const Node& node);
// check_kubernetes.cc
Findings check_kubelet(const Node& node);
Findings check_pod_logs(const Node& node);
// check_textfile.cc
Findings check_textfile(const Node& node);
// check_endpoints.cc
Findings check_node_exporter(const Node& node);
Findings check_agent(const Node& node);
// check_host.cc
Findings check_clock(const Node& node);
Findings check_host(const Node& node);

}  // namespace tessera::cli
