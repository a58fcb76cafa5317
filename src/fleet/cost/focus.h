#pragma once
// The ledger in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification), for finance's own tools.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/cost/money.h"
#include "fleet/cost/posting.h"
#include "fleet/cost/report.h"
#include "fleet/cost/zone.h"

namespace tessera::fleet {

struct FocusOptions {
  Currency currency;
  std::string account;                        ///< BillingAccountId
  std::string issuer;                         ///< InvoiceIssuerName
  Zone zone;                                  ///< whose months are billing periods
  ShareBy share_by = ShareBy::ComputeSlices;  ///< which share of its device an instance is charged
};

/// All mandatory columns, those conditional ones that have something to say, and our own (x_), in the order of a row.
std::span<const std::string_view> focus_columns();

/// Of what a row is: told apart by what all of it says.
struct FocusCharge {
  const CostSubject* subject = nullptr;
  const CostOwner* owner = nullptr;  ///< null: nobody
  CostKind kind = CostKind::Unobserved;
  CostBasis basis = CostBasis::Nobody;
  CostWindow piece{};
  bool corrects = false;          ///< entered later
  bool corrects_a_month = false;  ///< and in another billing period
};
struct FocusChargeLess {
  bool operator()(const FocusCharge& a, const FocusCharge& b) const;
};
struct FocusSum {
  Wide micros = 0, device_ms = 0, unpriced_ms = 0;
};

/// A row for each subject, owner, kind and basis in a piece of time, corrections apart; made one by one, for files that
/// are sent while they are made. What is given outlives it.
class FocusRows {
 public:
  /// No piece may be of two months of the zone: see cut_at_months().
  FocusRows(std::span<const CostRow> rows, std::span<const CostWindow> pieces, const FocusOptions& options);
  FocusRows(const FocusRows&) = delete;  // it stands in the midst of what it has
  FocusRows& operator=(const FocusRows&) = delete;
  /// Cells by focus_columns(), one that is null is empty; absent behind the last row. Invalid beyond 64 bits.
  Result<std::optional<std::vector<std::string>>> next();

 private:
  using Charges = std::map<FocusCharge, FocusSum, FocusChargeLess>;
  const FocusOptions& options_;
  Charges charges_;
  Charges::const_iterator next_;
};

}  // namespace tessera::fleet
