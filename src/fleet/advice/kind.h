#pragma once
// What advice there is, as data: one row for each kind. docs/advice.md says the same in words.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/duration.h"

namespace tessera::fleet::advice {

/// In the order in which they are tried: a workload is told of one at a time, so that no saving is counted twice.
enum class Kind : std::uint8_t {
  IdleHeld,         ///< held, and nothing was done there
  DropUnused,       ///< of several devices, some were never touched
  OverProvisioned,  ///< a smaller profile of the same model would do
  Share,            ///< several that would do with one device between them
  Schedule,         ///< held day and night, used at certain hours
  CheaperModel,     ///< another model serves as much for less, by a benchmark
  Spot,             ///< may be interrupted by its own word, and stands on demand
  Reserve,          ///< a base of devices that somebody always has
  Hardware,         ///< throttled or sick
  Defragment,       ///< moves would free whole devices
  Quota,            ///< a namespace may have far more than it ever had
  QuotaTooSmall,    ///< its quota refuses pods for which there is room
};
inline constexpr std::size_t kKinds = 12;

struct KindRow {
  Kind kind;
  std::string_view name;   ///< "idle-held"
  Milliseconds least;      ///< nothing is said by less time than this
  double least_observed;   ///< of that time: so much of it must have been told
  std::string_view title;  ///< in a few words
  std::string_view risk;   ///< what may go wrong
};

std::span<const KindRow> kinds();  ///< by Kind
const KindRow& row_of(Kind kind);
std::string_view kind_name(Kind kind);
std::optional<Kind> kind_named(std::string_view name);

}  // namespace tessera::fleet::advice
