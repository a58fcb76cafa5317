#include "server/access/oidc.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "server/access/keyring.h"
#include "server/access/secret.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Milliseconds kDeadline = 3s;  // of one request to the issuer
constexpr std::size_t kLongestAnswer = 256U << 10U;
constexpr std::size_t kMostTaken = 10'000;
constexpr std::ptrdiff_t kMostExchanges = 4;  // at once: each keeps a thread waiting for the issuer

bool is_safe(std::string_view url) {
  if (url.starts_with("https://")) return url.size() > 8;
  for (const std::string_view host : {"http://127.0.0.1", "http://localhost", "http://[::1]"})
    if (url.starts_with(host) && (url.size() == host.size() || url[host.size()] == ':' || url[host.size()] == '/'))
      return true;
  return false;
}

/// Of a list of texts, as discovery has them.
bool has_word(const Json& told, const char* name, std::string_view word) {
  return told.is_object() && told.contains(name) && told[name].is_array() &&
         std::ranges::any_of(told[name], [&](const Json& one) { return one == word; });
}

std::vector<std::string> audiences_of(const OidcSettings& settings) {
  std::vector<std::string> out;
  for (const std::string& one : {settings.audience, settings.client_id})
    if (!one.empty()) out.push_back(one);
  return out;
}

}  // namespace

Result<void> check(const OidcSettings& settings) {
  if (!is_safe(settings.issuer))
    return fail(Code::Invalid, "server.access.oidc.issuer: '{}': an https:// URL expected (http:// on loopback only)",
                settings.issuer);
  if (audiences_of(settings).empty())
    return fail(
        Code::Invalid,
        "server.access.oidc.audience: the client id that tokens are made for is expected: without it a token for "
        "any other service would do");
  if (settings.client_id.empty() && !settings.client_secret_file.empty())
    return fail(Code::Invalid, "server.access.oidc.client-secret-file: server.access.oidc.client-id belongs to it");
  if (const auto asked = split(settings.scopes, ' '); std::ranges::find(asked, "openid") == asked.end())
    return fail(Code::Invalid,
                "server.access.oidc.scopes: '{}': openid is expected among them, as in 'openid profile email': without "
                "it an issuer makes no ID token",
                settings.scopes);
  for (const OidcRole& role : settings.roles) {
    const auto wrong = [&](std::string_view why) {
      return fail(Code::Invalid, "server.access.oidc.roles: group '{}': {}", role.group, why);
    };
    if (role.group.empty()) return wrong("a name expected");
    const auto scopes = scopes_of(role.scopes);
    if (!scopes) return wrong(fmt::format("{}; there are {}", scopes.error().what, fmt::join(scope_names(), ", ")));
    if (scopes->empty()) return wrong(fmt::format("scopes: some of {} expected", fmt::join(scope_names(), ", ")));
    if (scopes->has(Scope::Node)) return wrong("node is for machines, which have keys: no person signs in as one");
    if ((role.namespaces || role.teams) && (scopes->has(Scope::Admin) || scopes->has(Scope::Ingest)))
      return wrong("admin and ingest are for the whole fleet and cannot be restricted to namespaces or teams");
  }
  return {};
}

Oidc::Oidc(OidcSettings settings, Teams teams)
    : settings_(std::move(settings)),
      audiences_(audiences_of(settings_)),
      exchanges_(kMostExchanges),
      teams_(std::move(teams)) {
  keys_.publish(Jwks());
}

std::shared_ptr<const Viewer> Oidc::known(const std::string& token, EpochMs now) const {
  const std::string name = sha256_hex(token);
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(name);
  return found != taken_.end() && now < found->second.until ? found->second.viewer : nullptr;
}

