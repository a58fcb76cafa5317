#include "sim/pods.h"

#include <fmt/format.h>

#include <algorithm>

namespace tessera::sim {

Outcome<std::string> pod_comes(Node& node, const std::string& pod, unsigned gpu, std::optional<unsigned> gi) {
  const std::size_t slash = pod.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == pod.size() || pod.find_first_of(" \t\n") < pod.size())
    return Failure{fmt::format("pod '{}': NAMESPACE/NAME expected", pod)};
  if (gpu >= node.spec().gpus.size())
    return Failure{fmt::format("--gpu {}: node {} has {} GPUs", gpu, node.spec().name, node.spec().gpus.size())};
  std::string refused;
  const bool written = node.store().update([&](State& state) {
    const auto& instances = state.gpus[gpu].instances;
    if (gi && std::ranges::find(instances, *gi, &InstanceState::id) == instances.end())
      refused = fmt::format("--gi {}: GPU {} has no such instance; 'tessera-sim mig list' shows them", *gi, gpu);
    for (const HeldByPod& other : state.held)
      if (other.gpu == gpu && other.gi == gi)
        refused = fmt::format("GPU {}{}: {} has it", gpu, gi ? fmt::format(" instance {}", *gi) : "", other.pod);
    if (refused.empty()) state.held.push_back({pod, gpu, gi});
    return refused.empty();
  });
  if (!refused.empty()) return Failure{refused};
  if (!written) return Failure{fmt::format("state {}: cannot be written", node.store().directory())};
  return fmt::format("pod {} has GPU {}{}", pod, gpu, gi ? fmt::format(" instance {}", *gi) : "");
}

Outcome<std::string> pod_goes(Node& node, const std::string& pod) {
  std::size_t gone = 0;
  const bool written = node.store().update([&](State& state) {
    gone = std::erase_if(state.held, [&](const HeldByPod& one) { return one.pod == pod; });
    return gone > 0;
  });
  if (gone == 0) return Failure{fmt::format("pod {}: none came by that name", pod)};
  if (!written) return Failure{fmt::format("state {}: cannot be written", node.store().directory())};
  return fmt::format("pod {} has gone", pod);
}

}  // namespace tessera::sim
