// Creating and destroying MIG instances: what the driver allows, as functions on the state. The exported calls in
// api_mig*.cc look up handles and rights, then run one of these under the lock that all processes share.
#pragma once

#include <vector>

#include "sim/driver.h"
#include "sim/layout.h"

namespace tessera::sim {

std::vector<Placed> placed_on(const GpuSpec& spec, const GpuState& state);

InstanceState* find_instance(GpuState& state, const InstanceKey& key);  // by id and serial
const InstanceState* find_instance(const GpuState& state, const InstanceKey& key);

// `start`: nothing lets the driver choose. kSuccess and the new instance, or why not.
struct CreatedInstance {
  Return code;
  InstanceState instance{};
};
CreatedInstance create_instance(Call& call, unsigned gpu, unsigned profile_id, std::optional<Placement> where);
Return destroy_instance(Call& call, const InstanceKey& key);

struct CreatedCompute {
  Return code;
  ComputeState compute{};
};
CreatedCompute create_compute(Call& call, const InstanceKey& key, unsigned profile, std::optional<Placement> where);
Return destroy_compute(Call& call, const InstanceKey& key);  // serial: of the compute instance

// Free starts for a compute profile inside an instance.
std::vector<unsigned> free_compute_starts(const GpuSpec& spec, const InstanceState& instance, unsigned profile);

// Asks for a mode. `activation` tells whether it took effect.
Return set_mig_mode(Call& call, unsigned gpu, bool on, Return& activation);
// What a GPU reset does: the pending mode becomes the mode, instances are gone, counters start anew.
void reset_gpu(const Node& node, State& state, unsigned gpu, std::int64_t now);

}  // namespace tessera::sim
