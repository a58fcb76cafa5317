#pragma once
// API keys as their holders have them: `tsk_`, eight letters and digits that name the key, `_`, and 256 random bits in
// base64url. Pure but for the random bytes.
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/server.h"

namespace tessera::server {

struct NewKey {
  std::string id;      ///< "ab12cd34"
  std::string secret;  ///< the whole key
};
Result<NewKey> make_key();

/// The id in a key; nullopt for what does not look like one.
std::optional<std::string_view> key_id(std::string_view secret);

/// Of whole bytes, in hex.
std::string sha256_hex(std::string_view bytes);

/// In a time that does not tell where they differ.
bool same_bytes(std::string_view a, std::string_view b);

/// What a request shows to be let in.
struct Credential {
  enum class Kind : std::uint8_t { None, Key, Token, Unknown } kind = Kind::None;
  std::string text;
};
/// `Authorization: Bearer`, the password of basic authentication, or X-API-Key. Several that differ are Unknown.
Credential credential_of(const http::Request& request);

}  // namespace tessera::server
