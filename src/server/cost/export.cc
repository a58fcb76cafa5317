#include "server/cost/export.h"

#include <algorithm>

#include "fleet/cost/focus.h"
#include "server/csv.h"

namespace tessera::server {
namespace {

constexpr std::string_view kColumns[] = {"start",       "end",      "currency",         "cluster",  "node",
                                         "pool",        "model",    "purchase",         "deviceId", "deviceUuid",
                                         "gpuInstance", "profile",  "namespace",        "pod",      "podUid",
                                         "team",        "project",  "costCentre",       "kind",     "basis",
                                         "correction",  "gpuHours", "unpricedGpuHours", "cost"};

/// Exact: millionths of an hour.
std::string hours_text(std::int64_t device_ms) {
  constexpr fleet::Wide kHour = 3'600'000;
  const fleet::Wide millionths = fleet::Wide{device_ms} * fleet::kUnit;
  return fleet::decimal(static_cast<fleet::Micros>((millionths + (millionths < 0 ? -kHour / 2 : kHour / 2)) / kHour));
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
          std::string(fleet::cost_kind_name(row.kind)),
          std::string(fleet::cost_basis_name(row.basis)),
          row.corrects_at ? "true" : "false",
          hours_text(row.amount.device_ms),
          hours_text(row.amount.unpriced_ms),
          fleet::decimal(row.amount.micros)};
}

std::vector<std::vector<std::string>> lines_of(const std::vector<fleet::CostRow>& rows, const CostAsked& asked,
                                               const CostSettings& settings) {
  std::vector<std::vector<std::string>> out;
  for (const fleet::CostRow& row : rows) {
    const auto behind = std::ranges::upper_bound(asked.pieces, row.bucket, {}, &fleet::CostWindow::from);
    if (behind != asked.pieces.begin()) out.push_back(line_of(row, *std::prev(behind), asked, settings));
  }
  return out;
}

}  // namespace

Result<std::string> cost_file(CostFile form, const std::vector<fleet::CostRow>& all, const CostAsked& asked,
                              const CostSettings& settings) {
  std::vector<fleet::CostRow> rows = all;
  std::erase_if(rows, [&](const auto& row) { return !asked.options.filter.wants(*row.subject, row.owner); });
  std::string out;
  const bool focus = form == CostFile::Focus;
  append_csv_head(out, focus ? fleet::focus_columns() : std::span<const std::string_view>(kColumns));
  const auto lines = focus ? TRY(fleet::focus_rows(rows, asked.pieces,
                                                   {*fleet::Currency::named(settings.currency),
                                                    settings.billing_account, settings.issuer, asked.zone}))
                           : lines_of(rows, asked, settings);
  for (const auto& line : lines) append_csv_line(out, line);
  return out;
}

}  // namespace tessera::server
