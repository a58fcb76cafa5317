// Law: whatever a scenario says, reading it ends in a value or an error; and a value holds only legal MIG layouts and
// references, survives being read again, and gives a state that survives being written.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "sim/layout.h"
#include "sim/scenario.h"
#include "sim/state.h"

namespace {

void require(bool truth) {
  if (!truth) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::sim;
  constexpr std::size_t kLongest = 65536;
  if (size > kLongest) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto scenario = parse_scenario(text, "input");
  if (!scenario) {
    require(scenario.error().what.starts_with("input:"));
    return 0;
  }
  require(*scenario == *parse_scenario(text, "input"));
  for (const NodeSpec& node : scenario->nodes) {
    for (const GpuSpec& gpu : node.gpus) {
      std::vector<Placed> placed;
      for (const InstanceSpec& instance : gpu.layout) {
        require(fits(*gpu.model->mig, placed, *instance.profile, instance.start));
        placed.push_back({instance.profile, instance.start});
      }
      for (const ProcessSpec& process : gpu.processes)
        require(!process.instance || process.compute < gpu.layout.at(*process.instance).compute.size());
    }
    for (const PodSpec& pod : node.pods)
      for (const ContainerSpec& container : pod.containers)
        for (const HoldSpec& hold : container.devices) require(hold.gpu < node.gpus.size());
    const State state = initial_state(*scenario, node, 1'700'000'000'000'000);
    for (std::size_t i = 0; i < node.gpus.size(); ++i)
      for (std::size_t j = 0; j < state.gpus[i].instances.size(); ++j)
        require(state.gpus[i].instances[j].compute.size() == node.gpus[i].layout[j].compute.size());
    const auto again = read_state(write_state(state));
    require(again && *again == state);
  }
  return 0;
}
