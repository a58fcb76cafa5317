#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "relay/config_read.h"

namespace tessera::relay {
namespace {

/// Headers that the relay sets itself, or that another setting is there for.
constexpr std::string_view kReserved[] = {"accept",
                                          "accept-encoding",
                                          "authorization",
                                          "connection",
                                          "content-encoding",
                                          "content-length",
                                          "content-type",
                                          "host",
                                          "keep-alive",
                                          "proxy-authenticate",
                                          "proxy-authorization",
                                          "te",
                                          "trailer",
                                          "transfer-encoding",
                                          "upgrade",
                                          "user-agent",
                                          "x-prometheus-remote-write-version",
                                          "x-prometheus-scrape-timeout-seconds"};

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kTokenMarks.find(c) != std::string_view::npos;
  });
}

struct Url {
  std::string without_user;
  std::optional<std::string> user, password;
};

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) { return std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20)); };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) < 16 && digit(text[i + 2]) < 16;
    out += coded ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (coded) i += 2;
  }
  return out;
}

/// "host", "host:80", "[::1]:80".
bool is_authority(std::string_view text) {
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!std::ranges::all_of(host, [](char c) {
          return std::isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.' || c == '%';
        }))
      return false;
  } else {
    host = text.substr(0, text.find(':'));
    port = text.substr(host.size());
  }
  const auto number = parse_int(port.substr(std::min<std::size_t>(1, port.size())));
  return !host.empty() && (port.empty() || (port.front() == ':' && number && *number >= 1 && *number <= 65'535));
}

/// nullopt for what is no URL of one of these schemes.
std::optional<Url> parse_url(std::string_view text, const std::vector<std::string_view>& schemes) {
  const auto after_scheme = text.find("://");
  if (after_scheme == std::string_view::npos) return std::nullopt;
  if (std::ranges::count(schemes, lower(text.substr(0, after_scheme))) == 0) return std::nullopt;
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7F && c != '"' && c != '<' && c != '>'; }))
    return std::nullopt;
  const auto begin = after_scheme + 3;
  const auto end = std::min(text.find_first_of("/?#", begin), text.size());
  const auto authority = text.substr(begin, end - begin);
  const auto at = authority.rfind('@');
  const auto host = authority.substr(at == std::string_view::npos ? 0 : at + 1);
  if (!is_authority(host)) return std::nullopt;
  Url out{fmt::format("{}://{}{}", text.substr(0, after_scheme), host, text.substr(end)), {}, {}};
  if (at != std::string_view::npos) {
    const auto user = authority.substr(0, at);
    const auto colon = std::min(user.find(':'), user.size());
    out.user = percent_decoded(user.substr(0, colon));
    out.password = percent_decoded(user.substr(std::min(colon + 1, user.size())));
  }
  return out;
}

Result<void> one_of(const Section& section, std::string_view first, std::string_view second) {
  if (section.has(first) && section.has(second))
    return section.error(second,
                         fmt::format("{} and {} exclude each other", section.spell(first), section.spell(second)));
  return {};
}

/// A map whose values may be secrets: what stands in its place is not shown.
Result<void> must_be_map(const Section& section) {
  if (!section.node().is_map()) return section.node().error("expected a map");
  return {};
}

Result<BasicAuth> read_basic_auth(const Section& section) {
  TRY(must_be_map(section));
  TRY(section.only({"username", "username_file", "password", "password_file"},
                   {{"username_ref", Foreign::Treatment::Refused, "write username or username_file"},
                    {"password_ref", Foreign::Treatment::Refused, "write password or password_file"}}));
  BasicAuth out;
  TRY(one_of(section, "username", "username_file"));
  TRY(one_of(section, "password", "password_file"));
  TRY(section.read("username", out.username));
  TRY(section.read_path("username_file", out.username_file));
  TRY(section.read("password", out.password));
  TRY(section.read_path("password_file", out.password_file));
  if (out.username.find(':') != std::string::npos)
    return section.error("username", "a user's name cannot have a colon");
  if (out.username.empty() && out.username_file.empty())
    return section.node().error(
        fmt::format("{} or {} is missing", section.spell("username"), section.spell("username_file")));
  return out;
}

