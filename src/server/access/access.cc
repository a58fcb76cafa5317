#include "server/access/access.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>

#include "base/every.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "server/access/another_site.h"
#include "server/access/api_access.h"
#include "server/access/secret.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr auto kLookEvery = 1s;
constexpr Milliseconds kSaveUsesEvery = 60s;
constexpr Rate kFailures{1, 20};  // of one peer: wrong credentials
constexpr Rule kUnknownRoute{"", "", Scope::Admin, Tenants::Refused};

constexpr std::array<std::string_view, kRefused> kRefusedNames = {"no_credential", "wrong",  "expired", "revoked",
                                                                  "scope",         "tenant", "limit",   "peer"};

/// As many as come in a second may come at once.
std::unique_ptr<Buckets> buckets_of(const std::optional<double>& per_second) {
  return per_second ? std::make_unique<Buckets>(Rate{*per_second, std::max(1.0, *per_second)}) : nullptr;
}

std::string whole(double seconds) { return std::to_string(static_cast<long long>(std::ceil(seconds))); }

/// draft-ietf-httpapi-ratelimit-headers.
void add_limit(Caller& caller, std::string_view name, const Rate& rate, const Draw& draw) {
  caller.headers.emplace_back("RateLimit-Policy", fmt::format("\"{}\";q={:.0f};w={:.0f}", name, rate.burst,
                                                              std::max(1.0, rate.burst / rate.per_second)));
  caller.headers.emplace_back("RateLimit",
                              fmt::format("\"{}\";r={:.0f};t={}", name, draw.left, whole(draw.full_in_seconds)));
}

/// So that log, audit log and reply have one id.
void settle_request_id(http::Request& request) {
  std::string id = request_id(request);
  if (request.header("X-Request-Id") == id) return;
  std::erase_if(request.headers, [](const auto& header) {
    return header.first.size() == 12 && std::ranges::equal(header.first, std::string_view("x-request-id"), {},
                                                           [](char c) { return static_cast<char>(std::tolower(c)); });
  });
  request.headers.emplace_back("X-Request-Id", std::move(id));
}

}  // namespace

std::string_view refused_name(Refused refused) { return kRefusedNames[static_cast<std::size_t>(refused)]; }

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") || address.starts_with("localhost:");
}

Access::Access(std::unique_ptr<store::Database> database, AccessSettings settings, bool loopback)
    : settings_(std::move(settings)),
      loopback_(loopback),
      changes_(std::move(database)),
      requests_(buckets_of(settings_.requests_per_second)),
      samples_(buckets_of(settings_.samples_per_second)),
      failures_(kFailures),
      oidc_(settings_.oidc ? std::make_unique<Oidc>(*settings_.oidc, settings_.teams) : nullptr) {
  keyring_.publish(Keyring());
  teams_.publish(settings_.teams);
}

Access::~Access() {
  thread_ = {};
  save_uses(now_epoch_ms());
}

Result<std::unique_ptr<Access>> Access::open(std::unique_ptr<store::Database> database, AccessSettings settings,
                                             const std::string& address) {
  if (settings.oidc) TRY(check(*settings.oidc));
  std::unique_ptr<Access> out(new Access(std::move(database), std::move(settings), is_loopback(address)));
  TRY(out->reload());
  for (const KeyFile& file : out->settings_.key_files) TRY(out->take_key(file));
  if (out->settings_.insecure)
    log::warn("NOBODY IS ASKED WHO HE IS: whoever reaches this address may read and change everything",
              {{"address", address},
               {"why", "server.access.insecure-no-auth or --insecure-no-auth"},
               {"what_to_do", "make a key with 'tessera-server keys create', and take that setting away"}});
  else if (!out->loopback_ && out->keys()->empty() && !out->oidc_)
    return fail(
        Code::Invalid,
        "serve at {}: others than this machine reach that address, and there is no API key to ask them for. "
        "Make the first one with 'tessera-server keys create --data DIR --name NAME --scope admin', or serve at "
        "127.0.0.1, or, where whoever reaches the address may do everything, say so with --insecure-no-auth",
        address);
  else if (out->open_to_everybody())
    log::warn("nobody is asked who he is: whoever is on this machine may read and change everything",
              {{"address", address}, {"until", "the first API key is made: 'tessera-server keys create'"}});
  Access* self = out.get();
  out->thread_ = std::jthread(
      [self](const std::stop_token& stop) { every(kLookEvery, stop, [self] { self->look(now_epoch_ms()); }); });
  return out;
}

