// Law: what is taken is signed by RS256 or ES256, and can be put together again to the very same bytes.
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "base/base64url.h"
#include "server/access/jwks.h"
#include "server/access/jwt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::server;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto token = parse_jwt(text, "realm_access.roles")) {
    assert(token->signed_part + "." + tessera::base64url(token->signature) == text);
    assert(token->groups.size() <= 1'000);
    assert(!token->expires || *token->expires >= 0);
    assert(!Jwks().verify(*token));
  }
  if (const auto keys = Jwks::parse(text)) assert(keys->size() <= 100);
  return 0;
}
