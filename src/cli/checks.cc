#include "cli/checks.h"

namespace tessera::cli {
namespace {

constexpr Check kChecks[] = {
    {"driver", "the driver library: found, started, its version", check_driver},
    {"kernel-module", "/proc/driver/nvidia/version against the library", check_kernel_module},
    {"functions", "what an old driver library lacks", check_functions},
    {"pci", "NVIDIA GPUs on the PCI bus against those of the driver", check_gpus_on_bus},
    {"device-files", "rights on /dev/nvidia*", check_device_files},
    {"devices", "whether each device answers", check_devices},
    {"memory-health", "ECC errors, retired pages, remapped rows", check_memory_health},
    {"mig", "MIG mode, instances, placements", check_mig},
    {"mig-rights", "rights on /dev/nvidia-caps/*", check_mig_rights},
    {"profiling", "whether the driver measures engine activity (GPM)", check_profiling},
    {"persistence", "persistence mode", check_persistence},
    {"container-toolkit", "NVIDIA's container toolkit, or the container's NVIDIA_* variables", check_container_toolkit},
    {"dcgm", "DCGM beside us: nv-hostengine, dcgm-exporter, their ports", check_dcgm},
    {"proc", "whether /proc can be read", check_proc},
    {"pid-namespace", "whether the driver's PIDs are ours (hostPID)", check_pid_namespace},
    {"cgroups", "cgroup version and namespace", check_cgroups},
    {"attribution", "which pods the processes on the GPUs belong to", check_attribution},
    {"kubelet", "the kubelet's pod-resources socket", check_kubelet},
    {"pod-logs", "the kubelet's log folders, which name pods", check_pod_logs},
    {"textfile", "node_exporter's textfile folder and the files in it", check_textfile},
    {"node-exporter", "whether node_exporter serves gpu_ series", check_node_exporter},
    {"agent", "whether tessera-agent answers and its numbers are fresh", check_agent},
    {"clock", "whether the clock is synchronised", check_clock},
    {"host", "kernel and architecture", check_host},
};

}  // namespace

std::span<const Check> checks() { return kChecks; }

}  // namespace tessera::cli
