#pragma once
// Where pods are seen on devices, kept from view to view: what has not changed costs nothing.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/allocation/allocation.h"
#include "fleet/inventory/fleet.h"
#include "fleet/inventory/parts.h"

namespace tessera::fleet {

/// A pod that holds or uses some of a node.
struct SeenPod {
  std::string node;
  std::string uid;  ///< empty where nobody tells
  /// Those whose place is known. Of a shared device the whole, and as `replicas` how many of them the pod holds: how
  /// many there are, and which number it has, is the review's to find.
  std::vector<PromisedPart> parts;
  bool held = false;  ///< by the kubelet's word, not by a process alone
};

class PodSightings {
 public:
  void take(const View& view);
  /// By node: what went by that name before may still be seen where it was. Empty where none is seen.
  std::vector<const SeenPod*> of(std::string_view cluster, std::string_view space, std::string_view pod) const;
  /// "namespace/pod" of another one that is seen on some of a part, or that has the last replica of a shared device;
  /// empty: none is.
  std::string other_on(std::string_view cluster, const PromisedPart& part, std::string_view space,
                       std::string_view pod) const;

 private:
  using Key = std::pair<std::string, std::string>;  ///< cluster, and a node's or a pod's name
  struct KnownNode {
    std::shared_ptr<const Node> node;
    std::vector<Key> pods;
    std::uint64_t turn = 0;
  };
  void forget(const Key& name, const KnownNode& node);
  std::map<Key, KnownNode> nodes_;
  std::map<Key, std::map<std::string, SeenPod, std::less<>>> pods_;  ///< and by node
  std::uint64_t turn_ = 0;
};

/// Null where the view has no such node, or that node no such device.
const Node* find_node(const View& view, std::string_view cluster, std::string_view name);
const Device* find_device(const View& view, std::string_view cluster, std::string_view node, std::string_view uuid);

/// The whole device as a place: its axis of memory slices, from its profiles; one slice where it has none.
gpu::Placement whole_of(const Device& device);
/// A part of a device as a place; absent where nobody tells where it stands.
std::optional<PromisedPart> place_of(const Node& node, const Device& device, const Part& part);
/// Whether what is promised exists: the instance, or the device uncut.
bool stands(const Device& device, const PromisedPart& part);

}  // namespace tessera::fleet
