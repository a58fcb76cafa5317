#pragma once
// tessera-server as a person's commands ask it: where it is, who asks, what it said.
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "http/client.h"

namespace tessera::cli {

using JsonValue = nlohmann::ordered_json;

struct ServerPlace {
  std::string url = "http://127.0.0.1:8080";  ///< without a path /k8s-monitor is meant
  std::string key_file{};                     ///< holds the API key; empty: none is shown
  std::string ca_file{};  ///< PEM, whom an https server's certificate is held against; empty: the system's
  Milliseconds patience{5'000};
  bool operator==(const ServerPlace&) const = default;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

class FleetServer {
 public:
  /// Invalid where the file of the key or of the CA cannot be read.
  static Result<FleetServer> open(const ServerPlace& place);

  /// `/gpu/devices` below the API's root, or `/readyz` at the server's. Any status is an answer.
  Result<http::ClientResponse> api(std::string_view path, const Parameters& query, std::string_view accept);
  Result<http::ClientResponse> root(std::string_view path);
  /// The answer of a 2xx as JSON; otherwise what the server said, and what to do about it.
  Result<JsonValue> json(std::string_view path, const Parameters& query = {});
  /// The same as a table, as the server writes it.
  Result<std::string> csv(std::string_view path, const Parameters& query = {});
  /// A file of any length, handed over in parts as it comes. The patience is for its beginning, and for each silence.
  Result<void> file(std::string_view path, const Parameters& query, const std::function<bool(std::string_view)>& take);
  /// Likewise of a POST.
  Result<JsonValue> post(std::string_view path, const JsonValue& body);
  Result<JsonValue> post_file(std::string_view path, const Parameters& query, std::string_view type, std::string body);

  std::string api_url(std::string_view path) const { return base_ + "/api/v1" + std::string(path); }
  std::string root_url(std::string_view path) const { return origin_ + std::string(path); }

 private:
  FleetServer(std::string origin, std::string base, std::string key, const ServerPlace& place)
      : origin_(std::move(origin)),
        base_(std::move(base)),
        key_(std::move(key)),
        ca_file_(place.ca_file),
        patience_(place.patience) {}
  void prepare(http::ClientRequest& request, std::string_view accept) const;
  Result<http::ClientResponse> send(http::ClientRequest request, std::string_view accept);
  std::string url_of(std::string_view path, const Parameters& query) const;
  Result<http::ClientResponse> get(const std::string& url, std::string_view accept);

  std::string origin_, base_, key_, ca_file_;
  Milliseconds patience_;
  std::unique_ptr<http::Client> client_ = std::make_unique<http::Client>();
};

/// The problem that a reply tells, with advice for those that a person can mend: 401, 403, 404.
Error problem_of(const http::ClientResponse& reply, std::string_view url);

}  // namespace tessera::cli
