#pragma once
// The ledger as a file for finance.
#include <string>
#include <utility>
#include <vector>

#include "fleet/cost/report.h"
#include "server/cost/asked.h"

namespace tessera::server {

enum class CostFile : std::uint8_t {
  Csv,   ///< a line for each device, owner, kind and basis in each piece, corrections apart
  Focus  ///< FOCUS 1.2
};

/// Made piece by piece. What is given outlives it.
class CostFileText {
 public:
  CostFileText(CostFile form, const CostAsked& asked, const CostSettings& settings, std::size_t most_bytes);
  /// Rows of the piece, in the order of time. Invalid beyond 64 bits, and where the file becomes too large.
  Result<void> add(const fleet::CostWindow& piece, std::vector<fleet::CostRow> rows);
  /// With a head.
  std::string take() { return std::move(text_); }

 private:
  const CostFile form_;
  const CostAsked& asked_;
  const CostSettings& settings_;
  const std::size_t most_bytes_;
  std::string text_;
};

}  // namespace tessera::server
