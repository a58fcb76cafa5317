// Quantities that several calls tell: direct functions, field values, GPM.
#pragma once

#include "sim/driver.h"

namespace tessera::sim {

bool busy(Call& call, const Target& t);

// Clocks event reason bits in force.
u64 clock_reasons(Call& call, const Target& t);

// Nanoseconds that the clocks were held down by a policy since the driver was loaded.
std::optional<u64> violation_ns(Call& call, const Target& t, int policy);

// Bytes moved since the driver was loaded, at the rate `mib_per_second` at full load.
double moved_bytes(Call& call, const Target& t, double mib_per_second);

struct EccCounts {
  u64 corrected, uncorrected;
};
std::optional<EccCounts> ecc_counts(const Target& t, int counter_type);

// Retired pages and remapped rows, absent where the model lacks the mechanism or MIG instances hide it.
bool remapped_rows_visible(const Target& t);

}  // namespace tessera::sim
