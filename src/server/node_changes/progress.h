#pragma once
// How far the change of a node has come, as an annotation of the node keeps it: whoever leads next goes on from there.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"

namespace tessera::server::nodes {

enum class Stage {
  Changing,  ///< its devices are being cut
  Listing,   ///< the device plugin is to list them anew
  Stopped    ///< it has ended otherwise than it should
};
std::string_view stage_name(Stage stage);  ///< "changing"

struct Progress {
  Stage stage = Stage::Changing;
  EpochMs since = 0;                    ///< in this stage
  bool cordoned = false;                ///< by us, and so ours to end
  std::int64_t generation = 0;          ///< of the newest layout that it is about
  std::string why{};                    ///< for who finds the node cordoned
  std::vector<std::string> replaced{};  ///< UIDs of the plugin's pods that list what stood before
  std::string entry{};                  ///< what mig-manager's label is set to; empty: not yet
  std::string trouble{};                ///< why it has not come to its end
  bool unlisted = false;                ///< Stopped: because the plugin does not list what stands
  bool operator==(const Progress&) const = default;
};

inline constexpr std::string_view kAnnotation = "tessera.dev/layout-change";

/// JSON.
std::string annotation_text(const Progress& change);
/// Absent for what annotation_text() has not written: then it is nobody's change.
std::optional<Progress> read_annotation(std::string_view text);

}  // namespace tessera::server::nodes
