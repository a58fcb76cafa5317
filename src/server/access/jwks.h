#pragma once
// An issuer's public keys (RFC 7517), and whether one of them has signed a token.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/access/jwt.h"

struct evp_pkey_st;

namespace tessera::server {

/// Immutable.
class Jwks {
 public:
  Jwks() = default;
  /// Invalid for what is no set of keys. Keys of other kinds, uses and curves, and RSA keys of less than 2048 bits, are
  /// passed over.
  static Result<Jwks> parse(std::string_view json);

  bool has(std::string_view key_id, Algorithm algorithm) const;
  /// Invalid where none of the keys that the token may mean has signed it.
  Result<void> verify(const Jwt& token) const;
  std::size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string id;
    Algorithm algorithm;
    std::shared_ptr<evp_pkey_st> key;
  };
  std::vector<Key> keys_;
};

}  // namespace tessera::server
