#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/access/api_access.h"
#include "server/access/secret.h"

namespace tessera::server {
namespace {
using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestName = 100;
constexpr std::size_t kMostWords = 100;
constexpr std::string_view kMembers[] = {"name", "scopes", "namespaces", "teams", "expiresIn"};

/// As Kubernetes names namespaces and labels them.
bool is_word(std::string_view text) {
  constexpr std::size_t kLongestWord = 63;
  return !text.empty() && text.size() <= kLongestWord && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

Result<void> check_words(std::string_view member, const std::optional<std::vector<std::string>>& words) {
  if (!words) return {};
  if (words->size() > kMostWords) return fail(Code::Invalid, "{}: at most {} expected", member, kMostWords);
  for (const std::string& word : *words)
    if (!is_word(word))
      return fail(Code::Invalid, "{}: '{}': a name of 1 to 63 letters, digits, '-', '_' and '.' expected", member,
                  valid_utf8(word));
  return {};
}

Result<std::vector<std::string>> texts_of(std::string_view member, const Json& value) {
  std::vector<std::string> out;
  if (!value.is_array()) return fail(Code::Invalid, "{}: a list of texts expected", member);
  for (const Json& one : value) {
    if (!one.is_string()) return fail(Code::Invalid, "{}: a list of texts expected", member);
    out.push_back(one.get<std::string>());
  }
  return out;
}

}  // namespace

Result<void> check(const KeyWish& wish) {
  const bool fine = is_utf8(wish.name) && std::ranges::none_of(wish.name, [](unsigned char c) { return c < 0x20; });
  if (wish.name.empty() || wish.name.size() > kLongestName || !fine)
    return fail(Code::Invalid, "name: 1 to {} bytes without control characters expected", kLongestName);
  if (wish.scopes.empty()) return fail(Code::Invalid, "scopes: some of {} expected", fmt::join(scope_names(), ", "));
  for (const std::string& scope : wish.scopes)
    if (!scope_named(scope))
      return fail(Code::Invalid, "scopes: '{}', but some of {} are expected", valid_utf8(scope),
                  fmt::join(scope_names(), ", "));
  TRY(check_words("namespaces", wish.namespaces));
  TRY(check_words("teams", wish.teams));
  const auto has = [&](std::string_view scope) { return std::ranges::count(wish.scopes, scope) > 0; };
  if ((wish.namespaces || wish.teams) && (has("admin") || has("ingest") || has("node")))
    return fail(
        Code::Invalid,
        "scopes: admin, ingest and node are for the whole fleet or a whole node, so a key that has them cannot be "
        "restricted to namespaces or teams");
  if (wish.expires_in && *wish.expires_in <= Milliseconds(0))
    return fail(Code::Invalid, "expiresIn: more than 0s expected");
  return {};
}

Result<KeyWish> parse_key_wish(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(Code::Invalid, "the body is no JSON object");
  KeyWish out;
  for (const auto& [member, value] : json.items()) {
    if (std::ranges::find(kMembers, member) == std::end(kMembers))
      return fail(Code::Invalid, "{}: there is no such member; there are {}", valid_utf8(member),
                  fmt::join(kMembers, ", "));
    if (value.is_null()) continue;
    if (member == "scopes")
      out.scopes = TRY(texts_of(member, value));
    else if (member == "namespaces")
      out.namespaces = TRY(texts_of(member, value));
    else if (member == "teams")
      out.teams = TRY(texts_of(member, value));
    else if (!value.is_string())
      return fail(Code::Invalid, "{}: a text expected", member);
    else if (member == "name")
      out.name = value.get<std::string>();
    else
      out.expires_in = TRY(parse_duration(value.get<std::string>()));
  }
  TRY(check(out));
  return out;
}

Result<MadeKey> make_key(const KeyWish& wish, std::string created_by, EpochMs now) {
  NewKey fresh = TRY(make_key());
  MadeKey out;
  out.row = {.id = std::move(fresh.id),
             .name = wish.name,
             .digest = sha256_hex(fresh.secret),
             .scopes = TRY(scopes_of(wish.scopes)).names(),
             .namespaces = wish.namespaces,
             .teams = wish.teams,
             .created = now,
             .created_by = std::move(created_by)};
  if (wish.expires_in) out.row.expires = now + wish.expires_in->count();
  out.secret = std::move(fresh.secret);
  return out;
}

Result<void> add_key(store::Database& database, const MadeKey& key) {
  TRY(store::insert_key(database, key.row));
  return store::note_key_change(database);
}

std::string key_detail(const store::KeyRow& row) {
  Json out{{"name", row.name}, {"scopes", row.scopes}};
  if (row.namespaces) out["namespaces"] = *row.namespaces;
  if (row.teams) out["teams"] = *row.teams;
  if (row.expires) out["expires"] = format_time(*row.expires);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tessera::server
