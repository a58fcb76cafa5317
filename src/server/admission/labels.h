#pragma once
// What a pod says by its labels of the GPU that it is to get: each is a member of the body of POST /gpu/allocations.
// Labels and not annotations, so that the API server's objectSelector keeps all other pods away from the webhook.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fleet/cluster/cluster.h"
#include "server/allocation_wish.h"

namespace tessera::server {

inline constexpr std::string_view kGate = "tessera.dev/allocation";
/// Annotations that are written to pods: what was decided at admission, and what became of it.
inline constexpr std::string_view kDecisionNote = "tessera.dev/gpu-decision";
inline constexpr std::string_view kStateNote = "tessera.dev/gpu-allocation";
/// Which container gets the device.
inline constexpr std::string_view kContainerLabel = "tessera.dev/gpu-container";

/// How a label's text stands in the body.
enum class LabelForm : std::uint8_t { Text, Number, Flag, List };

struct LabelRow {
  std::string_view label;
  std::string_view member;
  LabelForm form = LabelForm::Text;
  bool asks = false;  ///< with it alone a pod asks for a device
};
std::span<const LabelRow> label_rows();

/// Whether they ask for a device.
bool asks_by_label(const fleet::LabelMap& labels);

/// Whose wish it is.
struct Asking {
  std::string cluster;
  std::string space;  ///< namespace
  std::string pod;
  std::string resource{};     ///< that the pod has already; empty: none is decided
  std::int64_t priority = 0;  ///< of the pod
  std::string team{};
};

/// It waits. Invalid with the label that is wrong and what is expected.
Result<AllocationWish> wish_of_labels(const fleet::LabelMap& labels, const Asking& asking);

/// What is written to pods and to people: valid UTF-8 of at most so many bytes.
std::string clipped(std::string_view text, std::size_t most = 1'024);

/// "tessera.dev/gpu-memroy": a label that looks like one of these and is none, with the nearest one.
std::optional<std::string> strange_label(const fleet::LabelMap& labels);

}  // namespace tessera::server
