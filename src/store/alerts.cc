#include "store/alerts.h"

#include <array>

#include "fleet/alerts/track_text.h"

namespace tessera::store {
namespace {
namespace alerts = fleet::alerts;

constexpr std::string_view kAllTracks = "tracks";  // in alert_state: all of them, of before there were rows

constexpr std::string_view kEventColumns =
    "SELECT id, at, phase, why, alert, subject, severity, labels, summary, fired, sample, told FROM alert_event ";

AlertEvent read_event(const Row& row) {
  return {row.integer(0).value_or(0),
          row.integer(1).value_or(0),
          alerts::phase_named(row.text(2)).value_or(alerts::Phase::Resolved),
          row.text(3),
          row.text(4),
          row.text(5),
          row.text(6),
          alerts::read_labels(row.text(7)),
          row.text(8),
          row.integer(9).value_or(0),
          row.real(10).value_or(0),
          row.integer(11).value_or(1) != 0};
}

Result<std::vector<AlertEvent>> events(Database& database, const std::string& rest, std::span<const Value> values) {
  std::vector<AlertEvent> out;
  TRY(database.each(std::string(kEventColumns) + rest, values,
                    [&](const Row& row) { out.push_back(read_event(row)); }));
  return out;
}

/// `+` before the name of a label that is to be equal, `-` before another one.
std::string matchers_text(const std::vector<alerts::Matcher>& matchers) {
  alerts::LabelSet out;
  for (const alerts::Matcher& one : matchers) out.emplace_back((one.equal ? '+' : '-') + one.label, one.value);
  return alerts::labels_text(out);
}

std::vector<alerts::Matcher> read_matchers(const std::string& text) {
  std::vector<alerts::Matcher> out;
  for (const auto& [name, value] : alerts::read_labels(text))
    if (!name.empty()) out.push_back({name.substr(1), value, name.front() == '+'});
  return out;
}

}  // namespace

Result<std::string> alert_state(Database& database, const std::string& name) {
  std::string out;
  const std::array<Value, 1> values = {name};
  TRY(database.each("SELECT state FROM alert_state WHERE name = ?", values,
                    [&](const Row& row) { out = row.text(0); }));
  return out;
}

Result<void> keep_alert_state(Database& database, const std::string& name, const std::string& state) {
  return database.run(
      "INSERT INTO alert_state (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state",
      {name, state});
}

Result<std::vector<KeptTrack>> alert_tracks(Database& database) {
  std::vector<KeptTrack> out;
  for (alerts::Track& one : alerts::read_tracks(TRY(alert_state(database, std::string(kAllTracks)))))
    out.push_back({std::move(one), 0});
  TRY(database.each("SELECT looked, track FROM alert_track ORDER BY rule, subject", {}, [&](const Row& row) {
    for (alerts::Track& one : alerts::read_tracks(row.text(1)))
      out.push_back({std::move(one), row.integer(0).value_or(0)});
  }));
  return out;
}

Result<void> keep_alert_tracks(Database& database, const std::vector<KeptTrack>& tracks,
                               const std::vector<std::pair<std::string, std::string>>& gone) {
  for (const KeptTrack& one : tracks)
    TRY(
        database.run("INSERT INTO alert_track (rule, subject, looked, track) VALUES (?, ?, ?, ?) ON CONFLICT (rule, "
                     "subject) DO UPDATE SET looked = excluded.looked, track = excluded.track",
                     {one.track.rule, one.track.subject->key, one.looked, alerts::tracks_text({one.track})}));
  for (const auto& [rule, subject] : gone)
    TRY(database.run("DELETE FROM alert_track WHERE rule = ? AND subject = ?", {rule, subject}));
  return database.run("DELETE FROM alert_state WHERE name = ?", {std::string(kAllTracks)});
}

Result<std::int64_t> last_alert_event(Database& database) {
  std::int64_t out = 0;
  TRY(database.each("SELECT MAX(id) FROM alert_event", {}, [&](const Row& row) { out = row.integer(0).value_or(0); }));
  return out;
}

Result<void> add_alert_events(Database& database, std::vector<AlertEvent>& events) {
  std::int64_t id = TRY(last_alert_event(database));
  for (AlertEvent& one : events) {
    one.id = ++id;
    TRY(database.run(
        "INSERT INTO alert_event (id, at, phase, why, alert, subject, severity, labels, summary, fired, sample, told) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {one.id, one.time, std::string(alerts::phase_name(one.phase)), one.why, one.alert, one.subject, one.severity,
         alerts::labels_text(one.labels), one.summary, one.fired, one.value, std::int64_t{one.told ? 1 : 0}}));
  }
  return {};
}

