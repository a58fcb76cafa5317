#include "server/access/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64url.h"

namespace tessera::server {
namespace {
using Json = nlohmann::json;

constexpr std::size_t kMostKeys = 100;
constexpr std::size_t kCoordinate = 32;  // bytes of P-256
constexpr int kLeastRsaBits = 2048;

template <class T, void (*kFree)(T*)>
struct Free {
  void operator()(T* one) const noexcept { kFree(one); }
};
using Number = std::unique_ptr<BIGNUM, Free<BIGNUM, BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM, OSSL_PARAM_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG, ECDSA_SIG_free>>;
using PublicKey = std::shared_ptr<EVP_PKEY>;

const unsigned char* bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Number number_of(const std::string& text) {
  return Number(BN_bin2bn(bytes(text), static_cast<int>(text.size()), nullptr));
}

std::optional<std::string> member(const Json& key, const char* name) {
  const auto found = key.find(name);
  return found != key.end() && found->is_string() ? base64url_decoded(found->get<std::string>()) : std::nullopt;
}

bool is_or_absent(const Json& key, const char* name, std::string_view value) {
  const auto found = key.find(name);
  return found == key.end() || (found->is_string() && found->get<std::string>() == value);
}

PublicKey built(const char* kind, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return {key, EVP_PKEY_free};
}

PublicKey rsa_key(const Json& key) {
  const auto modulus = member(key, "n"), exponent = member(key, "e");
  if (!modulus || !exponent) return nullptr;
  const Number n = number_of(*modulus), e = number_of(*exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  PublicKey out = built("RSA", builder.get());
  return out && EVP_PKEY_get_bits(out.get()) >= kLeastRsaBits ? out : nullptr;
}

PublicKey ec_key(const Json& key) {
  const auto x = member(key, "x"), y = member(key, "y");
  if (!is_or_absent(key, "crv", "P-256") || !x || !y || x->size() != kCoordinate || y->size() != kCoordinate)
    return nullptr;
  const std::string point = '\x04' + *x + *y;  // uncompressed
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  return built("EC", builder.get());
}

/// OpenSSL takes DER, tokens have the two numbers one behind the other.
std::string der_of(const std::string& signature) {
  if (signature.size() != 2 * kCoordinate) return {};
  Number r = number_of(signature.substr(0, kCoordinate)), s = number_of(signature.substr(kCoordinate));
  const Signature both(ECDSA_SIG_new());
  if (!r || !s || !both || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // they are the signature's now
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &der);
  std::string out;
  if (size > 0) out.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool has_signed(EVP_PKEY* key, const std::string& signature, const std::string& text) {
  const Digest digest(EVP_MD_CTX_new());
  return digest && EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(digest.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
}

}  // namespace

Result<Jwks> Jwks::parse(std::string_view json) {
  const Json set = Json::parse(json, nullptr, false);
  const auto keys = set.is_object() ? set.find("keys") : set.end();
  if (!set.is_object() || keys == set.end() || !keys->is_array())
    return fail(Code::Invalid, "no set of keys: a JSON object with a list 'keys' expected");
  Jwks out;
  for (const Json& one : *keys) {
    if (!one.is_object() || !is_or_absent(one, "use", "sig") || out.keys_.size() >= kMostKeys) continue;
    const auto kind = one.find("kty");
    const bool rsa = kind != one.end() && *kind == "RSA" && is_or_absent(one, "alg", "RS256");
    const bool ec = kind != one.end() && *kind == "EC" && is_or_absent(one, "alg", "ES256");
    if (!rsa && !ec) continue;
    const auto id = one.find("kid");
    if (PublicKey key = rsa ? rsa_key(one) : ec_key(one))
      out.keys_.push_back({id != one.end() && id->is_string() ? id->get<std::string>() : std::string(),
                           rsa ? Algorithm::Rs256 : Algorithm::Es256, std::move(key)});
  }
  return out;
}

bool Jwks::has(std::string_view key_id, Algorithm algorithm) const {
  return std::ranges::any_of(
      keys_, [&](const Key& key) { return key.algorithm == algorithm && (key_id.empty() || key.id == key_id); });
}

Result<void> Jwks::verify(const Jwt& token) const {
  const std::string signature = token.algorithm == Algorithm::Es256 ? der_of(token.signature) : token.signature;
  for (const Key& key : keys_)
    if (key.algorithm == token.algorithm && (token.key_id.empty() || key.id == token.key_id) && !signature.empty() &&
        has_signed(key.key.get(), signature, token.signed_part))
      return {};
  return fail(Code::Invalid, "the token's signature is not that of its issuer");
}

}  // namespace tessera::server
