#pragma once
// A connection to a Kubernetes API server. Not thread-safe: one Api a thread, each keeps its connections.
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "http/client.h"

namespace tessera::kube {

/// Where it is and who we are. Files are read again when they change: kubelets renew tokens and CAs under us.
struct ApiServer {
  std::string url{};                   ///< "https://10.0.0.1:443", without a path's last '/'
  std::filesystem::path token_file{};  ///< empty: no token is sent
  std::filesystem::path ca_file{};     ///< empty: the system's CAs
  /// What else belongs into each request, such as credentials of other kinds and a proxy; asked before every one.
  std::function<Result<void>(http::ClientRequest&)> prepare{};
  std::string user_agent = "tessera";
};

inline constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/// As a pod finds it: KUBERNETES_SERVICE_HOST and _PORT, and the files of its service account. NotFound where this is
/// no pod.
Result<ApiServer> in_cluster(const std::filesystem::path& account = kServiceAccount);

using Query = std::vector<std::pair<std::string, std::string>>;

/// The path and the query as a URL has them.
std::string with_query(std::string_view path, const Query& query);

struct ApiRequest {
  std::string path{};  ///< "/api/v1/pods"
  Query query{};
  std::string method = "GET";
  std::string body{};
  std::string content_type = "application/json";
  Milliseconds deadline{30'000};  ///< of the head alone in stream()
  Milliseconds stall_limit{0};    ///< stream() only
  std::size_t max_body_bytes = 64U << 20U;
};

class Api {
 public:
  explicit Api(ApiServer server);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// The body of a 2xx reply; anything else is an error with the server's reason, and for 403 with the missing right.
  Result<std::string> get(std::string_view path, const Query& query = {});

  /// Any HTTP status is a reply; a 401 only after the token was read again and the request was sent once more.
  Result<http::ClientResponse> send(const ApiRequest& request);

  /// As send, and ends at a stop, at once. The head has the deadline, and so has each silence after it.
  Result<http::ClientResponse> send(const ApiRequest& request, const std::stop_token& stop);

  /// As send, with the body as http::Client::stream gives it.
  Result<http::ClientResponse> stream(const ApiRequest& request, const std::function<bool(std::string_view)>& on_chunk,
                                      const std::stop_token& stop);

  /// "GET https://10.0.0.1:443/api/v1/pods", for messages.
  std::string tried(const ApiRequest& request) const;

 private:
  using Call = std::function<Result<http::ClientResponse>(const http::ClientRequest&)>;
  Result<http::ClientResponse> with_token(const ApiRequest& request, const Call& call);
  Result<http::ClientRequest> http_request(const ApiRequest& request);
  Result<void> refresh();

  ApiServer server_;
  std::unique_ptr<http::Client> client_;
  std::string token_;
  SteadyTime read_again_{};  ///< when token and CA are looked at next
  std::string ca_;           ///< the CA file's text as the connections know it
};

}  // namespace tessera::kube
