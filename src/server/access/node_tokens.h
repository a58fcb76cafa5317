#pragma once
// Tokens of the service account that node agents of this cluster have: the API server says whose they are, and on which
// node the pod is that they were made for.
#include <chrono>
#include <mutex>
#include <semaphore>
#include <set>
#include <string>
#include <unordered_map>

#include "base/duration.h"
#include "base/result.h"
#include "kube/api.h"

namespace tessera::server {

/// What such a token has to be made for.
inline constexpr const char* kTokenAudience = "tessera";

/// The name of a node's key, by which it asks for its layout: nodes have names of their own within a cluster.
std::string node_key_name(const std::string& cluster, const std::string& node);

/// Thread-safe.
class NodeTokens {
 public:
  /// `accounts`: whose pods are taken for their nodes, as "namespace/name".
  NodeTokens(kube::ApiServer server, std::set<std::string> accounts);

  /// The node of the token's pod, looked up once a minute at most. Invalid where the API server does not know the token
  /// or it is for another audience, Denied where it is of another account or of no pod that runs, Unavailable where the
  /// API server cannot be asked.
  Result<std::string> node_of(const std::string& token, SteadyTime now);

 private:
  struct Known {
    std::string node;
    SteadyTime until;
  };
  Result<std::string> ask(const std::string& token);
  Result<std::string> review(const std::string& token);
  Result<std::string> node_of_pod(const std::string& space, const std::string& name, const std::string& uid);

  const std::set<std::string> accounts_;
  std::counting_semaphore<> asking_;  ///< who waits for the API server holds a thread that others need
  std::mutex api_mutex_;
  kube::Api api_;  // guarded by api_mutex_
  std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;  // by SHA-256 of the token; guarded by mutex_
};

}  // namespace tessera::server
