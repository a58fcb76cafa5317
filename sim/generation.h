// Which driver generation this copy of the library plays. Each variant of the library is built with its own constant.
#pragma once

namespace tessera::sim {

struct Generation {
  const char* name;
  const char* driver_version;
  int cuda;         // major * 1000 + minor * 10
  unsigned header;  // of the NVML header that it was built from: 1204 is 12.4
  bool stride32;    // writes 32-byte process entries from the _v3 calls
};

const Generation& generation();

}  // namespace tessera::sim
