#pragma once
// Who wants to hear of what, and when: silences and maintenance windows (silences that come again), and inhibition.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fleet/alerts/evaluator.h"

namespace tessera::fleet::alerts {

enum class Repeat : std::uint8_t { Never, Daily, Weekly };
inline constexpr std::size_t kRepeats = 3;
std::string_view repeat_name(Repeat repeat);  ///< "never"
std::optional<Repeat> repeat_named(std::string_view name);

/// Alerts that it matches are not told of from `starts` until `ends`; where it repeats, also whole days or weeks later,
/// for as long, from when clocks of the zone show that time of the day. One without matchers is of all.
struct Silence {
  std::string id{};
  std::vector<Matcher> matchers{};  ///< of labels; alertname and severity are among them
  EpochMs starts = 0, ends = 0;     ///< [starts, ends)
  Repeat repeat = Repeat::Never;
  std::string comment{};
  std::string created_by{};
  EpochMs created = 0;
  std::string time_zone = "UTC";  ///< by its IANA name
  bool operator==(const Silence&) const = default;
};

/// Of a day on which clocks show the time twice it begins with the first; where they skip it, when they do. In a zone
/// that the system does not know it does not come again: then alerts are told.
bool is_in_force(const Silence& silence, EpochMs time);
/// It will never be in force again.
bool is_over(const Silence& silence, EpochMs time);

/// With the labels that all alerts have.
LabelSet alert_labels(const Rule& rule, const LabelSet& subject);

/// An alert that fires, and why it is not told of.
struct Standing {
  Track track;
  LabelSet labels;           ///< see alert_labels()
  std::string inhibited_by;  ///< name of the other alert; empty: none
  std::string silenced_by;   ///< id; empty: none
  bool is_told() const { return inhibited_by.empty() && silenced_by.empty(); }
};

/// Of all tracks, pending ones too, in their order. A track of a rule that `of` does not have is left out.
std::vector<Standing> standing(const std::vector<Track>& tracks, const Evaluator& of, std::span<const Silence> silences,
                               EpochMs time);

}  // namespace tessera::fleet::alerts
