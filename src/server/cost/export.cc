#include "server/cost/export.h"

#include "fleet/cost/focus.h"
#include "server/csv.h"

namespace tessera::server {
namespace {

constexpr std::string_view kColumns[] = {
    "start",      "end",      "currency",         "cluster",     "node",    "pool",      "model",
    "purchase",   "deviceId", "deviceUuid",       "gpuInstance", "profile", "namespace", "pod",
    "podUid",     "team",     "project",          "costCentre",  "labels",  "kind",      "basis",
    "correction", "gpuHours", "unpricedGpuHours", "cost"};

/// Exact: millionths of an hour.
std::string hours_text(std::int64_t device_ms) {
  constexpr fleet::Wide kHour = 3'600'000;
  const fleet::Wide millionths = fleet::Wide{device_ms} * fleet::kUnit;
  return fleet::decimal(static_cast<fleet::Micros>((millionths + (millionths < 0 ? -kHour / 2 : kHour / 2)) / kHour));
}

/// As lists of objects are in other tables.
std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [name, value] : labels) out += (out.empty() ? "" : ";") + name + '=' + value;
  return out;
}

std::vector<std::string> line_of(const fleet::CostRow& row, const fleet::CostWindow& piece, const CostAsked& asked,
                                 const CostSettings& settings) {
  const fleet::CostSubject& of = *row.subject;
  const fleet::CostOwner owner = row.owner ? *row.owner : fleet::CostOwner();
  return {asked.zone.format(piece.from),
          asked.zone.format(piece.to),
          settings.currency,
          of.cluster,
          of.node,
          of.pool,
          of.model,
          std::string(fleet::purchase_name(of.purchase)),
          of.device_id,
          of.device_uuid,
          of.gpu_instance ? std::to_string(*of.gpu_instance) : "",
          of.profile,
          owner.space,
          owner.pod,
          owner.pod_uid,
          owner.team,
          owner.project,
          owner.cost_centre,
          labels_text(owner.labels),
          std::string(fleet::cost_kind_name(row.kind)),
          std::string(fleet::cost_basis_name(row.basis)),
          row.corrects_at ? "true" : "false",
          hours_text(row.amount.device_ms),
          hours_text(row.amount.unpriced_ms),
          fleet::decimal(row.amount.micros)};
}

}  // namespace

CostFileText::CostFileText(CostFile form, const CostAsked& asked, const CostSettings& settings, std::size_t most_bytes)
    : form_(form), asked_(asked), settings_(settings), most_bytes_(most_bytes) {
  append_csv_head(text_,
                  form == CostFile::Focus ? fleet::focus_columns() : std::span<const std::string_view>(kColumns));
}

Result<void> CostFileText::add(const fleet::CostWindow& piece, std::vector<fleet::CostRow> rows) {
  std::erase_if(rows, [&](const auto& row) { return !asked_.options.filter.wants(*row.subject, row.owner); });
  const auto append = [&](std::span<const std::string> line) {
    if (text_.size() <= most_bytes_) append_csv_line(text_, line);
  };
  if (form_ == CostFile::Focus)
    TRY(fleet::each_focus_row(rows, {piece},
                              {*fleet::Currency::named(settings_.currency), settings_.billing_account, settings_.issuer,
                               asked_.zone, settings_.posting.share_by},
                              append));
  else
    for (const fleet::CostRow& row : rows) append(line_of(row, piece, asked_, settings_));
  if (text_.size() > most_bytes_)
    return fail(Code::Invalid,
                "the file has more than {} MiB: ask for a shorter window, for longer pieces, or for some with a filter",
                most_bytes_ >> 20U);
  return {};
}

}  // namespace tessera::server