/// A key of the file that has been revoked stays so.
Result<void> Access::take_key(const KeyFile& file) {
  if (file.path.empty()) return {};
  const std::string setting = fmt::format("server.access.{}-key-file", file.scope);
  constexpr std::size_t kLongest = 1'000;
  const std::string text = TRY(read_file(file.path, kLongest));
  const std::string_view secret = trim(text);
  const auto id = key_id(secret);
  if (!id)
    return fail(Code::Invalid, "{} {}: no API key; 'tessera-server keys generate' makes one", setting, file.path);
  store::KeyRow row{.id = std::string(*id),
                    .name = file.scope + " key file",
                    .digest = sha256_hex(secret),
                    .scopes = {file.scope},
                    .created = now_epoch_ms(),
                    .created_by = setting};
  const auto keyring = keys();
  if (const HeldKey* known = keyring->of_id(row.id)) {
    if (same_bytes(known->row.digest, row.digest)) return {};
    return fail(Code::Invalid, "{} {}: another key has the same id: make a new one", setting, file.path);
  }
  TRY(changes_.read([&](store::Database& database) {
    return database.atomically([&]() -> Result<void> {
      TRY(store::insert_key(database, row));
      TRY(store::note_key_change(database));
      return store::append_audit(
          database, {row.created, row.created_by, "key.create", "key:" + row.id, "done", "", "", key_detail(row)});
    });
  }));
  return reload();
}

Result<void> Access::reload() {
  auto read =
      changes_.read([&](store::Database& database) -> Result<std::pair<std::int64_t, std::vector<store::KeyRow>>> {
        const std::int64_t changes = TRY(store::key_changes(database));
        return std::pair(changes, TRY(store::keys(database)));
      });
  if (!read) return read.error();
  const auto before = keyring_.get();
  keyring_.publish(Keyring(std::move(read->second), *teams_.get(), before.get()));
  seen_changes_ = read->first;
  return {};
}

Result<void> Access::learn_teams() {
  if (!settings_.teams_told) return {};
  Teams now = settings_.teams;
  now.merge(settings_.teams_told());
  if (now == *teams_.get()) return {};
  if (oidc_) oidc_->take_teams(now);
  teams_.publish(std::move(now));
  return reload();
}

// What another program has changed, or another replica.
void Access::look(EpochMs now) {
  const auto changes = changes_.read([](store::Database& database) { return store::key_changes(database); });
  Result<void> done = changes ? Result<void>() : Result<void>(changes.error());
  if (changes && *changes != seen_changes_) done = reload();
  if (done) done = learn_teams();
  if (!done && !look_failed_)
    log::error("the API keys cannot be read again; those that are known stay good", {{"why", done.error().what}});
  look_failed_ = !done;
  if (now - saved_uses_ >= kSaveUsesEvery.count()) save_uses(now);
  if (oidc_) oidc_->look(std::chrono::steady_clock::now());
}

void Access::save_uses(EpochMs now) {
  saved_uses_ = now;
  const auto keyring = keys();
  for (const HeldKey& key : keyring->all()) {
    const EpochMs used = *key.used;
    if (used <= key.row.last_used.value_or(0)) continue;
    const auto saved =
        changes_.read([&](store::Database& database) { return store::note_key_use(database, key.row.id, used); });
    if (!saved) return;  // it is tried again; look() has said what is wrong
  }
}

bool Access::open_to_everybody() const { return settings_.insecure || (loopback_ && keys()->empty() && !oidc_); }

std::vector<http::Route> Access::guard(std::vector<http::Route> routes, const std::string& context_path) {
  for (http::Route& route : routes) {
    const Rule* found = rule_of(route.method, route.path, context_path);
    Rule rule = found ? *found : kUnknownRoute;
    if (settings_.open_metrics && rule.path == "/metrics") rule.scope.reset();
    route.admit = [this, rule](http::Request& request) { return admit(request, rule); };
    route.handle = [handle = std::move(route.handle)](const http::Request& request) {
      http::Response out = handle(request);
      if (const auto* caller = static_cast<const Caller*>(request.caller.get()))
        out.headers.insert(out.headers.end(), caller->headers.begin(), caller->headers.end());
      return out;
    };
  }
  return routes;
}

std::optional<http::Response> Access::admit(http::Request& request, const Rule& rule) {
  settle_request_id(request);
  if (!rule.scope) return std::nullopt;
  std::optional<http::Response> refusal;
  auto caller = std::make_shared<Caller>();
  if (rule.scope == Scope::Node) caller->viewer = identify_node(request, refusal);
  if (!caller->viewer && !refusal) caller->viewer = identify(request, refusal);
  if (refusal) return refusal;
  const Viewer& viewer = *caller->viewer;
  if (!viewer.scopes.allow(*rule.scope))
    return refuse(request, Refused::Scope,
                  {403, "out-of-scope",
                   fmt::format("{} {} needs the scope {}; {} has {}", request.method, request.path,
                               scope_name(*rule.scope), viewer.caller, fmt::join(viewer.scopes.names(), ", "))});
  if (viewer.restricted() && rule.tenants == Tenants::Refused)
    return refuse(request, Refused::Tenant,
                  {403, "restricted",
                   fmt::format("{} {} tells of the whole fleet; {} is restricted to namespaces or teams",
                               request.method, request.path, viewer.caller)});
  if (auto limited = limit(request, rule, *caller)) return limited;
  request.caller = std::move(caller);
  return std::nullopt;
}

