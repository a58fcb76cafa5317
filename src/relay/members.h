#pragma once
// The replicas that share the targets: each holds a lease of its own for as long as it lives, and looks at those of the
// others. Where no API server can be asked the split stays as --shard has it.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "kube/api.h"
#include "relay/options.h"
#include "relay/roster.h"

namespace tessera::relay {

struct Membership {
  std::string lease;  ///< "NAMESPACE/NAME"; a shard's is NAME-SHARD
  unsigned own = 0;
  bool held = false;  ///< the own lease has been renewed within its duration
  std::vector<Member> members;
  std::string problem;  ///< of the last attempt to renew the own lease or to look at the others'; empty: it went well
};

struct MembersSettings {
  kube::ApiServer server;
  std::string space;   ///< namespace of the leases
  std::string name;    ///< each shard's lease is NAME-SHARD
  std::string holder;  ///< this process, told from every other
  Milliseconds duration{15'000};
  Share share;
};

/// The leases' name where none is given: of the StatefulSet whose pod has this name.
std::string lease_name(std::string_view pod, const Share& share);

class Members {
 public:
  /// The shards that are there, this one always among them.
  using Tell = std::function<void(const std::vector<unsigned>& living)>;

  /// By the command line and the cluster that we run in. Null where the split is static: there is one shard only, or
  /// leases are switched off, or this is no pod and no lease was asked for.
  static Result<std::unique_ptr<Members>> join(const Options& options, Tell tell);

  /// `tell` is called on a thread of this, at each change.
  Members(MembersSettings settings, Tell tell);
  /// Gives the lease back, so that others need not wait for its end; after at most a few seconds.
  ~Members();
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  /// What the destructor does begins now.
  void request_stop();
  Membership status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::relay
