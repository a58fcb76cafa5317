#pragma once
// The ledger as a file for finance, made while it is sent.
#include <optional>
#include <string>
#include <vector>

#include "base/latest.h"
#include "fleet/cost/focus.h"
#include "fleet/cost/report.h"
#include "server/cost/asked.h"
#include "server/cost/costs.h"
#include "server/keeper.h"

namespace tessera::server {

enum class CostFile : std::uint8_t {
  Csv,   ///< a line for each device, owner, kind and basis in each piece, corrections apart
  Focus  ///< FOCUS 1.2
};

/// Piece of the window by piece, in the order of time: the rows of one are in memory, and some text. What is given
/// outlives it.
class CostExport {
 public:
  /// `asker` is who asks: what he may not see is not in it.
  CostExport(CostFile form, CostAsked asked, http::Request asker, Costs& costs, const Latest<Published>& fleet);

  /// The next part of the file, which begins with a head; empty behind its end. Invalid beyond 64 bits, and where a
  /// piece has more rows than limits(); Unavailable where the database does not answer.
  Result<std::string> next();

 private:
  Result<void> read_piece();
  Result<void> add_lines(std::string& out);

  const CostFile form_;
  const CostAsked asked_;
  const http::Request asker_;
  Costs& costs_;
  const Latest<Published>& fleet_;
  const fleet::FocusOptions focus_;
  bool begun_ = false;
  std::size_t next_piece_ = 0;
  fleet::CostWindow piece_;  ///< that of the ledger's rows
  store::CostRows ledger_;
  std::size_t next_row_ = 0;
  std::optional<fleet::FocusRows> lines_;  ///< of FOCUS: what the rows come to
};

}  // namespace tessera::server
