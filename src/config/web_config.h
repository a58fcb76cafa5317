#pragma once
// Prometheus' web configuration file (exporter-toolkit): TLS, headers, and users with bcrypt hashes. Plain values; who
// serves maps them to http::ServerOptions.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tessera::config {

struct WebConfig {
  enum class ClientCertificate { NotAsked, Optional, Required };
  struct Tls {
    std::string cert_file, key_file;
    std::string client_ca_file;  ///< set unless NotAsked
    ClientCertificate client_certificate = ClientCertificate::NotAsked;
    std::string min_version = "TLS12", max_version = "TLS13";
    std::vector<std::string> cipher_suites;  ///< IANA names
    std::vector<std::string> curves;         ///< as OpenSSL names them
    bool prefer_server_ciphers = true;
    bool operator==(const Tls&) const = default;
  };
  std::optional<Tls> tls;
  std::vector<std::pair<std::string, std::string>> headers;  ///< for every reply
  std::map<std::string, std::string> users;                  ///< to bcrypt hashes; empty: no authentication
  bool operator==(const WebConfig&) const = default;
};

/// What is not known or not supported is refused by its name, line and column. Relative paths are taken from `file`'s
/// folder, as Prometheus does.
Result<WebConfig> parse_web_config(std::string_view text, const std::string& file);
Result<WebConfig> load_web_config(const std::string& path);

}  // namespace tessera::config
