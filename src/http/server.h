#pragma once
// An HTTP/1.1 server for plain handlers: handlers run on a small fixed pool, get a whole request, return a whole reply.
// TLS and basic authentication as Prometheus' web configuration file says (config/web_config.h, basic_auth.h). Async
// I/O stays inside.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "http/stream.h"

namespace tessera::http {

struct Request {
  std::string method;
  std::string path;   ///< without query, percent-decoded
  std::string query;  ///< raw, without '?'
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> params;  ///< from `{name}` parts of the route's path
  std::string body;
  std::string peer;                    ///< address of the other side, without port; empty where it has gone
  std::shared_ptr<const void> caller;  ///< who asks, as Route::admit left it
  /// Empty where absent; header names compare without case.
  std::string_view header(std::string_view name) const;
  std::string_view param(std::string_view name) const;
  /// The first of that name in the query, decoded (`+` is a blank); empty where absent or not decodable.
  std::string query_value(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  /// Sent instead of `body` when set: bytes that several responses share, never copied.
  std::shared_ptr<const std::string> shared_body;
  /// Goes on after the head in place of any body, until it is closed or cut; the connection ends with it.
  std::shared_ptr<Stream> stream;
  /// In place of any body: makes the next piece of one that is sent while it is made. Called where handlers run, again
  /// when the client has taken the piece before, so that one is in memory at a time. An empty piece is the end; an
  /// error ends the connection before the last chunk, so that nobody takes a part for the whole.
  std::function<Result<std::string>()> pieces{};
  std::vector<std::pair<std::string, std::string>> headers;
  bool by_server = false;  ///< no handler's: there is no such path, the body is too large, …
};

struct Route {
  std::string method;  ///< "GET" also serves HEAD
  std::string path;    ///< "/metrics", "/gpus/{uuid}"
  std::function<Response(const Request&)> handle;
  /// Called before the body is read, where set: a reply refuses the request, whose body is then not taken.
  std::function<std::optional<Response>(Request&)> admit{};
};

struct TlsOptions {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  ///< empty: client certificates are not asked for
  std::string min_version = "TLS12";
  std::string max_version = "TLS13";
  bool client_certificate_optional = false;  ///< with client_ca_file: none is fine, a wrong one is not
  std::vector<std::string> cipher_suites;    ///< of TLS 1.2, by their IANA names; empty: OpenSSL's choice
  std::vector<std::string> curves;           ///< as OpenSSL names them, the preferred first; empty: its choice
  bool prefer_server_ciphers = true;
  Milliseconds check_files_every{2'000};  ///< changed files are taken up for new connections, good or not at all
};

struct ServerOptions {
  std::string address =
      ":8080";  ///< HOST:PORT, [::1]:PORT, :PORT for all interfaces (IPv6 and IPv4); port 0: a free one
  std::optional<TlsOptions> tls;
  /// Called with user and password of each request where set; false is answered with 401.
  std::function<bool(std::string_view user, std::string_view password)> authenticate;
  /// The last touch to every reply, also to those that the server itself makes (of a request that could not be read the
  /// request has only what was).
  std::function<void(const Request&, Response&)> finish;
  unsigned threads = 2;   ///< each does I/O, and runs handlers where `handlers` is 0
  unsigned handlers = 0;  ///< threads for handlers alone: where they wait for something, a database, say
  std::vector<std::pair<std::string, std::string>> headers;  ///< added to every reply
  std::size_t max_header_bytes = 16U << 10U;
  std::size_t max_body_bytes = 1U << 20U;
  std::size_t max_connections = 256;
  Milliseconds read_timeout{10'000};   ///< for the header and the body of a request
  Milliseconds write_timeout{30'000};  ///< for a reply
  Milliseconds idle_timeout{120'000};  ///< between two requests of a connection
};

/// What a server has done and refused since it began.
struct ServerStats {
  std::uint64_t requests = 0;             ///< replied to, whatever the status
  std::uint64_t connections = 0;          ///< open now
  std::uint64_t refused_connections = 0;  ///< over max_connections
  std::uint64_t refused_headers = 0;      ///< over max_header_bytes
  std::uint64_t refused_bodies = 0;       ///< over max_body_bytes
  std::uint64_t unauthorized = 0;
  std::uint64_t timeouts = 0;         ///< connections cut in the middle of a request or a reply
  std::uint64_t failed_handlers = 0;  ///< handlers that threw, and replies of which a piece could not be made
  std::uint64_t streams = 0;          ///< replies that go on, open now
  std::uint64_t cut_streams = 0;      ///< of them, ended because their client read too slowly
  bool operator==(const ServerStats&) const = default;
};

/// Serves from construction until destruction; the destructor lets running replies end for up to 5 s.
class Server {
 public:
  /// Unavailable with the address and the cause (for a port in use: says so and names the flag to change).
  static Result<std::unique_ptr<Server>> listen(ServerOptions options, std::vector<Route> routes);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  std::string address() const;  ///< as bound: host and real port
  std::uint16_t port() const;
  ServerStats stats() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The quality (0..1) that an Accept or Accept-Encoding header gives to `item`; 1 for an absent header, 0 for refused.
/// A media type may carry parameters ("text/plain;version=0.0.4"): a range that gives one of them another value does
/// not match; parameters that `item` does not name (charset, escaping) do not count.
double accept_quality(std::string_view header, std::string_view item);

/// Whether an Accept header names `type` (a wildcard names nothing) and gives it no less than `other`.
bool prefers(std::string_view accept, std::string_view type, std::string_view other);

/// Whether an Accept-Encoding header asks for gzip: names it (or "*") and prefers nothing less to it. An absent header
/// allows any encoding, but whoever sends none seldom expects one.
bool wants_gzip(std::string_view accept_encoding);

/// A gzip member holding `text`.
std::string gzip(std::string_view text);

/// A body with its Content-Encoding (gzip, zstd, identity or none) undone. Invalid for another encoding, Unavailable
/// for bytes that are none of it, Denied for what unpacks to more than `max_bytes`: seen before memory for it is taken.
Result<std::string> decoded(std::string_view content_encoding, std::string_view body, std::size_t max_bytes);

}  // namespace tessera::http
