#pragma once
// What NVIDIA's device plugin lists of a node's devices as they are cut, against what the node says that it can give.
// Pure.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "server/node_changes/rules.h"

namespace tessera::server::nodes {

/// "nvidia.com/mig-1g.10gb.me" of "1g.10gb+me".
std::string mig_resource(std::string_view profile);

/// A device that stands.
struct CutDevice {
  bool mig = false;                     ///< its mode
  std::vector<std::string> profiles{};  ///< of its compute instances: "1g.10gb", "1c.3g.40gb"
  bool operator==(const CutDevice&) const = default;
};
/// All devices of a node; what nobody knows of is absent.
using CutNode = std::vector<std::optional<CutDevice>>;

struct Listing {
  bool exact = false;
  bool too_much = false;     ///< more is promised to pods than stands
  std::string difference{};  ///< unless exact: one sentence
  bool operator==(const Listing&) const = default;
};

Strategy strategy_of(Strategy asked, const fleet::LabelMap& node_labels);

/// A plugin that shares instances lists each several times: a multiple of what stands is as good. Of a node with a
/// device that nobody knows of, more may be listed than is known.
Listing compare(const CutNode& stands, Strategy strategy, const fleet::GpuAmounts& allocatable);

}  // namespace tessera::server::nodes
