#pragma once
// Inside the room: selectors of pods and of nodes.
#include <string>
#include <string_view>

#include "kube/selector.h"
#include "operator/spec.h"

namespace tessera::operate {

kube::Selector to_kube(const LabelSelector& selector);

/// The group of the nodes that no override has.
inline constexpr std::string_view kRest = "default";

/// The part of an override's DaemonSet's name that is its own: its name, else eight letters made of its selector.
std::string name_of(const Override& group);

}  // namespace tessera::operate
