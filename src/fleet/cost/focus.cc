#include "fleet/cost/focus.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "fleet/cost/usage_slot.h"
#include "fleet/inventory/catalogue.h"

namespace tessera::fleet {
namespace {

struct Cell {
  const FocusCharge& of;
  std::string money, hours, unpriced_hours;
  EpochMs month_from = 0, month_to = 0;
  const FocusOptions& options;
};

std::string time_of(EpochMs time) {  // FOCUS writes whole seconds, UTC
  return format_time(time).substr(0, std::string_view("2026-01-01T00:00:00").size()) + "Z";
}

/// Of a whole device's time, to the nanosecond: "0.142857143".
std::string hours(Wide ms) {
  constexpr Wide kHour = 3'600'000, kBillion = 1'000'000'000;
  const bool negative = ms < 0;
  const Wide billionths = ((negative ? -ms : ms) * kBillion + kHour / 2) / kHour;
  return fmt::format("{}{}.{:09}", negative ? "-" : "", static_cast<std::uint64_t>(billionths / kBillion),
                     static_cast<std::uint64_t>(billionths % kBillion));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ')
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + "\"";
}

std::string tags_of(const Cell& cell) {
  std::string out;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("{}{}: {}", out.empty() ? "{" : ", ", quoted(name), quoted(value));
  };
  for (const auto one : {CostDimension::Team, CostDimension::Project, CostDimension::CostCentre,
                         CostDimension::Namespace, CostDimension::Pod})
    add(cost_dimension_name(one), cost_value(one, *cell.of.subject, cell.of.owner));
  if (cell.of.owner)
    for (const auto& [name, value] : cell.of.owner->labels) add("label:" + name, value);
  return out.empty() ? out : out + "}";
}

/// Whom a part of a device's cost is given to: FOCUS 1.3's Allocated columns, which 1.2 has nothing in place of. Empty
/// for what nobody had; and how it was given, for what is given to none that has an id.
std::string given_to(const Cell& cell) { return cell.of.owner ? cell.of.owner->pod_uid : ""; }
std::string given_to_name(const Cell& cell) {
  if (!cell.of.owner || cell.of.owner->pod.empty()) return "";
  return fmt::format("{}/{}", cell.of.owner->space, cell.of.owner->pod);
}
std::string given_by(const Cell& cell) {
  return given_to(cell).empty() ? "" : fmt::format("tessera-{}", cost_basis_name(cell.of.basis));
}

/// How much of its device an instance is, by its profile. Absent for a whole device, and for what is in no table.
struct MigShares {
  Slices of, whole;
};
std::optional<MigShares> mig_shares(const Cell& cell) {
  const CostSubject& of = *cell.of.subject;
  const Model* model = of.gpu_instance ? find_model(of.model) : nullptr;
  const auto slices = model ? profile_slices(of.profile, std::nullopt, model->memory_gib) : std::nullopt;
  if (!slices) return std::nullopt;
  return MigShares{*slices, whole_slices(std::nullopt, model->mig_max_slices)};
}

/// "2/7"
std::string by_compute(const MigShares& of) { return fmt::format("{}/{}", of.of.compute, of.whole.compute); }
std::string by_memory(const MigShares& of) { return fmt::format("{}/{}", of.of.memory, of.whole.memory); }

std::string mig_compute_share_of(const Cell& cell) {
  const auto shares = mig_shares(cell);
  return shares ? by_compute(*shares) : "";
}

/// The share that it is charged.
std::string mig_share_of(const Cell& cell) {
  const auto shares = mig_shares(cell);
  if (!shares) return "";
  const bool more_memory = shares->of.memory * shares->whole.compute > shares->of.compute * shares->whole.memory;
  const ShareBy by = cell.options.share_by;
  return by == ShareBy::Memory || (by == ShareBy::LargerOfBoth && more_memory) ? by_memory(*shares)
                                                                               : by_compute(*shares);
}

/// As the settings name it.
std::string mig_share_by(const Cell& cell) {
  constexpr std::array<std::string_view, 3> kNames = {"compute-slices", "memory", "larger"};
  return mig_shares(cell) ? std::string(kNames[static_cast<std::size_t>(cell.options.share_by)]) : "";
}

std::string description_of(const Cell& cell) {
  const CostSubject& of = *cell.of.subject;
  return fmt::format("{}{}{} on {}, {}", cell.of.corrects ? "Correction: " : "", of.model,
                     of.profile.empty() ? "" : " " + of.profile, of.node, cost_kind_name(cell.of.kind));
}

/// An instance is a resource of its own: by its board's UUID and its number, as nvidia-smi named it before it had one.
std::string resource_of(const Cell& cell) {
  const CostSubject& of = *cell.of.subject;
  return of.gpu_instance ? fmt::format("MIG-{}/{}", of.device_uuid, *of.gpu_instance) : of.device_uuid;
}

std::string_view pricing_of(Purchase purchase) {
  constexpr std::array<std::string_view, kPurchases> kCategories = {"Standard", "Dynamic", "Committed"};
  return kCategories[static_cast<std::size_t>(purchase)];
}

using Text = std::string (*)(const Cell&);
template <CostDimension kOf>
std::string dimension(const Cell& cell) {
  return std::string(cost_value(kOf, *cell.of.subject, cell.of.owner));
}
std::string money(const Cell& cell) { return cell.money; }
std::string quantity(const Cell& cell) { return cell.hours; }
template <const char* kText>
std::string fixed(const Cell&) {
  return kText;
}
constexpr char kUsage[] = "Usage", kGpuHours[] = "GPU-Hours", kTessera[] = "Tessera", kCompute[] = "Compute",
               kService[] = "GPU", kUsageBased[] = "Usage-Based";

struct Column {
  std::string_view name;
  Text text;
};
constexpr Column kTable[] = {
    {"AllocatedMethodId", given_by},
    {"AllocatedResourceId", given_to},
    {"AllocatedResourceName", given_to_name},
    {"AllocatedTags", [](const Cell& c) { return c.of.owner ? tags_of(c) : ""; }},
    {"BilledCost", money},
    {"BillingAccountId", [](const Cell& c) { return c.options.account; }},
    {"BillingAccountName", [](const Cell& c) { return c.options.account; }},
    {"BillingCurrency", [](const Cell& c) { return std::string(c.options.currency.code()); }},
    {"BillingPeriodEnd", [](const Cell& c) { return time_of(c.month_to); }},
    {"BillingPeriodStart", [](const Cell& c) { return time_of(c.month_from); }},
    {"ChargeCategory", fixed<kUsage>},
    {"ChargeClass", [](const Cell& c) { return std::string(c.of.corrects_a_month ? "Correction" : ""); }},
    {"ChargeDescription", description_of},
    {"ChargeFrequency", fixed<kUsageBased>},
    {"ChargePeriodEnd", [](const Cell& c) { return time_of(c.of.piece.to); }},
    {"ChargePeriodStart", [](const Cell& c) { return time_of(c.of.piece.from); }},
    {"ConsumedQuantity", quantity},
    {"ConsumedUnit", fixed<kGpuHours>},
    {"ContractedCost", money},
    {"EffectiveCost", money},
    {"InvoiceIssuerName", [](const Cell& c) { return c.options.issuer; }},
    {"ListCost", money},
    {"PricingCategory", [](const Cell& c) { return std::string(pricing_of(c.of.subject->purchase)); }},
    {"PricingQuantity", quantity},
    {"PricingUnit", fixed<kGpuHours>},
    {"ProviderName", fixed<kTessera>},
    {"PublisherName", fixed<kTessera>},
    {"ResourceId", resource_of},
    {"ResourceName", dimension<CostDimension::Device>},
    {"ResourceType", [](const Cell& c) { return std::string(c.of.subject->gpu_instance ? "MIG instance" : "GPU"); }},
    {"ServiceCategory", fixed<kCompute>},
    {"ServiceName", fixed<kService>},
    {"SkuId", dimension<CostDimension::Model>},
    {"SubAccountId", dimension<CostDimension::Namespace>},
    {"SubAccountName", dimension<CostDimension::Namespace>},
    {"Tags", tags_of},
    {"x_Cluster", dimension<CostDimension::Cluster>},
    {"x_Node", dimension<CostDimension::Node>},
    {"x_Pool", dimension<CostDimension::Pool>},
    {"x_Kind", [](const Cell& c) { return std::string(cost_kind_name(c.of.kind)); }},
    {"x_Basis", [](const Cell& c) { return std::string(cost_basis_name(c.of.basis)); }},
    {"x_GpuInstance",
     [](const Cell& c) { return c.of.subject->gpu_instance ? std::to_string(*c.of.subject->gpu_instance) : ""; }},
    {"x_MigProfile", dimension<CostDimension::Profile>},
    {"x_MigComputeShare", mig_compute_share_of},
    {"x_MigShare", mig_share_of},
    {"x_MigShareBy", mig_share_by},
    {"x_UnpricedGpuHours", [](const Cell& c) { return c.unpriced_hours; }},
};

std::pair<EpochMs, EpochMs> month_of(const Zone& zone, EpochMs time) {
  const Day day = zone.day_at(time);
  return {zone.begin_of({day.year, day.month, 1}), zone.begin_of({day.year, day.month + 1, 1})};
}

}  // namespace

