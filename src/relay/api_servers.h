#pragma once
// The Kubernetes API servers that a configuration's discoveries of pods speak to.
#include <span>
#include <string>

#include "base/result.h"
#include "kube/api.h"
#include "relay/config.h"

namespace tessera::relay {

/// The server of a discovery: the one it names, with its credentials, or the cluster that we run in.
Result<kube::ApiServer> server_of(const PodDiscovery& discovery, const std::string& service_account);

/// Whether both speak to the same server as the same client: what one may see, the other may.
bool share_server(const PodDiscovery& a, const PodDiscovery& b);

/// The namespace that we run in, of the service account's folder; empty where we are no pod.
std::string own_namespace(const std::string& service_account);

/// "/api/v1/namespaces/a/pods"; all pods where no namespace is named.
std::string pods_path(const std::string& pod_namespace);

}  // namespace tessera::relay
