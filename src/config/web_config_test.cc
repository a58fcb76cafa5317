#include "config/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

constexpr std::string_view kHash = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde";

TEST(WebConfig, ReadsThePrometheusForm) {
  const auto config = parse_web_config(R"(
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ../ca.crt
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  ann: )" + std::string(kHash) + "\n",
                                       "/etc/tessera/web.yml");
  ASSERT_TRUE(config) << config.error().what;
  WebConfig::Tls tls;
  tls.cert_file = "/etc/tessera/server.crt";
  tls.key_file = "/keys/server.key";
  tls.client_ca_file = "/etc/tessera/../ca.crt";
  tls.client_certificate = WebConfig::ClientCertificate::Required;
  tls.min_version = tls.max_version = "TLS13";
  tls.cipher_suites = {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"};
  tls.curves = {"X25519", "P-256"};
  tls.prefer_server_ciphers = false;
  EXPECT_EQ(config->tls, tls);
  EXPECT_THAT(config->headers,
              ElementsAre(Pair("X-Frame-Options", "deny"), Pair("Strict-Transport-Security", "max-age=31536000")));
  EXPECT_THAT(config->users, ElementsAre(Pair("ann", std::string(kHash))));
}

TEST(WebConfig, EmptyPartsAskForNothing) {
  for (const auto* text :
       {"", "{}", "tls_server_config:\n", "tls_server_config: {}\nbasic_auth_users: {}\n",
        "http_server_config: {http2: false}", "http_server_config: {headers: {X-Frame-Options: }}"}) {
    const auto config = parse_web_config(text, "web.yml");
    if (std::string_view(text).find("Options") != std::string_view::npos) {
      EXPECT_FALSE(config) << text;  // a header without a value is a mistake
      continue;
    }
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_EQ(*config, WebConfig{}) << text;
  }
}

TEST(WebConfig, RefusesByNameAndLine) {
  const std::string tls = "tls_server_config:\n  cert_file: c\n  key_file: k\n";
  static const struct {
    std::string text;
    std::string_view says;
  } kCases[] = {
      {"tls_sever_config: {}",
       "web.yml:1:1: tls_sever_config: this key is not known; did you mean 'tls_server_config'?"},
      {tls + "  cert_fiel: x\n",
       "web.yml:4:3: tls_server_config.cert_fiel: this key is not known; did you mean 'cert_file'?"},
      {"tls_server_config: {key_file: k}", "tls_server_config: cert_file is missing"},
      {"tls_server_config: {cert_file: c}", "tls_server_config: key_file is missing"},
      {tls + "  cert: |\n    x\n", "tls_server_config.cert: not supported: the certificate cannot stand in this file"},
      {tls + "  client_allowed_sans: [a]\n", "client_allowed_sans: not supported"},
      {tls + "  client_auth_type: RequireAnyClientCert\n  client_ca_file: x\n",
       "web.yml:4:21: tls_server_config.client_auth_type: not supported"},
      {tls + "  client_auth_type: Require\n", "expected one of NoClientCert, VerifyClientCertIfGiven"},
      {tls + "  client_auth_type: RequireAndVerifyClientCert\n", "client_ca_file is needed"},
      {tls + "  client_ca_file: x\n", "client certificates would not be asked for"},
      {tls + "  min_version: TLS10\n", "web.yml:4:16: tls_server_config.min_version: not supported: TLS10 is broken"},
      {tls + "  min_version: TLS14\n", "expected one of TLS12, TLS13, found 'TLS14'"},
      {tls + "  min_version: TLS13\n  max_version: TLS12\n", "min_version is above max_version"},
      {tls + "  curve_preferences: [CurveP257]\n", "curve_preferences[0]: expected one of X25519, CurveP256"},
      {"http_server_config: {http2: maybe}", "expected true or false, found 'maybe'"},
      {"http_server_config: {headers: {X-Powered-By: me}}", "X-Powered-By: this key is not known"},
      {"http_server_config: {headers: {X-Frame-Options: \"a\\r\\nb\"}}", "one line"},
      {"rate_limit: {burst: 1}", "web.yml:1:13: rate_limit: not supported"},
      {"basic_auth_users: {ann: s3cret}", "web.yml:1:25: basic_auth_users.ann: expected a bcrypt hash"},
      {"basic_auth_users: {ann: [s3cret]}", "expected a bcrypt hash"},
      {"basic_auth_users: {'a:b': " + std::string(kHash) + "}", "cannot have a colon"},
      {"basic_auth_users: [ann]", "basic_auth_users: expected a map, found a list"},
      {"[]", "web.yml:1:1: expected a map with keys of"},
  };
  for (const auto& c : kCases) {
    const auto config = parse_web_config(c.text, "web.yml");
    ASSERT_FALSE(config) << c.text;
    EXPECT_EQ(config.error().code, Code::Invalid);
    EXPECT_THAT(config.error().what, HasSubstr(std::string(c.says)));
    EXPECT_THAT(config.error().what, Not(HasSubstr("s3cret")));
  }
}

TEST(WebConfig, LoadsAFile) {
  const TempDir dir;
  const std::string path = (dir.path() / "web.yml").string();
  EXPECT_FALSE(load_web_config(path));
  ASSERT_TRUE(write_file_atomically(path, "tls_server_config: {cert_file: c, key_file: k}\n"));
  const auto config = load_web_config(path);
  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->tls->cert_file, (dir.path() / "c").string());
}

}  // namespace
}  // namespace tessera::config
