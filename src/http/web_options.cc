#include "http/web_options.h"

#include <utility>

#include "config/web_config.h"
#include "http/basic_auth.h"

namespace tessera::http {
namespace {

TlsOptions tls_options(const config::WebConfig::Tls& web) {
  TlsOptions tls;
  tls.cert_file = web.cert_file;
  tls.key_file = web.key_file;
  tls.client_ca_file = web.client_ca_file;
  tls.client_certificate_optional = web.client_certificate == config::WebConfig::ClientCertificate::Optional;
  tls.min_version = web.min_version;
  tls.max_version = web.max_version;
  tls.cipher_suites = web.cipher_suites;
  tls.curves = web.curves;
  tls.prefer_server_ciphers = web.prefer_server_ciphers;
  return tls;
}

}  // namespace

Result<ServerOptions> web_options(std::string address, const std::string& web_config) {
  ServerOptions server;
  server.address = std::move(address);
  if (web_config.empty()) return server;
  const config::WebConfig web = TRY(config::load_web_config(web_config));
  server.headers = web.headers;
  if (web.tls) server.tls = tls_options(*web.tls);
  if (!web.users.empty()) server.authenticate = basic_authenticator(web.users);
  return server;
}

}  // namespace tessera::http
