#pragma once
// What alerts have done to nodes of the cluster that the server runs in.
//  - A cordon is applied by a field manager of its own, without force: one that is a person's or node_changes' too
//  stays
//    when this one goes.
//  - Taints are one value to the API server, whoever set which, so one is put in and taken out of the list that stands,
//    only of the node as it was read.
#include <stop_token>
#include <string>
#include <string_view>

#include "fleet/alerts/actions.h"
#include "kube/api.h"

namespace tessera::server {

inline constexpr std::string_view kAlertTaint = "tessera.dev/alert";
inline constexpr std::string_view kAlertManager = "tessera-alerts";

/// The list of taints in which of ours there is the one of `marks` or none, in JSON; empty: it is so already. `add`:
/// also where there is none of ours now, as one begins. Invalid where somebody else has set it. Pure.
Result<std::string> taints_with(std::string_view node_json, const fleet::alerts::NodeMarks& marks, bool add);

/// Thread contract: one thread. NotFound: there is no such node.
class NodeMarker {
 public:
  explicit NodeMarker(kube::ApiServer server) : api_(std::move(server)) {}

  Result<void> cordon(const std::string& node, bool on, const std::stop_token& stop);
  Result<void> taint(const std::string& node, const fleet::alerts::NodeMarks& marks, bool add,
                     const std::stop_token& stop);

 private:
  Result<std::string> read(const std::string& node, const std::stop_token& stop);
  Result<void> patch(kube::ApiRequest request, const std::stop_token& stop);

  kube::Api api_;
};

}  // namespace tessera::server