std::span<const std::string_view> focus_columns() {
  static const auto kNames = [] {
    std::array<std::string_view, std::size(kTable)> out;
    std::ranges::transform(kTable, out.begin(), &Column::name);
    return out;
  }();
  return kNames;
}

bool FocusChargeLess::operator()(const FocusCharge& a, const FocusCharge& b) const {
  if (a.subject != b.subject && *a.subject != *b.subject) return *a.subject < *b.subject;
  if (a.owner != b.owner) {
    if (!a.owner || !b.owner) return !a.owner;
    if (*a.owner != *b.owner) return *a.owner < *b.owner;
  }
  const auto rest = [](const FocusCharge& of) {
    return std::tie(of.kind, of.basis, of.piece.from, of.piece.to, of.corrects, of.corrects_a_month);
  };
  return rest(a) < rest(b);
}

FocusRows::FocusRows(std::span<const CostRow> rows, std::span<const CostWindow> pieces, const FocusOptions& options)
    : options_(options) {
  for (const CostRow& row : rows) {
    const auto behind = std::ranges::upper_bound(pieces, row.bucket, {}, &CostWindow::from);
    if (behind == pieces.begin() || row.bucket >= std::prev(behind)->to) continue;
    const bool later = row.corrects_at && *row.corrects_at >= end_of_month(row.bucket, options.zone);
    FocusSum& sum =
        charges_[{row.subject, row.owner, row.kind, row.basis, *std::prev(behind), row.corrects_at.has_value(), later}];
    sum.micros += row.amount.micros;
    sum.device_ms += row.amount.device_ms;
    sum.unpriced_ms += row.amount.unpriced_ms;
  }
  next_ = charges_.begin();
}

Result<std::optional<std::vector<std::string>>> FocusRows::next() {
  const auto is_nothing = [](const FocusSum& sum) {
    return sum.micros == 0 && sum.device_ms == 0 && sum.unpriced_ms == 0;
  };
  while (next_ != charges_.end() && is_nothing(next_->second)) ++next_;
  std::optional<std::vector<std::string>> out;
  if (next_ == charges_.end()) return out;
  const auto& [of, sum] = *next_++;
  const auto [month_from, month_to] = month_of(options_.zone, of.piece.from);
  const Cell cell{of,
                  decimal(TRY(narrow(sum.micros, of.subject->device_id))),
                  hours(sum.device_ms),
                  hours(sum.unpriced_ms),
                  month_from,
                  month_to,
                  options_};
  out.emplace();
  for (const Column& column : kTable) out->push_back(column.text(cell));
  return out;
}

}  // namespace tessera::fleet
