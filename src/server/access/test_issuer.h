#pragma once
// For tests: an issuer as an HTTP server, with keys made on the spot. It gives codes, and makes a token of each once.
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/duration.h"
#include "http/server.h"

struct evp_pkey_st;

namespace tessera::server {

/// A key pair, as an issuer has it.
class Signer {
 public:
  enum class Kind { Rsa, Ec, SmallRsa };
  Signer(Kind kind, std::string id);

  nlohmann::json public_key() const;
  std::string sign(const nlohmann::json& claims) const;
  std::string sign(const nlohmann::json& claims,
                   const nlohmann::json& header) const;  ///< members of the header besides

 private:
  std::string number(const char* name, int pad = 0) const;

  std::string id_;
  bool rsa_;
  std::shared_ptr<evp_pkey_st> key_;
};

struct TestIssuer {
  TestIssuer();

  void publish(const nlohmann::json& keys);
  /// Of somebody in the group ml, for "tessera" among others.
  nlohmann::json claims() const;
  nlohmann::json claims(const nlohmann::json& more) const;
  /// What the browser comes back with from the authorization endpoint.
  std::string authorize(const std::string& challenge, const std::string& redirect_uri, std::string id_token);
  /// The PKCE challenge of a verifier (S256).
  static std::string challenge_of(const std::string& verifier);

  const EpochMs now = now_epoch_ms();
  const Signer rsa{Signer::Kind::Rsa, "k1"}, ec{Signer::Kind::Ec, "k2"};
  std::string issuer, told_issuer;
  std::string client_secret;          ///< of "tessera"; empty: it is a public client
  bool takes_secret_in_body = false;  ///< and in no other way
  std::atomic<int> fetches = 0;       ///< of keys
  std::atomic<int> exchanges = 0;     ///< tried
  std::atomic<bool> broken = false;

 private:
  struct Given {
    std::string challenge, redirect_uri, id_token;
  };
  nlohmann::json discovery() const;
  http::Response keys();
  http::Response exchange(const http::Request& request);
  bool is_client(const http::Request& request, const http::Request& form) const;

  std::mutex mutex_;
  std::string published_;  // keys, in JSON
  std::map<std::string, Given> codes_;
  std::unique_ptr<http::Server> server_;  // last: it uses all of the above
};

}  // namespace tessera::server
