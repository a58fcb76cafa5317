#pragma once
// The ledger's entries as somebody asks for them: by group and by piece of time.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "fleet/cost/facts.h"
#include "fleet/cost/filter.h"
#include "fleet/cost/ledger.h"
#include "fleet/cost/window.h"

namespace tessera::fleet {

/// Entries of the ledger that are alike, with what they are of. The facts outlive the report.
struct CostRow {
  EpochMs bucket = 0;
  const CostSubject* subject = nullptr;
  const CostOwner* owner = nullptr;  ///< null: nobody
  CostKind kind = CostKind::Unobserved;
  CostBasis basis = CostBasis::Nobody;
  CostAmount amount;
  std::optional<EpochMs> corrects_at;  ///< when it (the first of it) was entered, where its bucket had been closed
};

enum class ShareIdle : std::uint8_t {
  No,
  Weighted,  ///< among all that somebody had in the cluster (the node, by idle_by_node), as they cost
  Even       ///< among their groups, in equal parts; within a group as they cost
};

struct CostReportOptions {
  std::vector<CostKey> aggregate;  ///< empty: one group
  bool include_idle = false;       ///< what nobody has is groups too: __idle__, __unobserved__, __overhead__
  ShareIdle share_idle = ShareIdle::No;
  bool idle_by_node = false;
  CostFilter filter;
};

/// Sums of one group. Kinds are not mixed: each has its own money and its own time.
struct CostSums {
  std::array<Micros, kCostKinds> micros{};
  std::array<std::int64_t, kCostKinds> device_ms{};  ///< of whole devices
  std::int64_t unpriced_ms = 0;                      ///< of all kinds, not in the money
  Micros shared_idle = 0;                            ///< of what nobody had, by ShareIdle
  Micros corrected = 0;                              ///< of the money: entered after the bucket was closed
  std::array<Micros, kCostBases> by_basis{};         ///< of used and held: by which truth
  Micros of(CostKind kind) const { return micros[static_cast<std::size_t>(kind)]; }
  std::int64_t ms_of(CostKind kind) const { return device_ms[static_cast<std::size_t>(kind)]; }
  bool operator==(const CostSums&) const = default;
};
/// All kinds and the shared idle. Invalid beyond 64 bits.
Result<Micros> total(const CostSums& sums);
/// Used share of what was held and known to be used or idle; absent where that is no time.
std::optional<double> efficiency(const CostSums& sums);
/// How much of the held time is known to be used or idle; absent where nothing was held.
std::optional<double> efficiency_coverage(const CostSums& sums);

struct CostGroup {
  std::string name;                 ///< values with '/' between them, __unallocated__ for one that is not there
  std::vector<std::string> values;  ///< of the dimensions; empty: there is none
  bool nobodys = false;             ///< __idle__ and its like
  CostSums sums;
};

struct CostSet {
  CostWindow window;
  std::vector<CostGroup> groups;  ///< the dearest first, those of nobody last
  CostSums all;                   ///< of all devices, whatever the filter and what is shown
};

/// A set for each piece, those without entries too. Each set's groups come to `all`, to the micro-unit, where nothing
/// is filtered and idle is included or shared. Invalid where a sum is beyond 64 bits.
Result<std::vector<CostSet>> report(const std::vector<CostRow>& rows, const std::vector<CostWindow>& pieces,
                                    const CostReportOptions& options);

}  // namespace tessera::fleet
