#pragma once
// How much a part of the fleet may cost in a period, at how much of it somebody wants to hear, and what becomes of who
// asks for more. Pure.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/cost/money.h"
#include "fleet/cost/window.h"

namespace tessera::fleet::budgets {

enum class ScopeKind : std::uint8_t {
  Fleet,     ///< all that devices cost, whoever had them, and if nobody had
  Team,      ///< what its pods had: used, held-idle, held-unknown
  Project,   ///< likewise
  Namespace  ///< likewise, in any cluster
};
inline constexpr std::size_t kScopeKinds = 4;
std::string_view scope_kind_name(ScopeKind kind);  ///< "fleet", "team"
std::optional<ScopeKind> scope_kind_named(std::string_view name);

struct Scope {
  ScopeKind kind = ScopeKind::Fleet;
  std::string name{};  ///< empty of the fleet
  auto operator<=>(const Scope&) const = default;
};
std::string scope_text(const Scope& scope);  ///< "fleet", "team:search"

enum class PeriodKind : std::uint8_t { Day, Week, Month, Quarter, Custom };
inline constexpr std::size_t kPeriodKinds = 5;
std::string_view period_kind_name(PeriodKind kind);  ///< "month"
std::optional<PeriodKind> period_kind_named(std::string_view name);

/// Days, weeks (from Sunday), months and quarters come one after the other, as the zone counts them.
struct Period {
  PeriodKind kind = PeriodKind::Month;
  CostWindow custom{};  ///< of Custom alone: [from, to)
  bool operator==(const Period&) const = default;
};

/// What is held against the amount.
enum class Basis : std::uint8_t {
  Actual,   ///< what was spent, as far as the ledger is closed
  Forecast  ///< what the period is expected to come to
};
inline constexpr std::size_t kBases = 2;
std::string_view basis_name(Basis basis);  ///< "actual"
std::optional<Basis> basis_named(std::string_view name);

struct Threshold {
  Basis on = Basis::Actual;
  std::int64_t percent = 100;  ///< of the amount
  auto operator<=>(const Threshold&) const = default;
};
inline constexpr std::int64_t kMostPercent = 1'000;
inline constexpr std::size_t kMostThresholds = 20;

/// What an allocation hears that would cost the budget's scope something, once it is spent.
enum class Enforcement : std::uint8_t { None, Warn, Refuse };
inline constexpr std::size_t kEnforcements = 3;
std::string_view enforcement_name(Enforcement enforcement);  ///< "none"
std::optional<Enforcement> enforcement_named(std::string_view name);

struct Budget {
  std::string id{};
  std::string name{};
  Scope scope{};
  Period period{};
  std::string time_zone = "UTC";  ///< IANA: whose days and months
  Micros amount = 0;
  std::string currency{};               ///< "USD"
  std::vector<Threshold> thresholds{};  ///< sorted
  Enforcement enforcement = Enforcement::None;
  Basis enforce_on = Basis::Actual;  ///< Forecast: also where the period is expected to come to more
  bool operator==(const Budget&) const = default;
};

/// Invalid with the member that is wrong, and what is expected there.
Result<void> check(const Budget& budget);

/// The period that a time is in; absent before and after a custom one. Invalid where the system does not know the zone.
Result<std::optional<CostWindow>> period_at(const Budget& budget, EpochMs time);

}  // namespace tessera::fleet::budgets
