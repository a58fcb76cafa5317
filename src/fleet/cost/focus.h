#pragma once
// The ledger in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification), for finance's own tools.
#include <functional>
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

/// A row for each subject, owner, kind and basis in a piece of time, corrections apart. A cell that is null is empty.
/// No piece may be of two months of the zone: see cut_at_months(). Invalid beyond 64 bits.
Result<void> each_focus_row(const std::vector<CostRow>& rows, const std::vector<CostWindow>& pieces,
                            const FocusOptions& options, const std::function<void(std::span<const std::string>)>& take);

}  // namespace tessera::fleet
