#pragma once
// What changing nodes asks of the API server, and writes there. Thread contract: one thread.
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api.h"
#include "server/node_changes/next_step.h"

namespace tessera::server::nodes {

/// A node as it is now.
struct SeenNode {
  fleet::ClusterNode node;
  std::string uid{}, version{};
  std::optional<Progress> change{};  ///< our annotation
  std::string label_owner{};         ///< whose mig-manager's label is; empty: ours alone, or there is none
};
/// Pure.
SeenNode read_seen_node(std::string_view json);
std::vector<PluginPod> read_plugin_pods(std::string_view list);

enum class Written {
  Done,
  Again  ///< somebody else has written meanwhile, or it is gone: to be read anew
};

class Cluster {
 public:
  explicit Cluster(kube::ApiServer server);

  /// Absent: there is none of this name.
  Result<std::optional<SeenNode>> node(const std::string& name, const std::stop_token& stop);
  /// Names of nodes with our annotation.
  Result<std::vector<std::string>> annotated(const std::stop_token& stop);
  Result<std::vector<PluginPod>> plugin_pods(const std::string& node, const Rules& rules, const std::stop_token& stop);

  /// The annotation, and the cordon where it has one of ours; without a change both are taken away. Server-side apply
  /// without force, and only of this version: a cordon that is somebody else's too stays when ours goes.
  Result<Written> write(const SeenNode& node, const std::optional<Progress>& change, const std::stop_token& stop);
  /// Only this pod, not another one of its name.
  Result<Written> remove(const PluginPod& pod, const std::stop_token& stop);
  /// mig-manager's label, without force: a person's word stays.
  Result<Written> label(const SeenNode& node, const std::string& entry, const std::stop_token& stop);

  /// The file that mig-manager reads; absent: there is none.
  Result<std::optional<std::string>> config_file(const std::string& config_map, const std::stop_token& stop);
  Result<Written> write_config_file(const std::string& config_map, const std::string& text,
                                    const std::stop_token& stop);

  /// How long the API server asked to be left alone by its last refusal.
  Milliseconds asked_pause() const { return asked_pause_; }

 private:
  Result<std::optional<std::string>> get(kube::ApiRequest request, const std::stop_token& stop);
  Result<Written> apply(const std::string& path, std::string_view manager, std::string body,
                        const std::stop_token& stop);
  Error refused(const kube::ApiRequest& request, const http::ClientResponse& reply);

  kube::Api api_;
  Milliseconds asked_pause_{0};
};

}  // namespace tessera::server::nodes
