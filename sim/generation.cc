#include "sim/generation.h"

#ifndef TESSERA_SIM_GENERATION
#error "the build sets TESSERA_SIM_GENERATION to a Generation"
#endif

namespace tessera::sim {

const Generation& generation() {
  static constexpr Generation kGeneration TESSERA_SIM_GENERATION;
  return kGeneration;
}

}  // namespace tessera::sim