Result<std::shared_ptr<const Viewer>> Oidc::viewer(const std::string& token, EpochMs now) {
  const Jwt jwt = TRY(parse_jwt(token, settings_.groups_claim));
  TRY(check_claims(jwt, settings_.issuer, audiences_, now, settings_.leeway));
  if (!keys_.get()->has(jwt.key_id, jwt.algorithm)) {
    const auto fetched_now = fetch(std::chrono::steady_clock::now(), settings_.fetch_again_after);
    if (!fetched_now && keys_.get()->size() == 0) return fetched_now.error();
  }
  TRY(keys_.get()->verify(jwt));
  const std::lock_guard lock(mutex_);
  auto viewer = TRY(viewer_of_groups(jwt, teams_));
  if (taken_.size() >= kMostTaken) {
    std::erase_if(taken_, [&](const auto& one) { return one.second.until <= now; });
    if (taken_.size() >= kMostTaken) taken_.clear();
  }
  taken_[sha256_hex(token)] = {viewer, *jwt.expires + settings_.leeway.count()};
  return viewer;
}

Result<std::shared_ptr<const Viewer>> Oidc::viewer_of_groups(const Jwt& token, const Teams& teams) const {
  const auto role = std::ranges::find_if(settings_.roles, [&](const OidcRole& one) {
    return std::ranges::find(token.groups, one.group) != token.groups.end();
  });
  if (role == settings_.roles.end())
    return fail(Code::Denied,
                "the token is good, but none of the {} groups in its claim '{}' has a row in server.access.oidc.roles",
                token.groups.size(), settings_.groups_claim);
  std::optional<Restriction> restriction;
  if (role->namespaces || role->teams) {
    restriction.emplace();
    if (role->namespaces) restriction->namespaces = {role->namespaces->begin(), role->namespaces->end()};
    if (role->teams) restriction->teams = {role->teams->begin(), role->teams->end()};
  }
  const std::string caller = "oidc:" + shown(token.subject);
  return server::viewer_of(caller, token.name.empty() ? caller : fmt::format("{} {}", caller, shown(token.name)),
                           TRY(scopes_of(role->scopes)), std::move(restriction), teams);
}

Result<std::optional<SignInOffer>> Oidc::offer() const {
  if (settings_.client_id.empty()) return std::optional<SignInOffer>();
  const auto known = endpoints_.get();
  if (!known) return fail(Code::Unavailable, "the issuer {} has not been reached yet", settings_.issuer);
  if (known->authorization.empty() || known->token.url.empty())
    return fail(Code::Unavailable,
                "the issuer {} names no authorization_endpoint and token_endpoint in its discovery document that can "
                "be used: https:// URLs expected",
                settings_.issuer);
  return std::optional(SignInOffer{settings_.issuer, known->authorization, settings_.client_id, settings_.scopes});
}

Result<std::string> Oidc::client_secret() const {
  if (settings_.client_secret_file.empty()) return std::string();
  constexpr std::size_t kLongest = 4U << 10U;
  const auto text = read_file(settings_.client_secret_file, kLongest);
  if (text && !trim(*text).empty()) return std::string(trim(*text));
  return fail(Code::Internal, "server.access.oidc.client-secret-file: {}",
              text ? settings_.client_secret_file + " is empty" : text.error().what);
}

Result<SignedIn> Oidc::exchange(const CodeGrant& grant, EpochMs now) {
  if (!TRY(offer())) return fail(Code::Internal, "server.access.oidc.client-id is not set");
  struct Turn {
    std::counting_semaphore<>& of;
    bool taken = of.try_acquire();
    ~Turn() {
      if (taken) of.release();
    }
  } const turn{exchanges_};
  if (!turn.taken) return fail(Code::Unavailable, "{} people sign in at this very moment: try again", kMostExchanges);
  const TokenEndpoint endpoint = endpoints_.get()->token;
  auto request = token_request(endpoint, settings_.client_id, TRY(client_secret()), grant);
  request.deadline = kDeadline;
  request.max_body_bytes = kLongestAnswer;
  request.ca_file = settings_.ca_file;
  http::Client client;
  std::string token = TRY(id_token_in(TRY(client.send(request)), endpoint.url));
  // Of this client and this sign-in (OpenID Connect Core, 3.1.3.7), and then all that a bearer token has to be.
  const Jwt jwt = TRY(parse_jwt(token, settings_.groups_claim));
  TRY(check_claims(jwt, settings_.issuer, {settings_.client_id}, now, settings_.leeway));
  if (!jwt.authorized_party.empty() && jwt.authorized_party != settings_.client_id)
    return fail(Code::Invalid, "the token is made for another client than '{}' (azp)", settings_.client_id);
  if (!same_bytes(jwt.nonce, grant.nonce)) return fail(Code::Invalid, "the token is that of another sign-in (nonce)");
  TRY(viewer(token, now));
  return SignedIn{std::move(token), *jwt.expires};
}

