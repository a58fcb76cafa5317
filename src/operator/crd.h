#pragma once
// The CustomResourceDefinition of GpuMonitor, made of the same table of fields as its reader (spec_fields.h).
#include <nlohmann/json_fwd.hpp>

namespace tessera::operate {

/// As `tessera-operator --crd` prints it; deploy/crds/gpumonitors.tessera.dev.yaml is this.
nlohmann::ordered_json crd();

}  // namespace tessera::operate
