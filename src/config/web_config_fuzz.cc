#include <cassert>
#include <cstdint>

#include "config/web_config.h"

// What is accepted can be served: files are named where they are needed, and nothing that looks like a lock is open.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tessera::config::WebConfig;
  const auto config = tessera::config::parse_web_config({reinterpret_cast<const char*>(data), size}, "/etc/web.yml");
  if (!config) {
    assert(config.error().what.starts_with("/etc/web.yml:"));
    return 0;
  }
  for (const auto& [user, hash] : config->users) assert(hash.size() == 60 && user.find(':') == std::string::npos);
  for (const auto& [name, value] : config->headers) assert(value.find_first_of("\r\n") == std::string::npos);
  if (!config->tls) return 0;
  const auto& tls = *config->tls;
  assert(!tls.cert_file.empty() && !tls.key_file.empty() && tls.min_version <= tls.max_version);
  assert((tls.client_certificate == WebConfig::ClientCertificate::NotAsked) == tls.client_ca_file.empty());
  return 0;
}
