#pragma once
// Alerts: what a restart goes on with, what has happened, silences, and how far each receiver is.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fleet/alerts/silence.h"
#include "store/database.h"

namespace tessera::store {

/// An alert that began to fire or was resolved.
struct AlertEvent {
  std::int64_t id = 0;  ///< grows
  EpochMs time = 0;
  fleet::alerts::Phase phase{};
  std::string why{};  ///< "observed"
  std::string alert{};
  std::string subject{};
  std::string severity{};
  fleet::alerts::LabelSet labels{};
  std::string summary{};
  EpochMs fired = 0;  ///< when it began
  double value = 0;
  bool told = true;  ///< a begin: neither silenced nor inhibited then; an end: its begin was told
  bool operator==(const AlertEvent&) const = default;
};

/// `name`: "looked", "told", "baselines". Empty before it was kept first.
Result<std::string> alert_state(Database& database, const std::string& name);
Result<void> keep_alert_state(Database& database, const std::string& name, const std::string& state);

struct KeptTrack {
  fleet::alerts::Track track;
  EpochMs looked = 0;  ///< the round in which it was written; 0: by a server of before there were rows
  bool operator==(const KeptTrack&) const = default;
};
/// In the order of rules' names and subjects.
Result<std::vector<KeptTrack>> alert_tracks(Database& database);
/// In a transaction of the caller's. `gone`: rules and keys of subjects. What a server of before there were rows has
/// kept goes: whoever read it keeps it anew.
Result<void> keep_alert_tracks(Database& database, const std::vector<KeptTrack>& tracks,
                               const std::vector<std::pair<std::string, std::string>>& gone);

/// The id of the newest event; 0 before the first.
Result<std::int64_t> last_alert_event(Database& database);
/// In a transaction of the caller's: gives each the next id.
Result<void> add_alert_events(Database& database, std::vector<AlertEvent>& events);
/// The first `most` behind the id, in their order.
Result<std::vector<AlertEvent>> alert_events_behind(Database& database, std::int64_t id, std::size_t most);
/// Those in [from, to), the latest first; the `most` latest. Empty names do not filter.
Result<std::vector<AlertEvent>> alert_history(Database& database, EpochMs from, EpochMs to, const std::string& alert,
                                              std::size_t most);
Result<void> drop_alert_events_before(Database& database, EpochMs time);

/// By id.
Result<std::vector<fleet::alerts::Silence>> alert_silences(Database& database);
Result<void> put_alert_silence(Database& database, const fleet::alerts::Silence& silence);
/// Those that are over by then for good.
Result<void> drop_alert_silences_before(Database& database, EpochMs time);
/// False where there is none.
Result<bool> drop_alert_silence(Database& database, const std::string& id);

/// Absent: the receiver is new.
Result<std::optional<std::int64_t>> alert_delivery(Database& database, const std::string& receiver);
Result<void> note_alert_delivery(Database& database, const std::string& receiver, std::int64_t event);

}  // namespace tessera::store
