#pragma once
// Inside the room: one pass over all that is known: which GpuMonitor is served, what it asks for, what is written for
// it, and what its status says. Level-based: it looks at what is, never at what has changed. Thread contract: one
// thread.
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "kube/watch.h"
#include "operator/applier.h"
#include "operator/conditions.h"
#include "operator/serving.h"
#include "operator/target_watches.h"

namespace tessera::operate {

/// On a GpuMonitor that objects were made for: it stays until they are deleted.
inline constexpr const char* kFinalizer = "tessera.dev/cleanup";

struct ReconcilerParts {
  kube::ApiServer server;
  Facts facts;
  Seen& seen;
  Counts& counts;
  std::function<bool()> may_write;                                   ///< asked before each write
  std::function<std::map<std::string, kube::WatchStats>()> watches;  ///< how the watches of `seen` are, by kind
};

class Reconciler {
 public:
  explicit Reconciler(ReconcilerParts parts);
  /// When the next pass is due, though nothing has changed.
  SteadyTime pass(const std::stop_token& stop);

 private:
  using Json = nlohmann::ordered_json;
  using Due = SteadyTime;
  Due serve(const Json& resource, const Seen::Snapshot& seen, const std::stop_token& stop);
  Due clean(const Json& resource, const Seen::Snapshot& seen, const std::stop_token& stop);
  bool own(const Json& resource, const std::stop_token& stop);
  Due finish(const Json& resource, const Progress& progress, const std::stop_token& stop);
  Due tell(const Json& resource, const std::vector<Condition>& conditions, const std::stop_token& stop);
  Due away(const Error& error);
  void answered();
  std::optional<Due> unread(const Json& resource, const Seen::Snapshot& seen, const char* reason,
                            const std::stop_token& stop);

  ReconcilerParts parts_;
  Client client_;
  Applier applier_;
  ServingKeeper serving_;
  Events events_;
  TargetWatches targets_;
  std::map<std::string, SteadyTime> status_written_;  // by uid
  std::map<std::string, SteadyTime> patched_;         // by uid: metadata of the resource, of which the watch tells soon
  std::map<std::string, Seen::Object> status_sent_;   // by uid
  unsigned away_ = 0;                                 // passes in a row that the API server broke off
};

/// The one that is served: names of objects are fixed, so it is the oldest. Null: there is none.
const nlohmann::ordered_json* served(const Seen::Objects& monitors);

}  // namespace tessera::operate
