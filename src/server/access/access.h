#pragma once
// Who may come in: API keys, looked up in memory, and tokens of an OpenID Connect issuer. Each route asks by its rule
// (rules.h).
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/access/buckets.h"
#include "server/access/changes.h"
#include "server/access/keyring.h"
#include "server/access/oidc.h"
#include "server/access/rules.h"

namespace tessera::server {

/// A file with a key that is good from the start, for places where nobody can run a command beside the server before it
/// runs.
struct KeyFile {
  std::string scope;
  std::string path;  ///< empty: none
};

struct AccessSettings {
  bool insecure = false;      ///< nobody is asked, on any address
  bool open_metrics = false;  ///< GET /metrics for everybody
  std::vector<KeyFile> key_files{};
  Teams teams;
  std::function<Teams()> teams_told{};  ///< more of them, asked each second; `teams` has the last word
  std::optional<OidcSettings> oidc;
  /// The node, as node_key_name() has it, of a token that node agents show; see NodeTokens::node_of().
  std::function<Result<std::string>(const std::string& token)> node_of_token{};
  std::string public_url{};                   ///< where browsers reach this server; empty: as they ask
  std::optional<double> requests_per_second;  ///< of one caller
  std::optional<double> samples_per_second;   ///< likewise, that it sends
};

/// Why a request was not let through, for the metric.
enum class Refused : std::uint8_t { NoCredential, Wrong, Expired, Revoked, Scope, Tenant, Limit, Peer };
inline constexpr std::size_t kRefused = 8;
std::string_view refused_name(Refused refused);

struct AccessStats {
  std::array<std::uint64_t, kRefused> refused{};
  bool open_to_all = false;        ///< nobody is asked, on an address that others reach
  bool open_to_everybody = false;  ///< nobody is asked, be it on loopback alone
  std::uint64_t keys = 0;          ///< that are good now
};

/// Thread-safe.
class Access {
 public:
  /// Invalid, with what to do, where nobody could be asked who he is on an address that others reach.
  static Result<std::unique_ptr<Access>> open(std::unique_ptr<store::Database> database, AccessSettings settings,
                                              const std::string& address);
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  /// The same routes, each of which asks first.
  std::vector<http::Route> guard(std::vector<http::Route> routes, const std::string& context_path);

  /// Where browsers sign in at the issuer; nullopt where they cannot. Unavailable as in Oidc::offer().
  Result<std::optional<SignInOffer>> sign_in_offer() const;
  /// The token of somebody who has done so, or why not. Refusals count as wrong credentials do.
  std::variant<SignedIn, http::Response> sign_in(const http::Request& request, const CodeGrant& grant);
  const std::string& public_url() const { return settings_.public_url; }

  /// Whether a request that was let in would be let in now, to see the same: its key may have been taken back since.
  bool still_admits(const http::Request& request);

  /// What a request has sent is counted against its caller's quota.
  void charge_samples(const http::Request& request, std::size_t samples);

  /// Whether somebody without any credential may do everything.
  bool open_to_everybody() const;
  std::shared_ptr<const Keyring> keys() const { return keyring_.get(); }
  Changes& changes() { return changes_; }
  /// Reads the keys again. Called after each change; those that other programs make are seen within a second or two.
  Result<void> reload();
  AccessStats stats() const;

 private:
  Access(std::unique_ptr<store::Database> database, AccessSettings settings, bool loopback);
  std::optional<http::Response> admit(http::Request& request, const Rule& rule);
  std::shared_ptr<const Viewer> identify(const http::Request& request, std::optional<http::Response>& refusal);
  /// Who a token is of; null with the refusal.
  std::shared_ptr<const Viewer> identify(const http::Request& request, const std::string& token,
                                         std::optional<http::Response>& refusal);
  /// The node whose token it is; null without a refusal where it is no such token, or none is taken here.
  std::shared_ptr<const Viewer> identify_node(const http::Request& request, std::optional<http::Response>& refusal);
  http::Response unauthorized(const http::Request& request, Refused why, std::string detail);
  http::Response refuse(const http::Request& request, Refused why, const Problem& problem);
  std::optional<http::Response> limit(const http::Request& request, const Rule& rule, Caller& caller);
  Result<void> take_key(const KeyFile& file);
  void look(EpochMs now);
  Result<void> learn_teams();
  void save_uses(EpochMs now);

  const AccessSettings settings_;
  const bool loopback_;
  Changes changes_;
  Latest<Keyring> keyring_;
  Latest<Teams> teams_;
  std::atomic<std::int64_t> seen_changes_{-1};
  std::array<std::atomic<std::uint64_t>, kRefused> refused_{};
  std::unique_ptr<Buckets> requests_;  ///< null: no limit
  std::unique_ptr<Buckets> samples_;
  Buckets failures_;
  std::unique_ptr<Oidc> oidc_;  ///< null: there is no issuer
  EpochMs saved_uses_ = 0;      // the thread's own, as is all below
  bool look_failed_ = false;    ///< at the last look: said once
  std::jthread thread_;         ///< last: it uses all of the above
};

/// Whether only this machine reaches HOST:PORT.
bool is_loopback(std::string_view address);

}  // namespace tessera::server
