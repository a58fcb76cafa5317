#include "server/access/api_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api_json.h"
#include "server/json_body.h"
#include "server/paging.h"
#include "server/resource.h"

namespace tessera::server {
namespace {

constexpr std::string_view kKeyColumns[] = {"id",      "name",      "state",   "scopes",  "namespaces", "teams",
                                            "created", "createdBy", "expires", "revoked", "lastUsed"};
constexpr std::string_view kAuditColumns[] = {"sequence", "time",      "actor", "action", "object",
                                              "result",   "requestId", "peer",  "detail", "hash"};

std::string_view state_of(const store::KeyRow& row, EpochMs now) {
  if (row.revoked) return "revoked";
  return row.expires && *row.expires <= now ? "expired" : "active";
}

Json list_or_null(const std::optional<std::vector<std::string>>& words) { return words ? Json(*words) : Json(nullptr); }

Json key_json(const HeldKey& key, EpochMs now) {
  const store::KeyRow& row = key.row;
  const EpochMs used = *key.used;
  return {{"id", row.id},
          {"name", row.name},
          {"state", state_of(row, now)},
          {"scopes", row.scopes},
          {"namespaces", list_or_null(row.namespaces)},
          {"teams", list_or_null(row.teams)},
          {"created", time_json(row.created)},
          {"createdBy", row.created_by},
          {"expires", time_or_null(row.expires)},
          {"revoked", time_or_null(row.revoked)},
          {"lastUsed", used > 0 ? time_json(used) : Json(nullptr)}};
}

/// Of what can be changed about a key: its use does not change it.
std::string key_etag(const HeldKey& key) {
  Json shown = key_json(key, 0);
  shown.erase("lastUsed");
  return etag_of(json_text(shown));
}

Problem no_key(std::string_view id) {
  return {404, "not-found", fmt::format("no API key has the id '{}'; /access/keys lists them", valid_utf8(id))};
}

struct KeyOrder {
  const HeldKey* key;
};
constexpr SortColumn<KeyOrder> kKeySort[] = {
    {"created", [](const KeyOrder& r) { return SortValue(static_cast<double>(r.key->row.created)); }},
    {"id", [](const KeyOrder& r) { return SortValue(r.key->row.id); }},
};

http::Response list_keys(const Access& access, const http::Request& request) {
  Query query(request);
  const Pager<KeyOrder> pager(query, kKeySort, "", "created,id");
  if (!query.finish()) return reply(*query.problem(), request);
  const auto keys = access.keys();
  std::vector<KeyOrder> rows;
  for (const HeldKey& key : keys->all()) rows.push_back({&key});
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  const EpochMs now = now_epoch_ms();
  page.row = [&](std::size_t at, Json& into) { into = key_json(*rows[at].key, now); };
  return paged(page, kKeyColumns, query, now);
}

http::Response show_key(const Access& access, const http::Request& request) {
  Query query(request);
  if (!query.finish()) return reply(*query.problem(), request);
  const auto keys = access.keys();
  const HeldKey* key = keys->of_id(std::string(request.param("id")));
  if (!key) return reply(no_key(request.param("id")), request);
  const std::string etag = key_etag(*key);
  http::Response out = json_reply(request, key_json(*key, now_epoch_ms()));
  out.headers.emplace_back("ETag", etag);
  if (trim(request.header("If-None-Match")) == etag) out.status = 304;
  return out;
}

http::Response create_key(Access& access, const http::Request& request) {
  if (auto refused = refused_body(request)) return *std::move(refused);
  http::Response out = access.changes().make(
      request, "key.create", "", [&](store::Database& database) -> Result<std::variant<Changed, Problem>> {
        const auto wish = parse_key_wish(request.body);
        if (!wish) return std::variant<Changed, Problem>(Problem{400, "invalid-parameter", wish.error().what});
        const MadeKey made = TRY(make_key(*wish, viewer_of(request).actor, now_epoch_ms()));
        TRY(add_key(database, made));
        HeldKey held;
        held.row = made.row;
        held.used = std::make_shared<std::atomic<EpochMs>>(0);
        Json body = key_json(held, made.row.created);
        Changed changed{201, "key:" + made.row.id, key_detail(made.row), request.path + "/" + made.row.id};
        body["secret"] = nullptr;
        changed.kept = json_text(body);  // shown once: a repetition finds the key, not the secret
        body["secret"] = made.secret;
        changed.body = json_text(body);
        return std::variant<Changed, Problem>(std::move(changed));
      });
  if (const auto read = access.reload(); !read)
    return reply(
        {503, "database-unavailable", "the key is made, but the keys cannot be read again: " + read.error().what},
        request);
  return out;
}

http::Response revoke_key(Access& access, const http::Request& request) {
  const std::string id(request.param("id"));
  http::Response out =
      access.changes().make(request, "key.revoke", "key:" + valid_utf8(id),
                            [&](store::Database& database) -> Result<std::variant<Changed, Problem>> {
                              const auto keys = access.keys();
                              const HeldKey* key = keys->of_id(id);
                              if (!key) return std::variant<Changed, Problem>(no_key(id));
                              if (auto stale = check_if_match(request, key_etag(*key)))
                                return std::variant<Changed, Problem>(*std::move(stale));
                              TRY(store::revoke_key(database, id, now_epoch_ms()));
                              TRY(store::note_key_change(database));
                              return std::variant<Changed, Problem>(Changed{204, "key:" + id, key_detail(key->row)});
                            });
  if (const auto read = access.reload(); !read && out.status == 204)
    return reply(
        {503, "database-unavailable", "the key is revoked, but the keys cannot be read again: " + read.error().what},
        request);
  return out;
}

http::Response whoami(const Access& access, const http::Request& request) {
  Query query(request);
  if (!query.finish()) return reply(*query.problem(), request);
  const Viewer& viewer = viewer_of(request);
  const auto names = [](const std::set<std::string>& of) { return Json(of); };
  const auto keys = access.keys();
  constexpr std::string_view kOfKey = "key:";
  const HeldKey* key = viewer.caller.starts_with(kOfKey) ? keys->of_id(viewer.caller.substr(kOfKey.size())) : nullptr;
  return json_reply(request, {{"caller", viewer.caller},
                              {"actor", viewer.actor},
                              {"scopes", viewer.scopes.names()},
                              {"restricted", viewer.restricted()},
                              {"namespaces", viewer.spaces ? names(*viewer.spaces) : Json(nullptr)},
                              {"teams", viewer.restriction ? names(viewer.restriction->teams) : Json(nullptr)},
                              {"expires", key ? time_or_null(key->row.expires) : Json(nullptr)},
                              {"openToEverybody", access.open_to_everybody()}});
}

Json audit_json(const store::AuditRow& row) {
  const store::AuditEntry& of = row.entry;
  return {{"sequence", row.sequence}, {"time", time_json(of.time)}, {"timeMs", of.time},   {"actor", of.actor},
          {"action", of.action},      {"object", of.object},        {"result", of.result}, {"requestId", of.request_id},
          {"peer", of.peer},          {"detail", of.detail},        {"hash", row.hash}};
}

http::Response list_audit(Access& access, const http::Request& request) {
  constexpr std::int64_t kRows = 100, kMost = 1'000;
  Query query(request);
  const auto limit = static_cast<std::size_t>(query.whole("limit", 1, kMost, kRows));
  const auto after = query.whole("cursor", 0, std::numeric_limits<std::int64_t>::max(), 0);
  if (!query.finish()) return reply(*query.problem(), request);
  store::AuditHead head;
  // The head first: rows are only added, so those that it counts are there when they are read.
  const auto rows = access.changes().read([&](store::Database& database) -> Result<std::vector<store::AuditRow>> {
    head = TRY(store::audit_head(database));
    return store::audit_rows(database, after, limit);
  });
  if (!rows) return reply({503, "database-unavailable", "the audit log cannot be read: " + rows.error().what}, request);
  Page page;
  page.total = static_cast<std::size_t>(head.rows);
  page.rows = rows->size();
  if (rows->size() == limit) page.next_cursor = std::to_string(rows->back().sequence);
  page.row = [&](std::size_t at, Json& into) { into = audit_json((*rows)[at]); };
  page.about = {{"headHash", head.hash}};
  return paged(page, kAuditColumns, query, now_epoch_ms());
}

http::Response sign_in_offer(const Access& access, const http::Request& request, const std::string& page) {
  Query query(request);
  if (!query.finish()) return reply(*query.problem(), request);
  const auto offer = access.sign_in_offer();
  if (!offer) return reply({503, "issuer-unavailable", offer.error().what}, request);
  const SignInOffer of = offer->value_or(SignInOffer{});
  const bool known = *offer && !access.public_url().empty();
  return json_reply(request, {{"offered", offer->has_value()},
                              {"issuer", text_or_null(of.issuer)},
                              {"authorizationEndpoint", text_or_null(of.authorization_endpoint)},
                              {"clientId", text_or_null(of.client_id)},
                              {"scopes", text_or_null(of.scopes)},
                              {"redirectUri", known ? Json(access.public_url() + page) : Json(nullptr)}});
}

http::Response sign_in(Access& access, const http::Request& request, const std::string& page) {
  if (auto refused = refused_body(request)) return *std::move(refused);
  if (const auto offer = access.sign_in_offer(); offer && !*offer)
    return reply(
        {404, "not-found",
         fmt::format("{}: nobody signs in at an issuer here: server.access.oidc.client-id is not set", request.path)},
        request);
  const auto grant = parse_code_grant(request.body);
  if (!grant) return reply({400, "invalid-parameter", grant.error().what}, request);
  const auto redirect = check_redirect(grant->redirect_uri, page, access.public_url(), request.header("Host"));
  if (!redirect) return reply({400, "invalid-parameter", redirect.error().what}, request);
  auto done = access.sign_in(request, *grant);
  if (auto* refused = std::get_if<http::Response>(&done)) return std::move(*refused);
  const auto& signed_in = std::get<SignedIn>(done);
  return json_reply(request, {{"token", signed_in.token}, {"expires", time_json(signed_in.expires)}});
}

}  // namespace

std::vector<http::Route> sign_in_routes(Access& access, const std::string& context_path) {
  const std::string path = context_path + "/api/v1/access/oidc", page = context_path + "/signin";
  return {{"GET", path, [&access, page](const http::Request& r) { return sign_in_offer(access, r, page); }},
          {"POST", path + "/token", [&access, page](const http::Request& r) { return sign_in(access, r, page); }}};
}

std::vector<http::Route> access_routes(Access& access, const std::string& api) {
  using http::Request;
  return {
      {"GET", api + "/access/whoami", [&access](const Request& r) { return whoami(access, r); }},
      {"GET", api + "/access/keys", [&access](const Request& r) { return list_keys(access, r); }},
      {"POST", api + "/access/keys", [&access](const Request& r) { return create_key(access, r); }},
      {"GET", api + "/access/keys/{id}", [&access](const Request& r) { return show_key(access, r); }},
      {"DELETE", api + "/access/keys/{id}", [&access](const Request& r) { return revoke_key(access, r); }},
      {"GET", api + "/audit", [&access](const Request& r) { return list_audit(access, r); }},
  };
}

}  // namespace tessera::server
