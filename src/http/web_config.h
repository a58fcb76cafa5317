#pragma once
// Prometheus' web configuration file (exporter-toolkit): tls_server_config and basic_auth_users with bcrypt hashes.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/server.h"

namespace tessera::http {

struct WebConfig {
  std::optional<TlsOptions> tls;
  std::map<std::string, std::string> users;  ///< name -> bcrypt hash
};

/// Reads the YAML file; an unknown or unsupported key is refused by its name and line. Relative paths are taken from
/// the file's own directory, as Prometheus does.
Result<WebConfig> load_web_config(const std::string& path);

/// Whether `password` has this bcrypt hash ($2a$, $2b$, $2y$). Takes as long for a wrong one.
bool bcrypt_matches(std::string_view password, const std::string& hash);

/// The check for ServerOptions::authenticate; answers for unknown users take as long as for known ones. Correct pairs
/// are remembered (hashed), so that a scrape does not pay for bcrypt each time.
std::function<bool(std::string_view, std::string_view)> basic_authenticator(const WebConfig& config);

}  // namespace tessera::http
