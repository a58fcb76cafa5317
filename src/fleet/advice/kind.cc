#include "fleet/advice/kind.h"

#include <algorithm>
#include <array>

namespace tessera::fleet::advice {
namespace {
using std::chrono::hours;

constexpr double kMostOfIt = 0.9;

// A day for what is seen at once; a week for what must have seen each day of one; four for what is paid in advance.
constexpr std::array<KindRow, kKinds> kRows = {{
    {Kind::IdleHeld, "idle-held", hours(24), kMostOfIt, "Held, and nothing is done there",
     "Who waits for input that comes rarely is stopped, too: ask its owner first."},
    {Kind::DropUnused, "drop-unused", hours(24), kMostOfIt, "Some of its GPUs are never touched",
     "A job that takes more GPUs in a later phase will lack them then."},
    {Kind::OverProvisioned, "over-provisioned", hours(24 * 7), kMostOfIt, "A smaller slice would do",
     "More load than in the window will be slower, or run out of memory."},
    {Kind::Share, "share", hours(24 * 7), kMostOfIt, "These would do with one GPU between them",
     "Who shares by time has no memory of its own: one that takes too much ends the others' work."},
    {Kind::Schedule, "schedule", hours(24 * 7), kMostOfIt, "Held day and night, used at certain hours",
     "Who comes at another hour finds nothing there, and a start takes its time."},
    {Kind::CheaperModel, "cheaper-model", hours(24 * 7), kMostOfIt, "Another model serves as much for less",
     "A benchmark is not the workload: latencies may differ, so try one replica first."},
    {Kind::Spot, "spot", hours(24), kMostOfIt, "May be interrupted, and stands on demand",
     "It is interrupted without much notice, and waits while there is no spot capacity."},
    {Kind::Reserve, "reserve", hours(24 * 28), kMostOfIt, "A base that is always held",
     "It is paid for until its end, whether it is used or not."},
    {Kind::Hardware, "hardware", hours(24), 0, "Throttled or sick",
     "What runs there has to move; the fleet is smaller until the board is back."},
    {Kind::Defragment, "defragment", hours(24), 0, "Moves would free whole GPUs",
     "Each move restarts a pod, unless it is moved by hand."},
    {Kind::Quota, "quota", hours(24 * 14), kMostOfIt, "A quota far above what was ever had",
     "A pod beyond the lower quota is refused until somebody raises it."},
    {Kind::QuotaTooSmall, "quota-too-small", hours(24 * 7), kMostOfIt, "A quota refuses pods for which there is room",
     "Its pods take what others would have found free; what else keeps them off those nodes is not known."},
}};

static_assert(std::ranges::is_sorted(kRows, {}, &KindRow::kind));

}  // namespace

std::span<const KindRow> kinds() { return kRows; }

const KindRow& row_of(Kind kind) { return kRows[static_cast<std::size_t>(kind)]; }

std::string_view kind_name(Kind kind) { return row_of(kind).name; }

std::optional<Kind> kind_named(std::string_view name) {
  const auto* const found = std::ranges::find(kRows, name, &KindRow::name);
  return found == kRows.end() ? std::nullopt : std::optional(found->kind);
}

}  // namespace tessera::fleet::advice
