#include "server/cost/export.h"

#include "server/csv.h"

namespace tessera::server {
namespace {

// New ones come last: some read columns by their places.
constexpr std::string_view kColumns[] = {"start",       "end",      "currency",         "cluster",  "node",
                                         "pool",        "model",    "purchase",         "deviceId", "deviceUuid",
                                         "gpuInstance", "profile",  "namespace",        "pod",      "podUid",
                                         "team",        "project",  "costCentre",       "kind",     "basis",
                                         "correction",  "gpuHours", "unpricedGpuHours", "cost",     "labels"};

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
          std::string(fleet::cost_kind_name(row.kind)),
          std::string(fleet::cost_basis_name(row.basis)),
          row.corrects_at ? "true" : "false",
          hours_text(row.amount.device_ms),
          hours_text(row.amount.unpriced_ms),
          fleet::decimal(row.amount.micros),
          labels_text(owner.labels)};
}

}  // namespace

CostExport::CostExport(CostFile form, CostAsked asked, http::Request asker, Costs& costs,
                       const Latest<Published>& fleet)
    : form_(form),
      asked_(std::move(asked)),
      asker_(std::move(asker)),
      costs_(costs),
      fleet_(fleet),
      focus_{costs.currency(), costs.settings().billing_account, costs.settings().issuer, asked_.zone,
             costs.settings().posting.share_by} {}

Result<std::string> CostExport::next() {
  std::string out;
  if (!std::exchange(begun_, true))
    append_csv_head(out,
                    form_ == CostFile::Focus ? fleet::focus_columns() : std::span<const std::string_view>(kColumns));
  for (;;) {
    TRY(add_lines(out));
    if (out.size() >= costs_.limits().file_part_bytes || next_piece_ == asked_.pieces.size()) return out;
    TRY(read_piece());
  }
}

Result<void> CostExport::read_piece() {
  piece_ = asked_.pieces[next_piece_++];
  lines_.reset();
  ledger_ = {};
  next_row_ = 0;
  TRY(costs_.each({&piece_, 1}, asked_.zone, fleet_.get()->view->time,
                  [&](const fleet::CostWindow&, store::CostRows rows) -> Result<void> {
                    ledger_ = std::move(rows);
                    return {};
                  }));
  keep_visible(ledger_.rows, viewer_of(asker_));
  std::erase_if(ledger_.rows, [&](const auto& row) { return !asked_.options.filter.wants(*row.subject, row.owner); });
  if (form_ == CostFile::Focus) lines_.emplace(ledger_.rows, std::span(&piece_, 1), focus_);
  return {};
}

Result<void> CostExport::add_lines(std::string& out) {
  while (out.size() < costs_.limits().file_part_bytes) {
    if (lines_) {
      const auto line = TRY(lines_->next());
      if (!line) return {};
      append_csv_line(out, *line);
    } else {
      if (next_row_ == ledger_.rows.size()) return {};
      append_csv_line(out, line_of(ledger_.rows[next_row_++], piece_, asked_, costs_.settings()));
    }
  }
  return {};
}

}  // namespace tessera::server
