#include "fleet/cost/report.h"

#include <algorithm>
#include <map>

#include "fleet/cost/split.h"

namespace tessera::fleet {
namespace {

constexpr std::string_view kIdle = "__idle__", kUnobserved = "__unobserved__", kOverhead = "__overhead__";

/// A value as it stands in a group's name. The names of two groups differ: what is between values, or is a name of
/// ours, has a backslash before it in a value.
std::string in_name(std::string_view value) {
  if (value.empty()) return std::string(kNoCostValue);
  constexpr std::string_view kOurs[] = {kNoCostValue, kIdle, kUnobserved, kOverhead};
  std::string out;
  if (std::ranges::find(kOurs, value) != std::end(kOurs)) out += '\\';
  for (const char c : value) {
    if (c == '/' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// CostSums without bounds.
struct Sums {
  std::array<Wide, kCostKinds> micros{}, device_ms{};
  std::array<Wide, kCostBases> by_basis{};
  Wide unpriced_ms = 0, shared_idle = 0, corrected = 0;

  void add(const CostRow& row) {
    micros[static_cast<std::size_t>(row.kind)] += row.amount.micros;
    device_ms[static_cast<std::size_t>(row.kind)] += row.amount.device_ms;
    unpriced_ms += row.amount.unpriced_ms;
    if (row.corrects_at) corrected += row.amount.micros;
    if (is_allocated(row.kind)) by_basis[static_cast<std::size_t>(row.basis)] += row.amount.micros;
  }
  void add(const Sums& other) {
    for (std::size_t i = 0; i < kCostKinds; ++i) {
      micros[i] += other.micros[i];
      device_ms[i] += other.device_ms[i];
    }
    for (std::size_t i = 0; i < kCostBases; ++i) by_basis[i] += other.by_basis[i];
    unpriced_ms += other.unpriced_ms;
    shared_idle += other.shared_idle;
    corrected += other.corrected;
  }
  Wide& of(CostKind kind) { return micros[static_cast<std::size_t>(kind)]; }
  Wide allocated() const { return micros[0] + micros[1] + micros[2]; }
};
static_assert(is_allocated(CostKind::HeldUnknown) && static_cast<int>(CostKind::HeldUnknown) == 2);

Result<CostSums> narrowed(const Sums& of, std::string_view whose) {
  CostSums out;
  for (std::size_t i = 0; i < kCostKinds; ++i) {
    out.micros[i] = TRY(narrow(of.micros[i], whose));
    out.device_ms[i] = TRY(narrow(of.device_ms[i], whose));
  }
  for (std::size_t i = 0; i < kCostBases; ++i) out.by_basis[i] = TRY(narrow(of.by_basis[i], whose));
  out.unpriced_ms = TRY(narrow(of.unpriced_ms, whose));
  out.shared_idle = TRY(narrow(of.shared_idle, whose));
  out.corrected = TRY(narrow(of.corrected, whose));
  TRY(total(out));
  return out;
}

/// What is shared and shown together: of one subject, one owner and one of three sorts of kinds.
enum class Sort : std::uint8_t { Allocated, Idle, Unobserved, Overhead };
Sort sort_of(CostKind kind) {
  if (is_allocated(kind)) return Sort::Allocated;
  return kind == CostKind::Unallocated ? Sort::Idle : kind == CostKind::Overhead ? Sort::Overhead : Sort::Unobserved;
}
/// By what the facts say: the same may be there twice.
struct CellKey {
  Sort sort = Sort::Allocated;
  const CostSubject* subject = nullptr;
  const CostOwner* owner = nullptr;  ///< null: nobody
};
struct CellLess {
  bool operator()(const CellKey& a, const CellKey& b) const {
    if (a.sort != b.sort) return a.sort < b.sort;
    if (a.subject != b.subject && *a.subject != *b.subject) return *a.subject < *b.subject;
    if (a.owner == b.owner || !a.owner || !b.owner) return !a.owner && b.owner;
    return *a.owner < *b.owner;
  }
};
using Cells = std::map<CellKey, Sums, CellLess>;

class SetMaker {
 public:
  SetMaker(const CostReportOptions& options, const CostWindow& window) : options_(options) { out_.window = window; }

  void add(const CostRow& row) {
    const bool whose = row.owner && (is_allocated(row.kind) || row.kind == CostKind::Overhead);
    cells_[{sort_of(row.kind), row.subject, whose ? row.owner : nullptr}].add(row);
  }

  Result<CostSet> make() {
    Sums all;
    for (const auto& [key, sums] : cells_) all.add(sums);
    out_.all = TRY(narrowed(all, "all devices"));
    if (options_.share_idle != ShareIdle::No) TRY(share_idle());
    std::map<std::pair<bool, std::vector<std::string>>, Sums> groups;
    for (const auto& [key, sums] : cells_) {
      if (!options_.filter.wants(*key.subject, key.owner)) continue;
      if (key.sort != Sort::Allocated && !options_.include_idle) continue;
      groups[{key.sort != Sort::Allocated, group_of(key)}].add(sums);
    }
    for (auto& [key, sums] : groups) TRY(add_group(key.first, key.second, sums));
    std::ranges::sort(out_.groups, [](const CostGroup& a, const CostGroup& b) {
      if (a.nobodys != b.nobodys) return b.nobodys;
      const Micros first = *total(a.sums), second = *total(b.sums);
      return first != second ? first > second : a.name < b.name;
    });
    return std::move(out_);
  }

 private:
  using Takers = std::vector<std::pair<const CellKey*, Sums*>>;

  std::vector<std::string> group_of(const CellKey& key) const {
    if (key.sort == Sort::Idle && options_.idle_by_node) return {key.subject->node, std::string(kIdle)};
    if (key.sort == Sort::Idle) return {std::string(kIdle)};
    if (key.sort == Sort::Unobserved) return {std::string(kUnobserved)};
    if (key.sort == Sort::Overhead) return {std::string(kOverhead)};
    std::vector<std::string> out;
    for (const CostKey& one : options_.aggregate) out.emplace_back(cost_value(one, *key.subject, key.owner));
    return out;
  }

  Result<void> add_group(bool nobodys, const std::vector<std::string>& values, const Sums& sums) {
    CostGroup out;
    out.nobodys = nobodys;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out.name += '/';
      const bool is_ours = nobodys && i + 1 == values.size();
      out.name += is_ours ? values[i] : in_name(values[i]);
    }
    if (out.name.empty()) out.name = "all";
    if (!nobodys) out.values = values;
    out.sums = TRY(narrowed(sums, out.name));
    out_.groups.push_back(std::move(out));
    return {};
  }

  /// Among those who have something in the same place; where nobody has, it stays what it is.
  Result<void> share_idle() {
    struct Pool {
      Takers had, idle;
    };
    std::map<std::pair<std::string, std::string>, Pool> pools;
    for (auto& [key, sums] : cells_) {
      Pool& pool = pools[{key.subject->cluster, options_.idle_by_node ? key.subject->node : ""}];
      if (key.sort == Sort::Allocated) pool.had.emplace_back(&key, &sums);
      if (key.sort == Sort::Idle) pool.idle.emplace_back(&key, &sums);
    }
    for (auto& [place, pool] : pools) {
      Wide idle = 0;
      for (const auto& [key, sums] : pool.idle) idle += sums->of(CostKind::Unallocated);
      if (!TRY(give(TRY(narrow(idle, "what nobody has")), pool.had))) continue;
      for (const auto& [key, sums] : pool.idle) sums->of(CostKind::Unallocated) = 0;
    }
    return {};
  }

  /// False where there is nobody to give it to.
  Result<bool> give(Micros idle, const Takers& takers) const {
    if (options_.share_idle == ShareIdle::Weighted) return give_by_cost(idle, takers);
    std::vector<Takers> groups;  // in the order of their first takers
    std::map<std::vector<std::string>, std::size_t> places;
    for (const auto& taker : takers) {
      const auto place = places.emplace(group_of(*taker.first), groups.size()).first->second;
      if (place == groups.size()) groups.emplace_back();
      groups[place].push_back(taker);
    }
    if (groups.empty()) return false;
    const auto shares = split(idle, std::vector<std::int64_t>(groups.size(), 1));
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (!TRY(give_by_cost(shares[i], groups[i]))) groups[i].front().second->shared_idle += shares[i];
    return true;
  }

  /// False where nobody has cost anything.
  static Result<bool> give_by_cost(Micros idle, const Takers& takers) {
    std::vector<std::int64_t> weights;
    for (const auto& [key, sums] : takers)
      weights.push_back(TRY(narrow(std::max<Wide>(0, sums->allocated()), "what is shared by")));
    if (std::ranges::all_of(weights, [](std::int64_t one) { return one == 0; })) return false;
    const auto shares = split(idle, weights);
    for (std::size_t i = 0; i < takers.size(); ++i) takers[i].second->shared_idle += shares[i];
    return true;
  }

  const CostReportOptions& options_;
  Cells cells_;
  CostSet out_;
};

}  // namespace

Result<Micros> total(const CostSums& sums) {
  Wide out = sums.shared_idle;
  for (const Micros one : sums.micros) out += one;
  return narrow(out, "a group's cost");
}

std::optional<double> efficiency(const CostSums& sums) {
  const auto used = static_cast<double>(sums.ms_of(CostKind::Used)),
             idle = static_cast<double>(sums.ms_of(CostKind::HeldIdle));
  return used + idle > 0 ? std::optional(used / (used + idle)) : std::nullopt;
}

std::optional<double> efficiency_coverage(const CostSums& sums) {
  const auto known =
      static_cast<double>(sums.ms_of(CostKind::Used)) + static_cast<double>(sums.ms_of(CostKind::HeldIdle));
  const double held = known + static_cast<double>(sums.ms_of(CostKind::HeldUnknown));
  return held > 0 ? std::optional(known / held) : std::nullopt;
}

Result<std::vector<CostSet>> report(const std::vector<CostRow>& rows, const std::vector<CostWindow>& pieces,
                                    const CostReportOptions& options) {
  std::vector<SetMaker> makers;
  makers.reserve(pieces.size());
  for (const CostWindow& one : pieces) makers.emplace_back(options, one);
  for (const CostRow& row : rows) {
    const auto behind = std::ranges::upper_bound(pieces, row.bucket, {}, &CostWindow::from);
    if (behind == pieces.begin()) continue;
    const auto at = static_cast<std::size_t>(behind - pieces.begin()) - 1;
    if (row.bucket < pieces[at].to) makers[at].add(row);
  }
  std::vector<CostSet> out;
  for (SetMaker& one : makers) out.push_back(TRY(one.make()));
  return out;
}

}  // namespace tessera::fleet
