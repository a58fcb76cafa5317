#include "server/access/test_issuer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <nlohmann/json.hpp>

#include <stdexcept>

#include "base/base64url.h"
#include "http/router.h"

namespace tessera::server {
namespace {
using Json = nlohmann::json;

/// An ECDSA signature as a token has it, of OpenSSL's form.
std::string raw(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string out(64, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(both), bytes, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(both), bytes + 32, 32);
  ECDSA_SIG_free(both);
  return out;
}

http::Response json_reply(const Json& value, int status = 200) {
  http::Response out;
  out.status = status;
  out.content_type = "application/json";
  out.body = value.dump();
  return out;
}

}  // namespace

Signer::Signer(Kind kind, std::string id)
    : id_(std::move(id)),
      rsa_(kind != Kind::Ec),
      key_(kind == Kind::Ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(kind == Kind::Rsa ? 2048U : 1024U), EVP_PKEY_free) {}

Json Signer::public_key() const {
  if (rsa_) return {{"kty", "RSA"}, {"kid", id_}, {"use", "sig"}, {"n", number("n")}, {"e", number("e")}};
  return {{"kty", "EC"}, {"crv", "P-256"}, {"kid", id_}, {"x", number("qx", 32)}, {"y", number("qy", 32)}};
}

std::string Signer::sign(const Json& claims) const { return sign(claims, Json::object()); }

std::string Signer::sign(const Json& claims, const Json& header) const {
  Json full{{"kid", id_}, {"alg", rsa_ ? "RS256" : "ES256"}};
  full.update(header);
  const std::string text = base64url(full.dump()) + "." + base64url(claims.dump());
  std::size_t size = 0;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  EVP_DigestSign(context, nullptr, &size, bytes, text.size());
  std::string out(size, '\0');
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size());
  EVP_MD_CTX_free(context);
  out.resize(size);
  return text + "." + base64url(rsa_ ? out : raw(out));
}

std::string Signer::number(const char* name, int pad) const {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key_.get(), name, &value);
  std::string out(static_cast<std::size_t>(pad > 0 ? pad : BN_num_bytes(value)), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(value);
  return base64url(out);
}

TestIssuer::TestIssuer() {
  http::ServerOptions options;
  options.address = "127.0.0.1:0";
  auto server = http::Server::listen(
      options, {{"GET", "/realm/.well-known/openid-configuration",
                 [this](const http::Request&) { return json_reply(discovery()); }},
                {"GET", "/realm/keys", [this](const http::Request&) { return keys(); }},
                {"POST", "/realm/token", [this](const http::Request& request) { return exchange(request); }}});
  if (!server) throw std::runtime_error(server.error().what);
  server_ = *std::move(server);
  issuer = "http://" + server_->address() + "/realm";
  publish({rsa.public_key(), ec.public_key()});
}

void TestIssuer::publish(const Json& keys) {
  const std::lock_guard lock(mutex_);
  published_ = keys.dump();
}

Json TestIssuer::claims() const { return claims(Json::object()); }

Json TestIssuer::claims(const Json& more) const {
  Json out{{"iss", issuer},     {"sub", "u-1"},          {"aud", {"other", "tessera"}}, {"exp", now / 1000 + 600},
           {"iat", now / 1000}, {"groups", {"ml", "x"}}, {"preferred_username", "ada"}};
  out.update(more);
  return out;
}

Json TestIssuer::discovery() const {
  Json out{{"issuer", told_issuer.empty() ? issuer : told_issuer},
           {"jwks_uri", issuer + "/keys"},
           {"authorization_endpoint", issuer + "/authorize"},
           {"token_endpoint", issuer + "/token"}};
  if (takes_secret_in_body) out["token_endpoint_auth_methods_supported"] = {"client_secret_post"};
  return out;
}

http::Response TestIssuer::keys() {
  ++fetches;
  if (broken) return json_reply("no keys today");
  const std::lock_guard lock(mutex_);
  return json_reply({{"keys", Json::parse(published_)}});
}

std::string TestIssuer::challenge_of(const std::string& verifier) {
  std::string digest(32, '\0');
  EVP_Digest(verifier.data(), verifier.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return base64url(digest);
}

std::string TestIssuer::authorize(const std::string& challenge, const std::string& redirect_uri, std::string id_token) {
  const std::lock_guard lock(mutex_);
  std::string code = "code " + std::to_string(codes_.size());
  codes_[code] = {challenge, redirect_uri, std::move(id_token)};
  return code;
}

bool TestIssuer::is_client(const http::Request& request, const http::Request& form) const {
  if (client_secret.empty()) return form.query_value("client_id") == "tessera";
  if (takes_secret_in_body)
    return form.query_value("client_id") == "tessera" && form.query_value("client_secret") == client_secret;
  std::string expected(256, '\0');
  const std::string both = "tessera:" + http::percent_encoded(client_secret);
  expected.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(expected.data()),
                                                           reinterpret_cast<const unsigned char*>(both.data()),
                                                           static_cast<int>(both.size()))));
  return request.header("Authorization") == "Basic " + expected;
}

http::Response TestIssuer::exchange(const http::Request& request) {
  ++exchanges;
  http::Request form;
  form.query = request.body;
  const auto refuse = [](const char* error, const char* why) {
    return json_reply({{"error", error}, {"error_description", why}}, 400);
  };
  if (!is_client(request, form)) return refuse("invalid_client", "who are you");
  const std::lock_guard lock(mutex_);
  const auto found = codes_.find(form.query_value("code"));
  if (form.query_value("grant_type") != "authorization_code" || found == codes_.end())
    return refuse("invalid_grant", "no such code");
  const Given given = found->second;
  codes_.erase(found);
  if (form.query_value("redirect_uri") != given.redirect_uri) return refuse("invalid_grant", "another redirect_uri");
  if (challenge_of(form.query_value("code_verifier")) != given.challenge)
    return refuse("invalid_grant", "PKCE\nverification failed");
  return json_reply({{"access_token", "opaque"}, {"token_type", "Bearer"}, {"id_token", given.id_token}});
}

}  // namespace tessera::server
