#include "store/alert_actions.h"

#include <array>
#include <optional>

#include "fleet/alerts/track_text.h"

namespace tessera::store {
namespace {
namespace alerts = fleet::alerts;

constexpr std::string_view kColumns =
    "SELECT id, rule, subject, cluster, what, target, dry_run, fired, labels, summary, sample, stage, asked, begun, "
    "ended, last_error FROM alert_action ";

/// Times that have not come are absent there and 0 here.
Value time_or_null(EpochMs time) { return time == 0 ? Value() : Value(time); }

/// Absent: another version has written what this one would not know how to undo.
std::optional<alerts::ActionRecord> read_action(const Row& row) {
  const auto deed = alerts::deed_named(row.text(4));
  const auto stage = alerts::stage_named(row.text(11));
  if (!deed || !stage) return std::nullopt;
  return alerts::ActionRecord{.id = row.integer(0).value_or(0),
                              .rule = row.text(1),
                              .subject = row.text(2),
                              .cluster = row.text(3),
                              .deed = *deed,
                              .target = row.text(5),
                              .dry_run = row.integer(6).value_or(1) != 0,
                              .fired = row.integer(7).value_or(0),
                              .labels = alerts::read_labels(row.text(8)),
                              .summary = row.text(9),
                              .value = row.real(10).value_or(0),
                              .stage = *stage,
                              .asked = row.integer(12).value_or(0),
                              .begun = row.integer(13).value_or(0),
                              .ended = row.integer(14).value_or(0),
                              .last_error = row.text(15)};
}

Result<std::vector<alerts::ActionRecord>> actions(Database& database, const std::string& rest,
                                                  std::span<const Value> values) {
  std::vector<alerts::ActionRecord> out;
  TRY(database.each(std::string(kColumns) + rest, values, [&](const Row& row) {
    if (auto one = read_action(row)) out.push_back(*std::move(one));
  }));
  return out;
}

}  // namespace

Result<std::vector<alerts::ActionRecord>> open_alert_actions(Database& database) {
  const std::array<Value, 1> values = {std::string(alerts::stage_name(alerts::Stage::Ended))};
  return actions(database, "WHERE stage <> ? ORDER BY id", values);
}

Result<std::vector<alerts::ActionRecord>> alert_actions(Database& database, std::size_t most) {
  const std::array<Value, 1> values = {static_cast<std::int64_t>(most)};
  return actions(database, "ORDER BY id DESC LIMIT ?", values);
}

Result<void> add_alert_action(Database& database, alerts::ActionRecord& action) {
  std::int64_t last = 0;
  TRY(database.each("SELECT MAX(id) FROM alert_action", {},
                    [&](const Row& row) { last = row.integer(0).value_or(0); }));
  action.id = last + 1;
  return database.run(
      "INSERT INTO alert_action (id, rule, subject, cluster, what, target, dry_run, fired, labels, summary, sample, "
      "stage, asked, begun, ended, last_error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {action.id, action.rule, action.subject, action.cluster, std::string(alerts::deed_name(action.deed)),
       action.target, std::int64_t{action.dry_run ? 1 : 0}, action.fired, alerts::labels_text(action.labels),
       action.summary, action.value, std::string(alerts::stage_name(action.stage)), action.asked,
       time_or_null(action.begun), time_or_null(action.ended), action.last_error});
}

Result<void> note_alert_action(Database& database, const alerts::ActionRecord& action) {
  return database.run("UPDATE alert_action SET stage = ?, begun = ?, ended = ?, last_error = ? WHERE id = ?",
                      {std::string(alerts::stage_name(action.stage)), time_or_null(action.begun),
                       time_or_null(action.ended), action.last_error, action.id});
}

/// The newest stays, so that no id is given twice.
Result<void> drop_alert_actions_before(Database& database, EpochMs time) {
  return database.run(
      "DELETE FROM alert_action WHERE stage = ? AND ended < ? AND id < (SELECT MAX(id) FROM alert_action)",
      {std::string(alerts::stage_name(alerts::Stage::Ended)), time});
}

}  // namespace tessera::store