std::shared_ptr<const Viewer> Access::identify(const http::Request& request, std::optional<http::Response>& refusal) {
  static const auto kEverybody = std::make_shared<const Viewer>(everybody());
  const Credential credential = credential_of(request);
  const auto keyring = keys();
  const bool open = open_to_everybody();
  if (open && (credential.kind == Credential::Kind::None || (keyring->empty() && !oidc_))) {
    const std::string why = another_site(request, loopback_ && !settings_.insecure, settings_.public_url);
    if (why.empty()) return kEverybody;
    refusal =
        refuse(request, Refused::NoCredential,
               {403, "another-site",
                fmt::format("nobody is asked who he is here, so pages of other sites are refused, and {}: make an "
                            "API key ('tessera-server keys create') and send it",
                            why)});
    return nullptr;
  }
  if (oidc_ && credential.kind == Credential::Kind::Token) return identify(request, credential.text, refusal);
  const EpochMs now = now_epoch_ms();
  if (credential.kind == Credential::Kind::Key) {
    const auto found = keyring->find(credential.text, now);
    if (found.key) {
      found.key->used->store(now);
      return found.key->viewer;
    }
    if (found.verdict == Keyring::Verdict::Expired)
      refusal = unauthorized(request, Refused::Expired, "this API key has expired");
    else if (found.verdict == Keyring::Verdict::Revoked)
      refusal = unauthorized(request, Refused::Revoked, "this API key has been revoked");
  }
  if (!refusal && credential.kind == Credential::Kind::None)
    refusal = unauthorized(request, Refused::NoCredential,
                           "an API key is needed: as Authorization: Bearer, as X-API-Key, or as the password of basic "
                           "authentication");
  if (!refusal) refusal = unauthorized(request, Refused::Wrong, "this is no API key that is known here");
  return nullptr;
}

std::shared_ptr<const Viewer> Access::identify(const http::Request& request, const std::string& token,
                                               std::optional<http::Response>& refusal) {
  const EpochMs now = now_epoch_ms();
  if (auto known = oidc_->known(token, now)) return known;
  // A signature costs more to check than to make up.
  if (const Draw draw = failures_.take(request.peer, 0, std::chrono::steady_clock::now(), true); !draw.given) {
    refusal = unauthorized(request, Refused::Wrong, {});
    return nullptr;
  }
  auto viewer = oidc_->viewer(token, now);
  if (viewer) return *viewer;
  if (viewer.error().code == Code::Denied)
    refusal = refuse(request, Refused::Scope, {403, "out-of-scope", viewer.error().what});
  else if (viewer.error().code == Code::Unavailable)
    refusal = reply({503, "issuer-unavailable", viewer.error().what}, request);
  else
    refusal = unauthorized(request, Refused::Wrong, viewer.error().what);
  return nullptr;
}

std::shared_ptr<const Viewer> Access::identify_node(const http::Request& request,
                                                    std::optional<http::Response>& refusal) {
  const Credential credential = credential_of(request);
  if (!settings_.node_of_token || credential.kind != Credential::Kind::Token) return nullptr;
  // The API server is not asked for whoever guesses.
  if (!failures_.take(request.peer, 0, std::chrono::steady_clock::now(), true).given) {
    refusal = unauthorized(request, Refused::Wrong, {});
    return nullptr;
  }
  const auto node = settings_.node_of_token(credential.text);
  if (node) return viewer_of("node:" + *node, "node:" + *node, {Scope::Node}, std::nullopt, {}, *node);
  if (node.error().code == Code::Denied)
    refusal = refuse(request, Refused::Scope, {403, "out-of-scope", node.error().what});
  else if (node.error().code == Code::Unavailable)
    refusal = reply({503, "cluster-unavailable", node.error().what}, request);
  else if (!oidc_)  // whose it may be
    refusal = unauthorized(request, Refused::Wrong, node.error().what);
  return nullptr;
}

Result<std::optional<SignInOffer>> Access::sign_in_offer() const {
  return oidc_ ? oidc_->offer() : std::optional<SignInOffer>();
}

