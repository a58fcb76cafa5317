#pragma once
// What is to be done next to a node whose devices are to be cut: from what is seen of it to one step. Without memory
// and without a clock of its own, so that whoever comes after a crash decides as the one before would have.
//
//   nothing ─▶ changing ─▶ listing ─▶ nothing       cordoned from the first arrow to the last
//                 │           └─────▶ stopped ─▶ nothing, or changing
//                 └─ its agent is told what is wanted only here
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/node_changes/listing.h"
#include "server/node_changes/progress.h"
#include "server/node_changes/rules.h"

namespace tessera::server::nodes {

/// How far a device is from what is wanted of it.
enum class Course {
  Stands,  ///< as wanted
  Open,    ///< to be cut
  Held,    ///< to be cut, but not now: what has to go is somebody's, or nobody knows
  Ended    ///< its agent will not do it
};
struct DeviceSight {
  std::string id;  ///< for sentences: "GPU-…"
  std::int64_t generation = 0;
  Course course = Course::Open;
  std::string says{};                 ///< of Held and Ended, and what its agent says of Open
  std::optional<EpochMs> asked_at{};  ///< by somebody; absent: the server wants it for allocations
  bool changed = false;               ///< of Ended: somebody else has changed it, by what was told since it is wanted
};

struct PluginPod {
  std::string space, name, uid;
  std::optional<EpochMs> ready_since{};  ///< absent: it is not ready
  bool going = false;                    ///< it is being deleted
  bool operator==(const PluginPod&) const = default;
};

/// What is seen of NVIDIA's mig-manager on the node.
struct ManagerSight {
  bool here = false;      ///< it has this node: nobody else cuts there
  std::string label{};    ///< nvidia.com/mig.config
  std::string owner{};    ///< whose that label is; empty: ours, or there is none
  std::string state{};    ///< nvidia.com/mig.config.state
  std::string entry{};    ///< what the label is to be; empty: nobody can tell
  bool written = false;   ///< that entry has been in its file for long enough
  bool told_anew = true;  ///< each device has been told of since the node was cordoned
};

struct NodeSight {
  bool unschedulable = false;  ///< by whomever
  bool ready = true;
  std::optional<Progress> change{};    ///< the annotation
  std::vector<DeviceSight> devices{};  ///< of which something is wanted
  bool agent_asks = false;             ///< its layout container has asked lately
  bool agent_dry_run = false;          ///< and changes nothing
  bool let_go = true;                  ///< no document is in force at it
  Listing listing{};                   ///< what stands, against what the node says
  std::vector<PluginPod> plugins{};    ///< of the device plugin, on this node
  ManagerSight manager{};
};

struct Verdict {
  enum class Act {
    Nothing,
    Write,    ///< the annotation and, where it says so, the cordon
    Release,  ///< annotation and cordon of ours away
    Restart,  ///< delete the plugin's pods that the annotation names
    Label     ///< set mig-manager's label to the annotation's entry
  };
  Act act = Act::Nothing;
  Progress change{};  ///< of Write
  bool told = false;  ///< whether its agent is told what is wanted
  /// What a person sees: "waiting", "changing", "listing", "stopped", "stuck" (it does not go on by itself, and the
  /// node stays cordoned) or "dry-run"; empty: nothing is to be done.
  std::string_view state{};
  std::string reason{};
  /// What it waits for is neither a window nor other nodes' turn: it may never come, and whoever needs the layout may
  /// look elsewhere.
  bool blocked = false;
  std::string unlisted{};              ///< what of that which stands the node does not list, as Listing has it
  std::vector<DeviceSight> changed{};  ///< by somebody else: nothing comes of what is wanted of these
};

/// Why nothing is cut on a node, whatever is wanted there; empty: it may be. Of `node` only its agent and its
/// mig-manager count.
std::string why_never(const NodeSight& node, const Rules& rules);

/// `why_not_begin`: why no other node may be cordoned now; empty: one may.
Verdict next_step(const NodeSight& node, const Rules& rules, std::string_view why_not_begin, EpochMs now);

/// Whether it counts against the nodes that may be changed at once: it is cordoned by us, or shows that the plugin
/// lists nothing, which would come to the next node too.
bool is_under_way(const std::optional<Progress>& change);

struct Pool {
  std::size_t nodes = 0;        ///< with GPUs
  std::size_t schedulable = 0;  ///< of them, ready and not cordoned
  std::size_t under_way = 0;
};
/// Why a node of the pool may not be begun with; empty: it may. One that is under way already takes no other's turn.
std::string why_not_begin(const Pool& pool, const Rules& rules, const NodeSight& node);

}  // namespace tessera::server::nodes
