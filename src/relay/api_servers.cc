#include "relay/api_servers.h"

#include "base/files.h"
#include "base/text.h"
#include "relay/http_settings.h"

namespace tessera::relay {

Result<kube::ApiServer> server_of(const PodDiscovery& discovery, const std::string& service_account) {
  kube::ApiServer server;
  if (discovery.api_server.empty()) {
    server = TRY(kube::in_cluster(service_account));
  } else {
    server.url = discovery.api_server;
    while (server.url.ends_with('/')) server.url.pop_back();
    server.ca_file = discovery.http.tls.ca_file;  // known here too, so that connections end when it changes
    server.prepare = [settings = discovery.http](http::ClientRequest& request) -> Result<void> {
      TRY(add_http_settings(settings, request));
      request.max_redirects = 0;  // credentials are for this server; one that sends us elsewhere is not it
      return {};
    };
  }
  server.user_agent = "tessera-relay/" TESSERA_VERSION;
  return server;
}

bool share_server(const PodDiscovery& a, const PodDiscovery& b) {
  return a.api_server == b.api_server && a.http == b.http;
}

std::string own_namespace(const std::string& service_account) {
  const auto text = read_file(service_account + "/namespace");
  return text ? std::string(trim(*text)) : "";
}

std::string pods_path(const std::string& pod_namespace) {
  return pod_namespace.empty() ? "/api/v1/pods" : "/api/v1/namespaces/" + pod_namespace + "/pods";
}

}  // namespace tessera::relay
