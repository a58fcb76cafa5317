#pragma once
// How nodes of a cluster are changed: what the settings under gpu.management.mig.kubernetes say.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/window.h"
#include "config/yaml.h"

namespace tessera::server::nodes {

/// Who cuts the devices: the agent's layout container through NVML, or NVIDIA's mig-manager. Never both on one node.
enum class Way { Nvml, MigManager };
/// How NVIDIA's device plugin lists MIG instances. Auto: as the node's label nvidia.com/mig.strategy says, else Mixed.
enum class Strategy { Auto, None, Single, Mixed };

struct Rules {
  Way way = Way::Nvml;
  Strategy strategy = Strategy::Auto;
  bool cordon = true;
  bool restart_plugin = true;
  bool dry_run = false;            ///< say what would be done, and do nothing
  std::vector<Window> windows{};   ///< UTC; empty: at any time
  std::int64_t one_node_per = 10;  ///< one node of so many with GPUs at once, and always one
  std::string plugin_space{};      ///< namespace of the device plugin; empty: any
  /// Label selectors, of which one fits its pods: as the GPU operator, the plugin's chart and its plain manifest label
  /// them.
  std::vector<std::string> plugin_selectors = {"app=nvidia-device-plugin-daemonset",
                                               "app.kubernetes.io/name=nvidia-device-plugin",
                                               "name=nvidia-device-plugin-ds"};
  Milliseconds agent_limit{15 * 60'000};                       ///< from the cordon until the agents have cut
  Milliseconds plugin_limit{10 * 60'000};                      ///< from then until the node lists it
  Milliseconds manager_limit{15 * 60'000};                     ///< of mig-manager, from its label until it is through
  Milliseconds try_again{60 * 60'000};                         ///< after an end without success
  std::string config_map = "gpu-operator/tessera-mig-config";  ///< NAMESPACE/NAME, that mig-manager reads
  Milliseconds config_delay{2 * 60'000};                       ///< until its pods see a change of that
  /// For so long a new plugin pod has been ready before its list is believed: the kubelet tells what it knows each 10
  /// s.
  Milliseconds settled{15'000};
};

// How the settings write what is no plain value.
Result<void> read_way(const config::Node& node, Rules& into);        ///< nvml, mig-manager
Result<void> read_strategy(const config::Node& node, Rules& into);   ///< auto, none, single, mixed
Result<void> read_windows(const config::Node& node, Rules& into);    ///< [22:00-04:00]
Result<void> read_selectors(const config::Node& node, Rules& into);  ///< [app=nvidia-device-plugin]

inline constexpr std::string_view kConfigLabel = "nvidia.com/mig.config";
inline constexpr std::string_view kConfigStateLabel = "nvidia.com/mig.config.state";
inline constexpr std::string_view kManagerDeployLabel = "nvidia.com/gpu.deploy.mig-manager";
inline constexpr std::string_view kStrategyLabel = "nvidia.com/mig.strategy";
/// By which the API server knows that the label is ours.
inline constexpr std::string_view kConfigManager = "tessera-mig-config";

}  // namespace tessera::server::nodes