Result<std::vector<AlertEvent>> alert_events_behind(Database& database, std::int64_t id, std::size_t most) {
  const std::array<Value, 2> values = {id, static_cast<std::int64_t>(most)};
  return events(database, "WHERE id > ? ORDER BY id LIMIT ?", values);
}

Result<std::vector<AlertEvent>> alert_history(Database& database, EpochMs from, EpochMs to, const std::string& alert,
                                              std::size_t most) {
  std::vector<Value> values = {from, to};
  if (!alert.empty()) values.emplace_back(alert);
  values.emplace_back(static_cast<std::int64_t>(most));
  return events(
      database,
      std::string("WHERE at >= ? AND at < ?") + (alert.empty() ? "" : " AND alert = ?") + " ORDER BY id DESC LIMIT ?",
      values);
}

/// The newest stays, so that no id is given twice.
Result<void> drop_alert_events_before(Database& database, EpochMs time) {
  const std::int64_t newest = TRY(last_alert_event(database));
  return database.run("DELETE FROM alert_event WHERE at < ? AND id < ?", {time, newest});
}

Result<std::vector<alerts::Silence>> alert_silences(Database& database) {
  std::vector<alerts::Silence> out;
  TRY(database.each(
      "SELECT id, matchers, starts, ends, repeats, note, created_by, created, time_zone FROM alert_silence ORDER BY id",
      {}, [&](const Row& row) {
        out.push_back({row.text(0), read_matchers(row.text(1)), row.integer(2).value_or(0), row.integer(3).value_or(0),
                       alerts::repeat_named(row.text(4)).value_or(alerts::Repeat::Never), row.text(5), row.text(6),
                       row.integer(7).value_or(0), row.text(8)});
      }));
  return out;
}

Result<void> put_alert_silence(Database& database, const alerts::Silence& silence) {
  return database.run(
      "INSERT INTO alert_silence (id, matchers, starts, ends, repeats, note, created_by, created, "
      "time_zone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET matchers = excluded.matchers, "
      "starts = excluded.starts, ends = excluded.ends, repeats = excluded.repeats, note = excluded.note, "
      "created_by = excluded.created_by, created = excluded.created, time_zone = excluded.time_zone",
      {silence.id, matchers_text(silence.matchers), silence.starts, silence.ends,
       std::string(alerts::repeat_name(silence.repeat)), silence.comment, silence.created_by, silence.created,
       silence.time_zone});
}

Result<void> drop_alert_silences_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM alert_silence WHERE repeats = ? AND ends < ?",
                      {std::string(alerts::repeat_name(alerts::Repeat::Never)), time});
}

Result<bool> drop_alert_silence(Database& database, const std::string& id) {
  return TRY(database.change("DELETE FROM alert_silence WHERE id = ?", {id})) > 0;
}

Result<std::optional<std::int64_t>> alert_delivery(Database& database, const std::string& receiver) {
  std::optional<std::int64_t> out;
  const std::array<Value, 1> values = {receiver};
  TRY(database.each("SELECT event FROM alert_delivery WHERE receiver = ?", values,
                    [&](const Row& row) { out = row.integer(0); }));
  return out;
}

Result<void> note_alert_delivery(Database& database, const std::string& receiver, std::int64_t event) {
  return database.run(
      "INSERT INTO alert_delivery (receiver, event) VALUES (?, ?) ON CONFLICT (receiver) DO UPDATE SET event = "
      "excluded.event",
      {receiver, event});
}

}  // namespace tessera::store
