#include "server/access/oidc.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

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
constexpr std::size_t kLongestName = 100;

bool is_safe(std::string_view url) {
  if (url.starts_with("https://")) return url.size() > 8;
  for (const std::string_view host : {"http://127.0.0.1", "http://localhost", "http://[::1]"})
    if (url.starts_with(host) && (url.size() == host.size() || url[host.size()] == ':' || url[host.size()] == '/'))
      return true;
  return false;
}

/// A name from outside in a log: one line, and not too long.
std::string shown(std::string_view text) {
  std::string out = valid_utf8(text.substr(0, kLongestName));
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return out;
}

}  // namespace

Result<void> check(const OidcSettings& settings) {
  if (!is_safe(settings.issuer))
    return fail(Code::Invalid, "server.access.oidc.issuer: '{}': an https:// URL expected (http:// on loopback only)",
                settings.issuer);
  if (settings.audience.empty())
    return fail(
        Code::Invalid,
        "server.access.oidc.audience: the client id that tokens are made for is expected: without it a token for "
        "any other service would do");
  for (const OidcRole& role : settings.roles) {
    const auto wrong = [&](std::string_view why) {
      return fail(Code::Invalid, "server.access.oidc.roles: group '{}': {}", role.group, why);
    };
    if (role.group.empty()) return wrong("a name expected");
    const auto scopes = scopes_of(role.scopes);
    if (!scopes) return wrong(fmt::format("{}; there are {}", scopes.error().what, fmt::join(scope_names(), ", ")));
    if (scopes->empty()) return wrong(fmt::format("scopes: some of {} expected", fmt::join(scope_names(), ", ")));
    if ((role.namespaces || role.teams) && (scopes->has(Scope::Admin) || scopes->has(Scope::Ingest)))
      return wrong("admin and ingest are for the whole fleet and cannot be restricted to namespaces or teams");
  }
  return {};
}

Oidc::Oidc(OidcSettings settings, Teams teams) : settings_(std::move(settings)), teams_(std::move(teams)) {
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
  TRY(check_claims(jwt, settings_.issuer, settings_.audience, now, settings_.leeway));
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

Result<Jwks> Oidc::fetched() {
  std::string base = settings_.issuer;
  while (base.ends_with('/')) base.pop_back();
  const std::string url = base + "/.well-known/openid-configuration";
  const Json told = Json::parse(TRY(ask(url)), nullptr, false);
  const auto text = [&](const char* name) {
    return told.is_object() && told.contains(name) && told[name].is_string() ? told[name].get<std::string>() : "";
  };
  if (text("issuer") != settings_.issuer)
    return fail(Code::Unavailable, "{}: it is of the issuer '{}', not '{}'", url, shown(text("issuer")),
                settings_.issuer);
  const std::string keys_url = text("jwks_uri");
  if (!is_safe(keys_url) || (settings_.issuer.starts_with("https://") && !keys_url.starts_with("https://")))
    return fail(Code::Unavailable, "{}: jwks_uri '{}': an https:// URL expected", url, shown(keys_url));
  auto keys = Jwks::parse(TRY(ask(keys_url)));
  if (!keys) return fail(Code::Unavailable, "{}: {}", keys_url, keys.error().what);
  return keys;
}

/// Not while another does, nor too soon after the last time: a stranger's tokens must not make us ask all day.
Result<void> Oidc::fetch(SteadyTime now, Milliseconds not_after_last) {
  const std::unique_lock lock(fetch_mutex_, std::try_to_lock);
  if (!lock || (last_fetch_ && now - *last_fetch_ < not_after_last))
    return fail(Code::Unavailable, "the issuer's keys have been asked for just now: try again soon");
  last_fetch_ = now;
  auto keys = fetched();
  if (!keys) {
    if (!fetch_failed_)
      log::error("the keys of the OIDC issuer cannot be fetched; those that are known stay good",
                 {{"issuer", settings_.issuer}, {"why", keys.error().what}});
    fetch_failed_ = true;
    return fail(Code::Unavailable, "the issuer's keys are not to be had; the server's log says why");
  }
  if (fetch_failed_) log::info("the keys of the OIDC issuer are fetched again", {{"issuer", settings_.issuer}});
  fetch_failed_ = false;
  keys_.publish(*std::move(keys));
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
