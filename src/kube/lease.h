#pragma once
// Leases (coordination.k8s.io/v1): a word in the API server that its holder repeats for as long as it lives. They serve
// a choice of one leader as well as a roll of who is there; what follows from a lease is its user's.
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "kube/api.h"
#include "kube/service_account.h"

namespace tessera::kube {

struct Lease {
  std::string name{};
  std::string holder{};  ///< empty: nobody's
  Milliseconds duration{0};
  /// As the holder's clock had it: told apart, never compared with the time here.
  std::string acquired{}, renewed{};
  std::int64_t transitions = 0;
  std::map<std::string, std::string> labels{};
  std::string version{};  ///< of the object; empty: not written yet
  std::string object{};   ///< as it was read: what stands in it beside the above stays when it is written
};

Result<Lease> parse_lease(std::string_view json);
/// `space`: the namespace. An `owner` there becomes one of the lease's owners, so that the lease goes with it.
std::string lease_json(const Lease& lease, const std::string& space,
                       const std::optional<ServiceAccount>& owner = std::nullopt);

/// `lease` as its holder writes it at `now`: renewed, or taken from nobody or from another. Whether it may be taken is
/// the caller's to know.
Lease held_by(Lease lease, const std::string& holder, Milliseconds duration, EpochMs now);

/// `lease` as its holder gives it back, for others to take at once.
Lease released(Lease lease, EpochMs now);

/// The leases of one namespace. What is written belongs to the service account that writes it, as far as its token says
/// which that is: nobody has to clear leases away after an uninstall. Not thread-safe. A stop ends a call at once; the
/// head of each reply has a deadline, and its body comes within three.
class Leases {
 public:
  Leases(ApiServer server, std::string space, Milliseconds deadline);

  /// nullopt: there is none of this name.
  Result<std::optional<Lease>> read(const std::string& name, const std::stop_token& stop);
  Result<std::vector<Lease>> list(const std::string& label_selector, const std::stop_token& stop);
  /// Creates it where `lease` has no version, else replaces that version; the lease as it stands now. nullopt: somebody
  /// else wrote meanwhile, or it is gone, so that it has to be read again.
  Result<std::optional<Lease>> write(const Lease& lease, const std::stop_token& stop);

 private:
  Result<http::ClientResponse> call(ApiRequest request, const std::stop_token& stop);
  Error refused(const ApiRequest& request, const http::ClientResponse& reply) const;
  const std::optional<ServiceAccount>& account();

  const std::filesystem::path token_file_;
  std::optional<ServiceAccount> account_;  // of a pod it is the same for life, whatever becomes of its token
  Api api_;
  const std::string space_;
  const std::string path_;
  const Milliseconds deadline_;
};

/// How long a lease has been silent, as seen from here: on the steady clock of this machine, and without the times when
/// nobody could look. So an API server that was away does not make everybody dead at its return.
class LeaseSight {
 public:
  /// More than `most_apart` between two looks counts as `most_apart`.
  explicit LeaseSight(Milliseconds most_apart) : most_apart_(most_apart) {}

  /// What a look at `when` found; null: no such lease.
  void saw(const Lease* lease, SteadyTime when);

  /// Since the look that showed its last change; a lease that was never seen is silent from the first look on.
  Milliseconds silence() const { return std::chrono::duration_cast<Milliseconds>(silence_); }
  /// It is nobody's: its holder gave it back.
  bool is_released() const { return word_ && word_->first.empty(); }

 private:
  using Word = std::pair<std::string, std::string>;  // holder, and when it was renewed
  const Milliseconds most_apart_;
  std::optional<Word> word_;  // nullopt: no such lease
  std::optional<SteadyTime> looked_;
  SteadyTime::duration silence_{0};
};

}  // namespace tessera::kube
