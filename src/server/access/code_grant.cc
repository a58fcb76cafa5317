#include "server/access/code_grant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "http/router.h"
#include "server/access/jwt.h"

namespace tessera::server {
namespace {
using Json = nlohmann::json;

constexpr std::size_t kLongestMember = 4U << 10U;
constexpr std::size_t kShortestVerifier = 43, kLongestVerifier = 128;  // RFC 7636, 4.1
constexpr std::size_t kLongestWords = 300;                             // of the issuer's, in a message

struct Member {
  std::string_view name;
  std::string CodeGrant::* field;
};
constexpr Member kMembers[] = {{"code", &CodeGrant::code},
                               {"codeVerifier", &CodeGrant::verifier},
                               {"redirectUri", &CodeGrant::redirect_uri},
                               {"nonce", &CodeGrant::nonce}};

bool is_unreserved(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string shown(std::string_view text, std::size_t most) {
  std::string out = valid_utf8(text.substr(0, most));
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return out;
}

Result<CodeGrant> parse_code_grant(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(Code::Invalid, "the body is no JSON object");
  for (const auto& [name, value] : json.items())
    if (std::ranges::find(kMembers, name, &Member::name) == std::end(kMembers))
      return fail(Code::Invalid, "{}: there is no such member; there are code, codeVerifier, redirectUri, nonce",
                  valid_utf8(name));
  CodeGrant out;
  for (const Member& member : kMembers) {
    const auto found = json.find(std::string(member.name));
    if (found == json.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
      return fail(Code::Invalid, "{}: a text expected", member.name);
    out.*member.field = found->get<std::string>();
    if ((out.*member.field).size() > kLongestMember)
      return fail(Code::Invalid, "{}: at most {} bytes expected", member.name, kLongestMember);
  }
  if (out.verifier.size() < kShortestVerifier || out.verifier.size() > kLongestVerifier ||
      !std::ranges::all_of(out.verifier, is_unreserved))
    return fail(Code::Invalid, "codeVerifier: {} to {} letters, digits, '-', '.', '_' and '~' expected",
                kShortestVerifier, kLongestVerifier);
  return out;
}

Result<void> check_public_url(std::string_view url) {
  if (url.empty()) return {};
  const auto is_of_host = [](char c) { return is_unreserved(c) || c == ':' || c == '[' || c == ']'; };
  for (const std::string_view scheme : {"https://", "http://"})
    if (url.starts_with(scheme) && url.size() > scheme.size() &&
        std::ranges::all_of(url.substr(scheme.size()), is_of_host))
      return {};
  return fail(Code::Invalid, "'{}': https://HOST or https://HOST:PORT expected, with nothing behind it (http:// too)",
              url);
}

Result<void> check_redirect(std::string_view redirect_uri, std::string_view page, std::string_view public_url,
                            std::string_view host) {
  if (!public_url.empty()) {
    if (redirect_uri == fmt::format("{}{}", public_url, page)) return {};
    return fail(Code::Invalid, "redirectUri: '{}', but {}{} is this server's (server.public-url)",
                shown(redirect_uri, kLongestWords), public_url, page);
  }
  for (const std::string_view scheme : {"https://", "http://"})  // a proxy before it may have ended TLS
    if (!host.empty() && redirect_uri == fmt::format("{}{}{}", scheme, host, page)) return {};
  return fail(Code::Invalid,
              "redirectUri: '{}', but {} of this server is expected, which was asked for as '{}': where a proxy before "
              "it changes that, server.public-url says what browsers see",
              shown(redirect_uri, kLongestWords), page, shown(host, kLongestWords));
}

http::ClientRequest token_request(const TokenEndpoint& endpoint, std::string_view client_id,
                                  std::string_view client_secret, const CodeGrant& grant) {
  http::ClientRequest out;
  out.method = "POST";
  out.url = endpoint.url;
  out.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.body += fmt::format("{}{}={}", out.body.empty() ? "" : "&", name, http::percent_encoded(value));
  };
  add("grant_type", "authorization_code");
  add("code", grant.code);
  add("redirect_uri", grant.redirect_uri);
  add("code_verifier", grant.verifier);
  if (!client_secret.empty() && !endpoint.secret_in_body) {  // RFC 6749, 2.3.1: both encoded before they are joined
    out.basic_user = http::percent_encoded(client_id);
    out.basic_password = http::percent_encoded(client_secret);
    return out;
  }
  add("client_id", client_id);
  if (!client_secret.empty()) add("client_secret", client_secret);
  return out;
}

Result<std::string> id_token_in(const http::ClientResponse& reply, std::string_view url) {
  const Json json = Json::parse(reply.body, nullptr, false);
  const std::string error = text_in(json, "error");
  if (!error.empty()) {
    const std::string why = text_in(json, "error_description");
    return fail(error == "invalid_grant" ? Code::Invalid : Code::Unavailable, "{} said {}{}", url,
                shown(error, kLongestWords), why.empty() ? "" : ": " + shown(why, kLongestWords));
  }
  if (reply.status != 200) return fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", url, reply.status);
  std::string token = text_in(json, "id_token");
  if (token.empty())
    return fail(Code::Unavailable, "{}: no id_token in its reply: does server.access.oidc.scopes have openid?", url);
  return token;
}

}  // namespace tessera::server