Result<Authorization> read_authorization(const Section& section) {
  TRY(must_be_map(section));
  TRY(section.only({"type", "credentials", "credentials_file"},
                   {{"credentials_ref", Foreign::Treatment::Refused, "write credentials or credentials_file"}}));
  Authorization out;
  TRY(one_of(section, "credentials", "credentials_file"));
  TRY(section.read("type", out.type));
  TRY(section.read("credentials", out.credentials));
  TRY(section.read_path("credentials_file", out.credentials_file));
  if (lower(out.type) == "basic")
    return section.error("type", fmt::format("write {} instead of the type Basic", section.spell("basic_auth")));
  if (!is_token(out.type)) return section.error("type", "expected a scheme such as Bearer");
  if (out.credentials.empty() && out.credentials_file.empty())
    return section.node().error(fmt::format("credentials or {} is missing", section.spell("credentials_file")));
  return out;
}

Result<void> read_version(const Section& section, std::string_view key, std::string& into) {
  TRY(section.read(key, into));
  if (into == "TLS10" || into == "TLS11")
    return section.error(key, fmt::format("not supported: {} is broken (RFC 8996); the least is TLS12", into));
  if (section.has(key)) TRY(section.find(key)->word({"TLS12", "TLS13"}));
  return {};
}

Result<ProxySettings> read_proxy(const Section& section) {
  ProxySettings out;
  TRY(section.read("no_proxy", out.no_proxy));
  TRY(section.read("proxy_from_environment", out.from_environment));
  const auto url = section.find("proxy_url");
  if (url && out.from_environment)
    return section.error("proxy_url", fmt::format("excludes {}: true", section.spell("proxy_from_environment")));
  if (!out.no_proxy.empty() && (!url || out.from_environment))
    return section.error("no_proxy", fmt::format("means nothing without {}", section.spell("proxy_url")));
  if (!url) return out;
  const std::string text = TRY(url->text());
  const auto parsed = parse_url(text, {"http", "https", "socks5", "socks5h"});
  if (!parsed) return url->error("expected a proxy's URL such as http://proxy:3128");
  out.url = parsed->without_user;
  out.username = parsed->user.value_or("");
  out.password = Secret(parsed->password.value_or(""));
  return out;
}

/// `http_headers: {name: {values: […], secrets: […], files: […]}}`
Result<void> read_http_headers(const Section& section, std::vector<Header>& into) {
  const auto node = section.find("http_headers");
  if (!node) return {};
  const auto entries = TRY(node->entries());
  for (const auto& [name, value] : entries) {
    const Section one(value, section.spelling(), section.reading());
    TRY(must_be_map(one));
    TRY(one.only({"values", "secrets", "files"}));
    for (const std::string_view key : {"values", "secrets"}) {
      const auto values = one.find(key);
      const auto items = values ? TRY(values->list()) : std::vector<config::Node>();
      for (const auto& item : items) into.push_back(TRY(read_header(section, name, item)));
    }
    std::vector<std::string> files;
    TRY(one.read("files", files));
    for (const auto& file : files) into.push_back({name, Secret(), (section.reading().folder / file).string()});
  }
  return {};
}

}  // namespace

const std::vector<std::string_view>& http_keys() {
  static const std::vector<std::string_view> kKeys = {
      "basic_auth", "authorization",          "bearer_token",     "bearer_token_file", "tls_config",  "proxy_url",
      "no_proxy",   "proxy_from_environment", "follow_redirects", "enable_http2",      "http_headers"};
  return kKeys;
}

const std::vector<Foreign>& http_foreign() {
  using enum Foreign::Treatment;
  static const std::vector<Foreign> kForeign = {
      {"oauth2", Refused, "the relay asks no token server; use authorization with a credentials file"},
      {"sigv4", Refused, "requests are not signed for AWS; send through a proxy that signs"},
      {"azuread", Refused, "no tokens are fetched from Azure; use authorization with a credentials file"},
      {"google_iam", Refused, "no tokens are fetched from Google; use authorization with a credentials file"},
      {"proxy_connect_header", Refused, "no headers are sent to a proxy; put user and password into the proxy's URL"},
  };
  return kForeign;
}

