#include "config/web_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "base/files.h"
#include "base/text.h"
#include "config/yaml.h"

namespace tessera::config {
namespace {

constexpr std::size_t kMaxBytes = 1U << 20U;

/// Keys of newer or other toolkits, which would change who gets in if they were passed over in silence.
constexpr struct {
  std::string_view key, why;
} kUnsupported[] = {
    {"cert", "the certificate cannot stand in this file; name its file in cert_file"},
    {"key", "the key cannot stand in this file; name its file in key_file"},
    {"client_ca", "the client CA cannot stand in this file; name its file in client_ca_file"},
    {"client_allowed_sans", "client certificates are checked against client_ca_file, not by their names"},
    {"rate_limit", "rates are not limited here"},
    {"auth_excluded_paths", "users are asked for on every path"},
};

constexpr struct {
  std::string_view name;
  std::optional<WebConfig::ClientCertificate> means;
} kClientAuthTypes[] = {
    {"NoClientCert", WebConfig::ClientCertificate::NotAsked},
    {"VerifyClientCertIfGiven", WebConfig::ClientCertificate::Optional},
    {"RequireAndVerifyClientCert", WebConfig::ClientCertificate::Required},
    {"RequestClientCert", std::nullopt},
    {"RequireAnyClientCert", std::nullopt},
};

constexpr struct {
  std::string_view go, openssl;
} kCurves[] = {{"X25519", "X25519"}, {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}};

const std::vector<std::string_view> kHeaders = {"Content-Security-Policy", "Strict-Transport-Security",
                                                "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection"};

Result<void> only_supported(const Node& node, const std::vector<std::string_view>& known) {
  for (const auto& [key, why] : kUnsupported)
    if (const auto there = node.find(key)) return there->error(fmt::format("not supported: {}", why));
  return node.only(known);
}

Result<void> read_path(const Node& node, std::string_view key, const std::string& file, std::string& into) {
  TRY(node.read(key, into));
  if (!into.empty()) into = (std::filesystem::path(file).parent_path() / into).string();
  return {};
}

Result<void> read_client_auth(const Node& node, WebConfig::Tls& tls) {
  const auto type = node.find("client_auth_type");
  const bool given = type && !type->is_null();
  if (given) {
    std::vector<std::string_view> names;
    for (const auto& row : kClientAuthTypes) names.push_back(row.name);
    const std::string name = TRY(type->word(names));
    const auto* row = std::ranges::find_if(kClientAuthTypes, [&](const auto& one) { return one.name == name; });
    if (!row->means)
      return type->error(fmt::format(
          "not supported: {} takes any certificate without a check; RequireAndVerifyClientCert checks it", name));
    tls.client_certificate = *row->means;
  }
  const bool asked = tls.client_certificate != WebConfig::ClientCertificate::NotAsked;
  if (asked && tls.client_ca_file.empty()) return type->error("client_ca_file is needed to verify certificates");
  if (!asked && !tls.client_ca_file.empty())  // believed to be a lock, and open
    return node.find("client_ca_file")
        ->error("client certificates would not be asked for; set client_auth_type: RequireAndVerifyClientCert");
  return {};
}

Result<void> read_version(const Node& node, std::string_view key, std::string& into) {
  const auto value = node.find(key);
  if (!value || value->is_null()) return {};
  into = TRY(value->text());
  if (into == "TLS10" || into == "TLS11")
    return value->error(fmt::format("not supported: {} is broken (RFC 8996); the least is TLS12", into));
  TRY(value->word({"TLS12", "TLS13"}));
  return {};
}

Result<void> read_curves(const Node& node, WebConfig::Tls& tls) {
  const auto value = node.find("curve_preferences");
  if (!value) return {};
  std::vector<std::string_view> known;
  for (const auto& row : kCurves) known.push_back(row.go);
  const auto curves = TRY(value->list());
  for (const auto& curve : curves) {
    const std::string name = TRY(curve.word(known));
    tls.curves.emplace_back(std::ranges::find_if(kCurves, [&](const auto& row) { return row.go == name; })->openssl);
  }
  return {};
}

Result<std::optional<WebConfig::Tls>> tls_of(const Node& node, const std::string& file) {
  TRY(only_supported(node, {"cert_file", "key_file", "client_ca_file", "client_auth_type", "min_version", "max_version",
                            "cipher_suites", "curve_preferences", "prefer_server_cipher_suites"}));
  WebConfig::Tls tls;
  TRY(read_path(node, "cert_file", file, tls.cert_file));
  TRY(read_path(node, "key_file", file, tls.key_file));
  TRY(read_path(node, "client_ca_file", file, tls.client_ca_file));
  const bool empty = node.is_null() || TRY(node.entries()).empty();
  if (empty) return std::optional<WebConfig::Tls>();
  if (tls.cert_file.empty()) return node.error("cert_file is missing");
  if (tls.key_file.empty()) return node.error("key_file is missing");
  TRY(read_client_auth(node, tls));
  TRY(read_version(node, "min_version", tls.min_version));
  TRY(read_version(node, "max_version", tls.max_version));
  if (tls.min_version > tls.max_version) return node.error("min_version is above max_version");
  TRY(node.read("cipher_suites", tls.cipher_suites));
  TRY(node.read("prefer_server_cipher_suites", tls.prefer_server_ciphers));
  TRY(read_curves(node, tls));
  return std::optional(std::move(tls));
}

Result<void> read_http(const Node& node, WebConfig& config) {
  TRY(only_supported(node, {"http2", "headers"}));
  bool http2 = true;  // read for its form only: a client that speaks HTTP/2 speaks HTTP/1.1 as well
  TRY(node.read("http2", http2));
  const auto headers = node.find("headers");
  if (!headers) return {};
  TRY(headers->only(kHeaders));  // the toolkit's own list
  const auto entries = TRY(headers->entries());
  for (const auto& [name, value] : entries) {
    const std::string text = TRY(value.text());
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      return value.error("a header's value stands on one line");
    if (!text.empty()) config.headers.emplace_back(name, text);
  }
  return {};
}

bool bcrypt_shaped(std::string_view hash) {
  const bool prefixed = hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$");
  const auto cost = prefixed ? parse_int(hash.substr(4, 2)) : std::nullopt;
  return hash.size() == 60 && cost && *cost >= 4 && *cost <= 31 && hash[6] == '$';
}

Result<void> read_users(const Node& node, WebConfig& config) {
  const auto entries = TRY(node.entries());
  for (const auto& [user, value] : entries) {
    const auto hash = value.text();
    if (user.find(':') != std::string::npos) return value.error("a user's name cannot have a colon");
    // The value is not shown: it may be the password itself, put there by mistake.
    if (!hash || !bcrypt_shaped(*hash))
      return value.error("expected a bcrypt hash ($2a$, $2b$ or $2y$), as `htpasswd -nBC 10 \"\"` prints");
    config.users.emplace(user, *hash);
  }
  return {};
}

}  // namespace

Result<WebConfig> parse_web_config(std::string_view text, const std::string& file) {
  const Node root = TRY(load(text, file));
  TRY(only_supported(root, {"tls_server_config", "http_server_config", "basic_auth_users"}));
  WebConfig config;
  if (const auto node = root.find("tls_server_config")) config.tls = TRY(tls_of(*node, file));
  if (const auto node = root.find("http_server_config")) TRY(read_http(*node, config));
  if (const auto node = root.find("basic_auth_users")) TRY(read_users(*node, config));
  return config;
}

Result<WebConfig> load_web_config(const std::string& path) {
  const std::string text = TRY(read_file(path, kMaxBytes));
  return parse_web_config(text, path);
}

}  // namespace tessera::config
