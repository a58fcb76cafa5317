#include "agent/secure.h"

#include "config/web_config.h"
#include "http/basic_auth.h"

namespace tessera::agent {

namespace {

http::TlsOptions tls_options(const config::WebConfig::Tls& web) {
  http::TlsOptions tls;
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

Result<http::ServerOptions> server_options(const Options& options) {
  http::ServerOptions server;
  server.address = options.address;
  if (options.web_config.empty()) return server;
  const config::WebConfig web = TRY(config::load_web_config(options.web_config));
  server.headers = web.headers;
  if (web.tls) server.tls = tls_options(*web.tls);
  if (!web.users.empty()) server.authenticate = http::basic_authenticator(web.users);
  return server;
}

}  // namespace tessera::agent
