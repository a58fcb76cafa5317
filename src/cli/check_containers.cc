// What gives containers their GPUs, and what else reads them.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "cli/checks.h"
#include "cli/ports.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kToolkitPrograms[] = {"nvidia-ctk", "nvidia-container-runtime",
                                                 "nvidia-container-runtime-hook"};
constexpr std::string_view kRuntimeConfigs[] = {
    "etc/containerd/config.toml",
    "etc/containerd/conf.d",
    "var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    "etc/crio/crio.conf.d",
    "etc/docker/daemon.json",
};
constexpr std::string_view kCdiFolders[] = {"etc/cdi", "var/run/cdi", "run/cdi"};
constexpr std::size_t kConfigLimit = 16U << 20U;

bool mentions(const fs::path& file, std::string_view word) {
  const auto text = read_file(file, kConfigLimit);
  return text && text->find(word) != std::string::npos;
}

/// The file itself, or the files in the folder, that hold `word`.
std::vector<std::string> files_with(const fs::path& path, std::string_view word) {
  std::error_code unreadable;
  std::vector<std::string> out;
  if (fs::is_regular_file(path, unreadable) && mentions(path, word)) out.push_back(path.string());
  for (const auto& entry : fs::directory_iterator(path, unreadable))
    if (entry.is_regular_file(unreadable) && mentions(entry.path(), word)) out.push_back(entry.path().string());
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> find_programs(const Node& node) {
  const std::string path = node.env("PATH").value_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  auto folders = split(path, ':');
  folders.emplace_back("/usr/local/nvidia/toolkit");  // where the GPU Operator puts them
  std::error_code unreadable;
  std::vector<std::string> out;
  for (const auto program : kToolkitPrograms)
    for (const auto folder : folders) {
      const auto file = node.at.root / fs::path(folder).relative_path() / program;
      if (folder.empty() || !fs::is_regular_file(file, unreadable)) continue;
      out.push_back(file.string());
      break;
    }
  return out;
}

template <std::size_t N>
std::vector<std::string> find_settings(const Node& node, const std::string_view (&places)[N], std::string_view word) {
  std::vector<std::string> out;
  std::error_code unreadable;
  std::vector<fs::path> seen;  // /var/run is a link to /run
  for (const auto place : places) {
    const auto path = fs::weakly_canonical(node.at.root / place, unreadable);
    if (std::ranges::find(seen, path) != seen.end()) continue;
    seen.push_back(path);
    for (auto& file : files_with(path, word)) out.push_back(std::move(file));
  }
  return out;
}

bool has_capability(std::string_view list, std::string_view capability) {
  return std::ranges::any_of(split(list, ','),
                             [&](auto word) { return trim(word) == capability || trim(word) == "all"; });
}

Findings check_variables(const Node& node) {
  const auto& driver = node.driver;
  const auto visible = node.env("NVIDIA_VISIBLE_DEVICES");
  const auto capabilities = node.env("NVIDIA_DRIVER_CAPABILITIES");
  const auto monitor = node.env("NVIDIA_MIG_MONITOR_DEVICES");
  Findings out;
  // By CDI or a privileged mount the library comes without these variables: where it starts, they have nothing to mend.
  if (driver.failure && find_pci_gpus(node.at.sys).all.empty())
    return {{Status::Note,
             (node.at.sys / "bus/pci/devices").string(),
             "no NVIDIA GPU is on the PCI bus, so no runtime can give this container one",
             "Nothing to do on a machine without GPUs.",
             {}}};
  if (driver.failure && (!visible || visible->empty() || *visible == "void" || *visible == "none"))
    out.push_back({Status::Problem,
                   "NVIDIA_VISIBLE_DEVICES",
                   fmt::format("{}: the container gets no GPU", visible ? fmt::format("'{}'", *visible) : "not set"),
                   "Set NVIDIA_VISIBLE_DEVICES=all, and run the pod with runtimeClassName: nvidia (or the nvidia "
                   "runtime as default).",
                   {}});
  if (driver.failure && capabilities && !has_capability(*capabilities, "utility"))
    out.push_back({Status::Problem,
                   "NVIDIA_DRIVER_CAPABILITIES",
                   fmt::format("'{}' lacks utility: the container gets no driver library", *capabilities),
                   "Set NVIDIA_DRIVER_CAPABILITIES=utility (or compute,utility).",
                   {}});
  const bool mig = std::ranges::any_of(driver.devices, [](const auto& d) { return d.mig_enabled == true; });
  if (mig && !driver.driver.simulated && monitor != "all")
    out.push_back({Status::Warning,
                   "NVIDIA_MIG_MONITOR_DEVICES",
                   fmt::format("{}: numbers of the whole device and of other pods' instances may be refused",
                               monitor ? fmt::format("'{}'", *monitor) : "not set"),
                   "Set NVIDIA_MIG_MONITOR_DEVICES=all, or run privileged.",
                   {}});
  if (out.empty() && !driver.failure)
    out.push_back(
        {Status::Ok,
         "the container's environment",
         fmt::format("NVIDIA_VISIBLE_DEVICES={}, and the driver library is here", visible.value_or("(not set)")),
         "",
         {}});
  if (out.empty())
    out.push_back({Status::Note,
                   "the container's environment",
                   "the NVIDIA_* variables ask for GPUs, but no working driver came with them",
                   "Check on the node that the runtime is NVIDIA's: run tessera doctor there, too.",
                   {}});
  return out;
}

Finding toolkit_missing(const Node& node) {
  const bool needed = !node.driver.failure && !node.driver.driver.simulated;
  return {needed ? Status::Warning : Status::Note,
          "PATH, CDI folders",
          "NVIDIA's container toolkit is not installed: containers here cannot use GPUs",
          needed ? "Install it, then tell the runtime; or let the GPU Operator do both."
                 : "Install it once this machine has a GPU and runs containers.",
          {"apt-get install nvidia-container-toolkit",
           "nvidia-ctk runtime configure --runtime=containerd && systemctl restart containerd"}};
}

}  // namespace

