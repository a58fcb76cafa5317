#pragma once
// An HTTP client over libcurl. One Client per thread; it keeps connections alive between calls. Redirects are replies
// unless asked for, and proxies of the environment are not used: targets are named exactly.
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::http {

struct ClientRequest {
  std::string url;
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;       ///< Authorization and Cookie count as home headers
  std::vector<std::pair<std::string, std::string>> home_headers;  ///< what may be a secret: no redirect takes it along
  std::string body;
  Milliseconds deadline{10'000};  ///< for the whole call; for the head of the reply alone in stream()
  Milliseconds stall_limit{0};    ///< stream() only: the longest silence; 0: any
  std::size_t max_body_bytes = 16U << 20U;
  std::string unix_socket;                ///< connect here instead of the URL's host
  bool http2_prior_knowledge = false;     ///< cleartext HTTP/2 without upgrade, as gRPC speaks it
  bool fresh_connection = false;          ///< neither take nor leave a kept connection
  std::string ca_file;                    ///< empty: the system's
  std::string cert_file, key_file;        ///< what we show to a server that asks for a client certificate
  std::string ca_pem, cert_pem, key_pem;  ///< in place of the files: what they would hold
  std::string tls_least, tls_most;        ///< "TLS12" or "TLS13"; empty: libcurl's choice
  std::string basic_user, basic_password;
  bool insecure_skip_verify = false;       ///< take any certificate
  std::string server_name;                 ///< what an https certificate must name, and SNI; empty: the URL's host
  std::string proxy_url;                   ///< "http://host:port", https:// or socks5://; empty: direct
  std::string proxy_user, proxy_password;  ///< as they are: nothing in them is a URL's
  /// Followed to http and https. Another host (another port or scheme too) is told neither user and password nor the
  /// home headers.
  unsigned max_redirects = 0;
  bool operator==(const ClientRequest&) const = default;
};

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>>
      headers;  ///< names in lower case; HTTP/2 trailers follow the headers
  std::string body;
  std::string_view header(std::string_view name) const;  ///< the last of that name; empty where absent
};

class Client {
 public:
  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// An error is a failure to get a reply (Unavailable; Denied for a socket without access); any HTTP status is a
  /// reply.
  Result<ClientResponse> send(const ClientRequest& request);

  /// As send, but the body of a 2xx reply goes to `on_chunk` as it comes, for as long as it comes: first an empty chunk
  /// when the head is there, then parts cut anywhere; false from it ends the call well. Other replies keep their body.
  /// Unavailable also when the body is cut short, when nothing came for `stall_limit`, and at a stop, at once.
  Result<ClientResponse> stream(const ClientRequest& request, const std::function<bool(std::string_view)>& on_chunk,
                                const std::stop_token& stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::http