Result<std::string> Oidc::ask(const std::string& url) {
  http::ClientRequest request;
  request.url = url;
  request.headers = {{"Accept", "application/json"}};
  request.deadline = kDeadline;
  request.max_body_bytes = kLongestAnswer;
  request.ca_file = settings_.ca_file;
  const auto reply = TRY(client_.send(request));
  if (reply.status != 200) return fail(Code::Unavailable, "{}: HTTP status {} (200 expected)", url, reply.status);
  return reply.body;
}

Result<Oidc::Discovered> Oidc::fetched() {
  std::string base = settings_.issuer;
  while (base.ends_with('/')) base.pop_back();
  const std::string url = base + "/.well-known/openid-configuration";
  const Json told = Json::parse(TRY(ask(url)), nullptr, false);
  const std::string issuer = text_in(told, "issuer");
  if (issuer != settings_.issuer)
    return fail(Code::Unavailable, "{}: it is of the issuer '{}', not '{}'", url, shown(issuer), settings_.issuer);
  const auto usable = [&](const std::string& place) {
    return is_safe(place) && (place.starts_with("https://") || !settings_.issuer.starts_with("https://"));
  };
  const std::string keys_url = text_in(told, "jwks_uri");
  if (!usable(keys_url))
    return fail(Code::Unavailable, "{}: jwks_uri '{}': an https:// URL expected", url, shown(keys_url));
  auto keys = Jwks::parse(TRY(ask(keys_url)));
  if (!keys) return fail(Code::Unavailable, "{}: {}", keys_url, keys.error().what);
  Endpoints endpoints{text_in(told, "authorization_endpoint"), {text_in(told, "token_endpoint"), false}};
  for (std::string* place : {&endpoints.authorization, &endpoints.token.url})
    if (!usable(*place)) place->clear();
  constexpr const char* kWays = "token_endpoint_auth_methods_supported";
  endpoints.token.secret_in_body =
      has_word(told, kWays, "client_secret_post") && !has_word(told, kWays, "client_secret_basic");
  return Discovered{*std::move(keys), std::move(endpoints)};
}

/// Not while another does, nor too soon after the last time: a stranger's tokens must not make us ask all day.
Result<void> Oidc::fetch(SteadyTime now, Milliseconds not_after_last) {
  const std::unique_lock lock(fetch_mutex_, std::try_to_lock);
  if (!lock || (last_fetch_ && now - *last_fetch_ < not_after_last))
    return fail(Code::Unavailable, "the issuer's keys have been asked for just now: try again soon");
  last_fetch_ = now;
  auto told = fetched();
  if (!told) {
    if (!fetch_failed_)
      log::error("the keys of the OIDC issuer cannot be fetched; those that are known stay good",
                 {{"issuer", settings_.issuer}, {"why", told.error().what}});
    fetch_failed_ = true;
    return fail(Code::Unavailable, "the issuer's keys are not to be had; the server's log says why");
  }
  if (fetch_failed_) log::info("the keys of the OIDC issuer are fetched again", {{"issuer", settings_.issuer}});
  fetch_failed_ = false;
  Discovered fresh = *std::move(told);
  keys_.publish(std::move(fresh.keys));
  endpoints_.publish(std::move(fresh.endpoints));
  const std::lock_guard taken(mutex_);
  taken_.clear();  // one of its keys may be gone
  return {};
}

void Oidc::take_teams(Teams teams) {
  const std::lock_guard lock(mutex_);
  teams_ = std::move(teams);
  taken_.clear();
}

void Oidc::look(SteadyTime now) {
  const Milliseconds wait = keys_.get()->size() == 0 ? settings_.fetch_again_after : settings_.refresh_every;
  static_cast<void>(fetch(now, wait));  // it has said what is wrong
}

}  // namespace tessera::server