Findings check_container_toolkit(const Node& node) {
  if (in_container(node)) return check_variables(node);
  const auto programs = find_programs(node);
  const auto configs = find_settings(node, kRuntimeConfigs, "nvidia");
  const auto specs = find_settings(node, kCdiFolders, "nvidia.com/gpu");
  if (programs.empty() && specs.empty()) return {toolkit_missing(node)};
  std::vector<std::string> all = programs;
  all.insert(all.end(), configs.begin(), configs.end());
  all.insert(all.end(), specs.begin(), specs.end());
  if (configs.empty() && specs.empty())
    return {{Status::Warning,
             fmt::format("{}", fmt::join(programs, ", ")),
             "the container toolkit is installed, but no runtime's configuration and no CDI specification names nvidia",
             "Tell the runtime, or write a CDI specification.",
             {"nvidia-ctk runtime configure --runtime=containerd && systemctl restart containerd",
              "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"}}};
  return {{Status::Ok, fmt::format("{}", fmt::join(all, ", ")), "containers can be given GPUs", "", {}}};
}

Findings check_dcgm(const Node& node) {
  const auto running = find_running(node.at.proc, {"nv-hostengine", "dcgm-exporter"});
  const auto ports = listening_ports(node.at.proc);
  std::vector<std::string> seen;
  for (const auto& process : running) seen.push_back(fmt::format("{} (PID {})", process.command, process.pid));
  if (std::ranges::find(ports, 5555) != ports.end()) seen.emplace_back("a listener on port 5555");
  const std::string looked_at =
      fmt::format("{}, {}", (node.at.proc / "*/comm").string(), (node.at.proc / "net/tcp").string());
  if (seen.empty()) return {{Status::Ok, looked_at, "no DCGM beside us", "", {}}};
  Findings out{
      {Status::Note,
       looked_at,
       fmt::format("DCGM runs beside us: {}", fmt::join(seen, ", ")),
       "Both can read at once. Scrape DCGM_FI_* from one of the two only, or each series comes twice; before a "
       "MIG change or a GPU reset stop both.",
       {}}};
  const bool exporter = std::ranges::find(running, "dcgm-exporter", &Running::command) != running.end();
  if (exporter && std::ranges::find(ports, 9400) != ports.end())
    out.push_back({Status::Warning,
                   looked_at,
                   "dcgm-exporter runs and port 9400 is taken: tessera-agent has the same default port",
                   "Give one of them another port; if 9400 is the agent's already, nothing is wrong.",
                   {"tessera-agent --address :9401"}});
  return out;
}

}  // namespace tessera::cli