std::variant<SignedIn, http::Response> Access::sign_in(const http::Request& request, const CodeGrant& grant) {
  // The issuer is not asked for whoever guesses.
  const auto steady = std::chrono::steady_clock::now();
  if (!failures_.take(request.peer, 0, steady, true).given) return unauthorized(request, Refused::Wrong, {});
  auto signed_in = oidc_->exchange(grant, now_epoch_ms());
  if (signed_in) return *std::move(signed_in);
  const Error& error = signed_in.error();
  if (error.code == Code::Denied) return refuse(request, Refused::Scope, {403, "out-of-scope", error.what});
  failures_.charge(request.peer, 1, steady);
  if (error.code == Code::Invalid) return refuse(request, Refused::Wrong, {400, "sign-in-refused", error.what});
  log::warn("somebody could not sign in at the OIDC issuer, by no fault of his", {{"why", error.what}});
  return reply(
      {503, "issuer-unavailable",
       error.code == Code::Internal ? "this server is not ready to sign anybody in; its log says why" : error.what},
      request);
}

http::Response Access::unauthorized(const http::Request& request, Refused why, std::string detail) {
  const bool wrong = why != Refused::NoCredential;  // a browser's first request has none, and that is no attempt
  const Draw draw = wrong ? failures_.take(request.peer, 1, std::chrono::steady_clock::now()) : Draw{};
  if (!draw.given) {
    http::Response out = refuse(
        request, Refused::Peer,
        {429, "too-many-requests", "too many requests from this address had no good credential: wait, and look at it"});
    std::erase_if(out.headers, [](const auto& header) { return header.first == "Retry-After"; });
    out.headers.emplace_back("Retry-After", whole(draw.wait_seconds));
    return out;
  }
  http::Response out = refuse(request, why, {401, "unauthorized", std::move(detail)});
  out.headers.emplace_back("WWW-Authenticate", why == Refused::NoCredential
                                                   ? "Bearer realm=\"tessera\""
                                                   : "Bearer realm=\"tessera\", error=\"invalid_token\"");
  return out;
}

http::Response Access::refuse(const http::Request& request, Refused why, const Problem& problem) {
  ++refused_[static_cast<std::size_t>(why)];
  return reply(problem, request);
}

std::optional<http::Response> Access::limit(const http::Request& request, const Rule& rule, Caller& caller) {
  const auto now = std::chrono::steady_clock::now();
  const auto too_many = [&](const Draw& draw, std::string_view what, const Rate& rate) {
    http::Response out =
        refuse(request, Refused::Limit,
               {429, "too-many-requests",
                fmt::format("{}: more than {:.0f} {} a second", caller.viewer->caller, rate.per_second, what)});
    std::erase_if(out.headers, [](const auto& header) { return header.first == "Retry-After"; });
    out.headers.emplace_back("Retry-After", whole(std::max(1.0, draw.wait_seconds)));
    out.headers.insert(out.headers.end(), caller.headers.begin(), caller.headers.end());
    return out;
  };
  if (requests_ &&
      rule.scope != Scope::Ingest) {  // who sends is counted by samples: his requests are as small as he likes
    const Draw draw = requests_->take(caller.viewer->caller, 1, now);
    add_limit(caller, "requests", requests_->rate(), draw);
    if (!draw.given) return too_many(draw, "requests", requests_->rate());
  }
  if (samples_ && rule.scope == Scope::Ingest) {
    const Draw draw = samples_->take(caller.viewer->caller, 0, now, true);
    if (!draw.given) return too_many(draw, "samples", samples_->rate());
  }
  return std::nullopt;
}

bool Access::still_admits(const http::Request& request) {
  const auto* caller = static_cast<const Caller*>(request.caller.get());
  if (!caller) return true;
  std::optional<http::Response> refusal;
  const auto now = identify(request, refusal);
  return now && now->scopes == caller->viewer->scopes && now->spaces == caller->viewer->spaces;
}

void Access::charge_samples(const http::Request& request, std::size_t samples) {
  if (samples_)
    samples_->charge(viewer_of(request).caller, static_cast<double>(samples), std::chrono::steady_clock::now());
}

AccessStats Access::stats() const {
  AccessStats out;
  for (std::size_t i = 0; i < kRefused; ++i) out.refused[i] = refused_[i];
  out.open_to_everybody = open_to_everybody();
  out.open_to_all = !loopback_ && out.open_to_everybody;
  const EpochMs now = now_epoch_ms();
  const auto keyring = keys();
  for (const HeldKey& key : keyring->all())
    if (!key.row.revoked && (!key.row.expires || *key.row.expires > now)) ++out.keys;
  return out;
}

}  // namespace tessera::server
