#pragma once
// What is done about alerts, from what is wanted and what has been done. Pure: what it says is kept before anything is
// carried out, so that whoever goes on after a crash knows what may have been done.
//  - An action begins when its alert fires and is told of. From then on it lasts as long as the alert fires, silenced
//  or
//    explained since or not, and its rule has the same action, as dry or in earnest as before.
//  - An alert that was resolved and fires anew is another one: what was done for the first is undone.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/alerts/silence.h"

namespace tessera::fleet::alerts {

enum class Stage : std::uint8_t {
  Beginning,  ///< to be done; it may have been
  Standing,   ///< done
  Ending,     ///< to be undone; it may have been
  Ended
};
inline constexpr std::size_t kStages = 4;
std::string_view stage_name(Stage stage);  ///< "beginning"
std::optional<Stage> stage_named(std::string_view name);
std::optional<Deed> deed_named(std::string_view name);

/// One action for one alert, for as long as it fires.
struct ActionRecord {
  std::int64_t id = 0;  ///< grows; 0: not kept yet
  std::string rule{};
  std::string subject{};  ///< key of the alert's
  std::string cluster{};
  Deed deed{};
  std::string target{};  ///< UUID of the device, name of the node, or the file with the URL
  bool dry_run = true;
  EpochMs fired = 0;  ///< when the alert did
  LabelSet labels{};  ///< of the alert, as it began
  std::string summary{};
  double value = 0;
  Stage stage = Stage::Beginning;
  EpochMs asked = 0;         ///< when it was settled that it is to be done
  EpochMs begun = 0;         ///< 0: not yet
  EpochMs ended = 0;         ///< 0: not yet
  std::string last_error{};  ///< of the last try; empty: it went well, or there was none
  bool stands() const { return stage == Stage::Beginning || stage == Stage::Standing; }
  bool is_due() const { return stage == Stage::Beginning || stage == Stage::Ending; }
  bool operator==(const ActionRecord&) const = default;
};

struct WantedAction {
  ActionRecord action;
  bool may_begin = true;  ///< false: nobody is told of the alert now; what has begun goes on
};

/// Whether alerts about such a thing say which device or node is meant.
bool has_target(Deed deed, Kind kind);

/// In the order of `standing`. An alert that does not say its target has none.
std::vector<WantedAction> wanted_actions(std::span<const Standing> standing, std::span<const Rule> rules);

struct ActionSteps {
  std::vector<ActionRecord> begin;
  std::vector<std::int64_t> end;  ///< ids
};
/// `kept`: those that have not ended.
ActionSteps steps_between(std::span<const WantedAction> wanted, std::span<const ActionRecord> kept);

/// What of a node is to be so, of what is done in earnest. Kubernetes takes one taint of one key and effect: of several
/// alerts it names the first.
struct NodeMarks {
  bool cordon = false;
  std::string taint{};           ///< name of a rule; empty: none
  std::set<std::string> ours{};  ///< names of rules whose taint is ours to change
  bool operator==(const NodeMarks&) const = default;
};
NodeMarks marks_of(const std::string& cluster, const std::string& node, std::span<const ActionRecord> kept);

/// Why nothing is to be promised on a device, by cluster and UUID.
using ExcludedDevices = std::map<std::pair<std::string, std::string>, std::string>;
ExcludedDevices excluded_devices(std::span<const ActionRecord> kept);

/// Whether an earlier one that is not over tells the same receiver of the same alert: they are told in their order.
bool waits_for_another(const ActionRecord& one, std::span<const ActionRecord> kept);

}  // namespace tessera::fleet::alerts
