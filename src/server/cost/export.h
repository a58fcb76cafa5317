#pragma once
// The ledger as a file for finance.
#include <string>
#include <vector>

#include "fleet/cost/report.h"
#include "server/cost/asked.h"

namespace tessera::server {

enum class CostFile : std::uint8_t {
  Csv,   ///< a line for each device, owner, kind and basis in each piece, corrections apart
  Focus  ///< FOCUS 1.2
};

/// With a head. Invalid beyond 64 bits.
Result<std::string> cost_file(CostFile form, const std::vector<fleet::CostRow>& rows, const CostAsked& asked,
                              const CostSettings& settings);

}  // namespace tessera::server
