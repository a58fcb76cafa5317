#pragma once
// JSON Web Tokens, taken apart (RFC 7519). Pure: nothing of it is to be believed before its signature is checked
// (jwks.h).
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::server {

enum class Algorithm : std::uint8_t { Rs256, Es256 };

struct Jwt {
  Algorithm algorithm = Algorithm::Rs256;
  std::string key_id;       ///< empty where it names none
  std::string signed_part;  ///< what the signature is over
  std::string signature;    ///< bytes
  // The claims.
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  std::string authorized_party;  ///< azp: the client that it was made for; empty where it names none
  std::string nonce;             ///< of the sign-in that it answers; empty where it has none
  std::optional<EpochMs> expires;
  std::optional<EpochMs> not_before;
  std::optional<EpochMs> issued;
  std::vector<std::string> groups;
  std::string name;  ///< for people: preferred_username, else email; empty where it has none
};

/// Invalid for what is no signed token, or is signed in another way than RS256 or ES256 (so never by nobody, nor with a
/// secret). `groups_claim` is the name of a claim, or a path of names with dots: `realm_access.roles`.
Result<Jwt> parse_jwt(std::string_view token, std::string_view groups_claim);

/// Invalid with what does not hold: the issuer, the audience (one of the token's is one of `audiences`), and the times,
/// with `leeway` for clocks that differ. A token that never expires is not taken.
Result<void> check_claims(const Jwt& token, std::string_view issuer, const std::vector<std::string>& audiences,
                          EpochMs now, Milliseconds leeway);

/// A member of an object that is a text; empty where there is none.
std::string text_in(const nlohmann::json& object, const char* name);

}  // namespace tessera::server
