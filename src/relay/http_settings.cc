#include "relay/http_settings.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/files.h"
#include "base/text.h"
#include "http/router.h"

namespace tessera::relay {
namespace {

constexpr std::size_t kSecretLimit = 64U << 10U;
constexpr unsigned kRedirects = 10;

Result<std::string> secret(const Secret& given, const std::string& file) {
  if (file.empty()) return given.reveal();
  return std::string(trim(TRY(read_file(file, kSecretLimit))));
}

/// Any of these may be a secret, or tell a tenant's name: none goes along to another host.
void add_header(http::ClientRequest& request, const std::string& name, std::string value) {
  const auto same = [&](const auto& header) { return lower(header.first) == lower(name); };
  if (std::ranges::any_of(request.headers, same) || std::ranges::any_of(request.home_headers, same)) return;
  request.home_headers.emplace_back(name, std::move(value));
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

std::string host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  if (url.starts_with('[')) return std::string(url.substr(1, url.find(']') - 1));
  return lower(url.substr(0, url.find(':')));
}

/// Whether `host` is an address in `network`, such as 10.0.0.0/8.
bool in_network(const std::string& host, std::string_view network) {
  const auto slash = network.find('/');
  if (slash == std::string_view::npos) return false;
  const auto length = parse_int(network.substr(slash + 1));
  const std::string base(network.substr(0, slash));
  for (const int family : {AF_INET, AF_INET6}) {
    unsigned char left[16] = {}, right[16] = {};
    const int bits = family == AF_INET ? 32 : 128;
    if (inet_pton(family, host.c_str(), left) != 1 || inet_pton(family, base.c_str(), right) != 1) continue;
    if (!length || *length < 0 || *length > bits) return false;
    const auto whole = static_cast<std::size_t>(*length / 8);
    const auto rest = static_cast<unsigned>(*length % 8);
    if (std::memcmp(left, right, whole) != 0) return false;
    return rest == 0 || ((left[whole] ^ right[whole]) >> (8 - rest)) == 0;
  }
  return false;
}

/// A proxy's URL as the environment has it, often without a scheme. The last '@' ends the password, so one that should
/// have been written as %40 or %2F does as well.
ProxySettings parse_proxy(const std::string& url) {
  ProxySettings out;
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  const auto at = url.rfind('@');
  out.url = url;
  if (at == std::string::npos || at < begin) return out;
  out.url = url.substr(0, begin) + url.substr(at + 1);
  const auto decoded = [](std::string_view text) { return http::percent_decoded(text).value_or(std::string(text)); };
  const std::string_view login = std::string_view(url).substr(begin, at - begin);
  const auto colon = std::min(login.find(':'), login.size());
  out.username = decoded(login.substr(0, colon));
  out.password = Secret(decoded(login.substr(std::min(colon + 1, login.size()))));
  return out;
}

/// What goes through no proxy has an empty URL.
ProxySettings proxy_of(const ProxySettings& proxy, const std::string& url) {
  if (!proxy.from_environment) return bypasses_proxy(proxy.no_proxy, url) ? ProxySettings() : proxy;
  const bool secure = url.starts_with("https:");
  std::string found = environment(secure ? "https_proxy" : "http_proxy");
  if (found.empty()) found = environment(secure ? "HTTPS_PROXY" : "HTTP_PROXY");
  const std::string exempt = environment("no_proxy").empty() ? environment("NO_PROXY") : environment("no_proxy");
  return bypasses_proxy(exempt, url) ? ProxySettings() : parse_proxy(found);
}

}  // namespace

bool bypasses_proxy(std::string_view no_proxy, std::string_view url) {
  const std::string host = host_of(url);
  for (std::string_view item : split(no_proxy, ',')) {
    item = trim(item);
    if (item.empty()) continue;
    if (item == "*" || in_network(host, item)) return true;
    const std::string name = lower(item.starts_with('.') ? item.substr(1) : item);
    if (host == name || host.ends_with("." + name)) return true;
  }
  return false;
}

Result<void> add_http_settings(const HttpSettings& settings, http::ClientRequest& request) {
  if (settings.basic_auth) {
    const BasicAuth& basic = *settings.basic_auth;
    request.basic_user = basic.username_file.empty() ? basic.username : TRY(secret({}, basic.username_file));
    request.basic_password = TRY(secret(basic.password, basic.password_file));
  }
  if (settings.authorization) {
    const Authorization& wanted = *settings.authorization;
    add_header(request, "Authorization", wanted.type + " " + TRY(secret(wanted.credentials, wanted.credentials_file)));
  }
  for (const Header& header : settings.headers)
    add_header(request, header.name, TRY(secret(header.value, header.value_file)));
  request.ca_file = settings.tls.ca_file;
  request.cert_file = settings.tls.cert_file;
  request.key_file = settings.tls.key_file;
  request.ca_pem = settings.tls.ca;
  request.cert_pem = settings.tls.cert;
  request.key_pem = settings.tls.key.reveal();
  request.tls_least = settings.tls.min_version;
  request.tls_most = settings.tls.max_version;
  request.server_name = settings.tls.server_name;
  request.insecure_skip_verify = settings.tls.insecure_skip_verify;
  const ProxySettings proxy = proxy_of(settings.proxy, request.url);
  request.proxy_url = proxy.url;
  request.proxy_user = proxy.username;  // beside the URL, which errors show, and which could not hold every password
  request.proxy_password = proxy.password.reveal();
  request.max_redirects = settings.follow_redirects ? kRedirects : 0;
  return {};
}

bool reads_files(const HttpSettings& settings) {
  const auto& [basic, authorization, tls, proxy, headers, follow] = settings;
  return (basic && (!basic->username_file.empty() || !basic->password_file.empty())) ||
         (authorization && !authorization->credentials_file.empty()) ||
         std::ranges::any_of(headers, [](const Header& header) { return !header.value_file.empty(); });
}

}  // namespace tessera::relay
