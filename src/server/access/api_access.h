#pragma once
// The routes of access itself: keys, who one is, the audit log.
#include <string>
#include <vector>

#include "http/server.h"
#include "server/access/access.h"

namespace tessera::server {

/// `access` outlives them.
std::vector<http::Route> access_routes(Access& access, const std::string& api);

/// How one signs in by a browser. Open to everybody; nothing is changed by them.
std::vector<http::Route> sign_in_routes(Access& access, const std::string& context_path);

/// What somebody asks for who wants a key.
struct KeyWish {
  std::string name;
  std::vector<std::string> scopes{};
  std::optional<std::vector<std::string>> namespaces{};
  std::optional<std::vector<std::string>> teams{};
  std::optional<Milliseconds> expires_in{};
};
/// Invalid with what is wrong with it.
Result<void> check(const KeyWish& wish);
/// Of a request's body.
Result<KeyWish> parse_key_wish(std::string_view body);

struct MadeKey {
  store::KeyRow row;
  std::string secret;
};
/// A key that is not in the database yet.
Result<MadeKey> make_key(const KeyWish& wish, std::string created_by, EpochMs now);
/// Puts it there, in a transaction of the caller's.
Result<void> add_key(store::Database& database, const MadeKey& key);
/// For the audit log.
std::string key_detail(const store::KeyRow& row);

}  // namespace tessera::server
