#pragma once
// Basic authentication against bcrypt hashes, as Prometheus' web configuration file keeps them.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::http {

struct Credentials {
  std::string user, password;
};

/// What an Authorization header of the Basic scheme holds; nullopt for anything else.
std::optional<Credentials> basic_credentials(std::string_view authorization);

/// Whether this is a bcrypt hash that bcrypt_matches can check ($2a$, $2b$, $2y$).
bool is_bcrypt(std::string_view hash);

/// Whether `password` has this hash. False for what is no bcrypt hash, and for a password with a NUL byte.
bool bcrypt_matches(std::string_view password, const std::string& hash);

/// The check for ServerOptions::authenticate, from users to their hashes. Thread-safe. An unknown user takes as long as
/// a wrong password. The last good password of each user is remembered (hashed with a key of this process), so that a
/// scrape does not pay for bcrypt each time.
std::function<bool(std::string_view user, std::string_view password)> basic_authenticator(
    std::map<std::string, std::string> users);

}  // namespace tessera::http
