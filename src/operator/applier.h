#pragma once
// Inside the room: carries a plan out. Each object is written where it has to be, and no more often; what is left over
// is deleted. Thread contract: one thread.
#include <functional>
#include <map>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "operator/client.h"
#include "operator/decision.h"
#include "operator/events.h"
#include "operator/plan.h"
#include "operator/seen.h"

namespace tessera::operate {

/// What a pass over all objects has come to.
struct Progress {
  std::map<ObjectKey, std::string> troubles;  ///< of objects that cannot be written or deleted
  std::size_t waiting = 0;                    ///< objects that are not yet as they shall be
  std::size_t fought = 0;                     ///< objects that somebody else changes again and again
  SteadyTime due = SteadyTime::max();         ///< when to come again, though nothing has changed
  std::vector<Note> notes;                    ///< what was done, to be told
  std::optional<Error> away;                  ///< the pass was broken off
};

class Applier {
 public:
  /// `may_write` is asked before each write.
  Applier(Client& client, Counts& counts, std::function<bool()> may_write);

  Progress apply(const GpuMonitor& monitor, const Facts& facts, const Plan& plan, const Seen::Snapshot& seen,
                 const std::stop_token& stop);
  /// Deletes all that was made, API keys and the claims of StatefulSets too. `waiting` 0: nothing is left but
  /// namespaces, and claims that go with their last pod.
  Progress clean(const GpuMonitor& monitor, const Facts& facts, const Seen::Snapshot& seen,
                 const std::stop_token& stop);

 private:
  struct Pass;
  void make_secret(Pass& pass, const KeySecret& secret);
  void write_certificate(Pass& pass, const CertificateSecret& secret);
  void settle(Pass& pass, const nlohmann::ordered_json& desired);
  void write(Pass& pass, const nlohmann::ordered_json& desired, const Decision& decision,
             const nlohmann::ordered_json* live);
  bool is_free(Pass& pass, const nlohmann::ordered_json& desired);
  void replace(Pass& pass, const nlohmann::ordered_json& desired, const nlohmann::ordered_json* live);
  void remove(Pass& pass, const ObjectKey& key, const nlohmann::ordered_json& live);
  void refused(Pass& pass, const ObjectKey& key, const std::string& hash, const kube::Status& status,
               const std::string& trouble);
  void forget(const Pass& pass, const Plan& plan);

  Client& client_;
  Counts& counts_;
  const std::function<bool()> may_write_;
  std::map<ObjectKey, Attempts> attempts_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace tessera::operate
