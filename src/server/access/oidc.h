#pragma once
// Bearer tokens of an OpenID Connect issuer: its keys are found by discovery and kept; groups become rights by a table.
// People come by one through their browser: the issuer gives it a code, of which this server has a token made.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/latest.h"
#include "http/client.h"
#include "server/access/code_grant.h"
#include "server/access/jwks.h"
#include "server/access/viewer.h"

namespace tessera::server {

/// What a group may do and see.
struct OidcRole {
  std::string group;
  std::vector<std::string> scopes;
  std::optional<std::vector<std::string>> namespaces{};
  std::optional<std::vector<std::string>> teams{};
  bool operator==(const OidcRole&) const = default;
};

struct OidcSettings {
  std::string issuer;
  std::string audience;                         ///< empty: the client id alone
  std::string client_id;                        ///< of the dashboard; empty: nobody signs in at the issuer by a browser
  std::string client_secret_file;               ///< empty: a public client
  std::string scopes = "openid profile email";  ///< that a browser asks the issuer for
  std::string groups_claim = "groups";
  std::string ca_file;                     ///< whom the issuer's certificate is held against; empty: the system's
  std::vector<OidcRole> roles;             ///< the first whose group one is in counts
  Milliseconds leeway{60'000};             ///< between the issuer's clock and ours
  Milliseconds fetch_again_after{10'000};  ///< at the soonest, for a token whose key is not known
  Milliseconds refresh_every{3'600'000};
};

/// What a browser needs to begin.
struct SignInOffer {
  std::string issuer;
  std::string authorization_endpoint;
  std::string client_id;
  std::string scopes;
};

/// What it comes to.
struct SignedIn {
  std::string token;  ///< the ID token, which viewer() takes
  EpochMs expires;
};

/// Invalid where a role or the issuer's URL makes no sense. Only https keeps an issuer's keys its own; plain http is
/// taken on loopback.
Result<void> check(const OidcSettings& settings);

/// Thread-safe.
class Oidc {
 public:
  Oidc(OidcSettings settings, Teams teams);

  /// Who the token is of, where it has been looked at before and is still good; else null.
  std::shared_ptr<const Viewer> known(const std::string& token, EpochMs now) const;
  /// Invalid for a token that is not taken, Denied where none of the groups in it has a role, Unavailable where the
  /// issuer's keys are not to be had.
  Result<std::shared_ptr<const Viewer>> viewer(const std::string& token, EpochMs now);
  /// Where browsers sign in; nullopt where they cannot. Unavailable where the issuer has not said (yet) where that is.
  Result<std::optional<SignInOffer>> offer() const;
  /// Has the issuer make a token of a code. Invalid where it refuses the code or the token is not that of this sign-in,
  /// Denied as in viewer(), Unavailable and Internal where that is not the caller's fault.
  Result<SignedIn> exchange(const CodeGrant& grant, EpochMs now);
  /// Fetches the keys again when they are old: called from time to time, by one thread.
  void look(SteadyTime now);
  /// The teams of namespaces have changed, and what restrictions come to.
  void take_teams(Teams teams);

 private:
  struct Taken {
    std::shared_ptr<const Viewer> viewer;
    EpochMs until;
  };
  struct Endpoints {  ///< for browsers; empty where the issuer's document has none that can be used
    std::string authorization;
    TokenEndpoint token;
  };
  struct Discovered {
    Jwks keys;
    Endpoints endpoints;
  };
  Result<void> fetch(SteadyTime now, Milliseconds not_after_last);
  Result<Discovered> fetched();
  Result<std::string> ask(const std::string& url);
  Result<std::string> client_secret() const;
  Result<std::shared_ptr<const Viewer>> viewer_of_groups(const Jwt& token, const Teams& teams) const;

  const OidcSettings settings_;
  const std::vector<std::string> audiences_;
  Latest<Jwks> keys_;
  Latest<Endpoints> endpoints_;  ///< null before the first fetch
  std::counting_semaphore<> exchanges_;
  std::mutex fetch_mutex_;
  http::Client client_;                   // guarded by fetch_mutex_, as is all up to the next mutex
  std::optional<SteadyTime> last_fetch_;  ///< begun
  bool fetch_failed_ = false;             ///< at the last try: said once
  mutable std::mutex mutex_;
  Teams teams_;                                   // guarded by mutex_
  std::unordered_map<std::string, Taken> taken_;  // by SHA-256 of the token; guarded by mutex_
};

}  // namespace tessera::server
