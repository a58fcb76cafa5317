#pragma once
// Observations for tests: a node with one whole device and one cut into three instances.
#include "agent/observation.h"

namespace tessera::agent {

gpu::Device whole_device(unsigned index);

/// Instances 1g, 2g, 1g with 90 %, 60 % and 80 % activity: the check values of the weighted mean.
gpu::Device mig_device(unsigned index);

Session session(const Subject& subject, unsigned pid, const Workload& workload);

inline const Workload kTrain{"ml", "train-0", "main", "11111111-2222-3333-4444-555555555555"};
inline const Workload kServe{"web", "serve-0", "vllm", "99999999-2222-3333-4444-555555555555"};

Observation sample_observation();

}  // namespace tessera::agent
