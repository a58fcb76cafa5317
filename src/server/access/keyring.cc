#include "server/access/keyring.h"

#include <fmt/format.h>

#include "server/access/secret.h"

namespace tessera::server {

Result<Scopes> scopes_of(const std::vector<std::string>& names) {
  Scopes out;
  for (const std::string& name : names) {
    const auto scope = scope_named(name);
    if (!scope) return fail(Code::Invalid, "'{}' is no scope", name);
    out.add(*scope);
  }
  return out;
}

Keyring::Keyring(std::vector<store::KeyRow> rows, const Teams& teams, const Keyring* before) {
  for (store::KeyRow& row : rows) {
    std::optional<Restriction> restriction;
    if (row.namespaces || row.teams) {
      restriction.emplace();
      if (row.namespaces) restriction->namespaces = {row.namespaces->begin(), row.namespaces->end()};
      if (row.teams) restriction->teams = {row.teams->begin(), row.teams->end()};
    }
    Scopes scopes;
    for (const std::string& name : row.scopes)  // what a later version calls a scope gives no right here
      if (const auto scope = scope_named(name)) scopes.add(*scope);
    HeldKey held;
    const HeldKey* known = before ? before->of_id(row.id) : nullptr;
    held.used = known ? known->used : std::make_shared<std::atomic<EpochMs>>(row.last_used.value_or(0));
    held.viewer = viewer_of("key:" + row.id, fmt::format("key:{} {}", row.id, row.name), scopes, std::move(restriction),
                            teams, row.name);
    held.row = std::move(row);
    by_id_.emplace(held.row.id, keys_.size());
    keys_.push_back(std::move(held));
  }
}

const HeldKey* Keyring::of_id(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &keys_[found->second];
}

Keyring::Found Keyring::find(std::string_view secret, EpochMs now) const {
  const auto id = key_id(secret);
  const HeldKey* key = id ? of_id(std::string(*id)) : nullptr;
  if (!key || !same_bytes(sha256_hex(secret), key->row.digest)) return {};
  if (key->row.revoked) return {Verdict::Revoked};
  if (key->row.expires && *key->row.expires <= now) return {Verdict::Expired};
  return {Verdict::Good, key};
}

}  // namespace tessera::server