Result<Header> read_header(const Section& section, const std::string& name, const config::Node& value) {
  if (!is_token(name)) return value.error("this is no header's name");
  if (std::ranges::count(kReserved, lower(name)) > 0)
    return value.error(
        lower(name) == "authorization"
            ? fmt::format("write {} or {} instead", section.spell("authorization"), section.spell("basic_auth"))
            : "the relay sets this header itself");
  const auto text = value.text();
  if (!text || text->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return value.error("expected a header's value on one line");
  return Header{name, Secret(*text), ""};
}

Result<TlsSettings> read_tls(const Section& section) {
  TRY(must_be_map(section));
  TRY(section.only({"ca", "ca_file", "cert", "cert_file", "key", "key_file", "server_name", "insecure_skip_verify",
                    "min_version", "max_version"},
                   {{"ca_ref", Foreign::Treatment::Refused, "write ca or ca_file"},
                    {"cert_ref", Foreign::Treatment::Refused, "write cert or cert_file"},
                    {"key_ref", Foreign::Treatment::Refused, "write key or key_file"}}));
  TlsSettings out;
  for (const auto& [text, file] :
       {std::pair("ca", "ca_file"), std::pair("cert", "cert_file"), std::pair("key", "key_file")})
    TRY(one_of(section, text, file));
  TRY(section.read("ca", out.ca));
  TRY(section.read("cert", out.cert));
  if (const auto key = section.find("key")) {  // of many lines, and not to be shown
    const auto text = key->text();
    if (!text) return key->error("expected a key in PEM");
    out.key = Secret(*text);
  }
  TRY(section.read_path("ca_file", out.ca_file));
  TRY(section.read_path("cert_file", out.cert_file));
  TRY(section.read_path("key_file", out.key_file));
  TRY(section.read("server_name", out.server_name));
  TRY(section.read("insecure_skip_verify", out.insecure_skip_verify));
  TRY(read_version(section, "min_version", out.min_version));
  TRY(read_version(section, "max_version", out.max_version));
  if (!out.min_version.empty() && !out.max_version.empty() && out.min_version > out.max_version)
    return section.error("min_version", "is above the highest version");
  const bool cert = !out.cert.empty() || !out.cert_file.empty();
  const bool key = !out.key.empty() || !out.key_file.empty();
  if (cert != key) return section.node().error(cert ? "a certificate needs its key" : "a key needs its certificate");
  return out;
}

Result<void> read_auth(const Section& section, HttpSettings& into) {
  const std::string_view kinds[] = {"basic_auth", "authorization", "bearer_token", "bearer_token_file"};
  std::string_view seen;
  for (const auto kind : kinds) {
    if (!section.has(kind)) continue;
    if (!seen.empty() || into.basic_auth || into.authorization)
      return section.error(kind, "only one kind of authentication can be given");
    seen = kind;
  }
  if (seen == "basic_auth") into.basic_auth = TRY(read_basic_auth(*section.below(seen)));
  if (seen == "authorization") into.authorization = TRY(read_authorization(*section.below(seen)));
  if (!seen.starts_with("bearer")) return {};
  into.authorization.emplace();
  TRY(section.read("bearer_token", into.authorization->credentials));
  TRY(section.read_path("bearer_token_file", into.authorization->credentials_file));
  return {};
}

Result<HttpSettings> read_http(const Section& section) {
  HttpSettings out;
  TRY(read_auth(section, out));
  if (const auto tls = section.below("tls_config")) out.tls = TRY(read_tls(*tls));
  out.proxy = TRY(read_proxy(section));
  TRY(read_http_headers(section, out.headers));
  TRY(section.read("follow_redirects", out.follow_redirects));
  bool http2 = true;  // read for its form only: a server that speaks HTTP/2 speaks HTTP/1.1 as well
  TRY(section.read("enable_http2", http2));
  return out;
}

Result<std::string> read_url(const Section& section, std::string_view key, HttpSettings& http) {
  const auto node = section.find(key);
  if (!node) return section.node().error(fmt::format("{} is missing", section.spell(key)));
  const auto text = node->text();
  const auto parsed = text ? parse_url(*text, {"http", "https"}) : std::nullopt;
  if (!parsed) return node->error("expected a URL such as https://host:port/path");  // may hold a password: not shown
  if (parsed->user) {
    if (http.basic_auth || http.authorization)
      return node->error("has a user in it, and authentication is given beside it; leave one out");
    http.basic_auth = BasicAuth{*parsed->user, "", Secret(*parsed->password), ""};
  }
  return parsed->without_user;
}

}  // namespace tessera::relay
