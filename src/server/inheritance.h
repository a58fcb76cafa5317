#pragma once
// What servers that led before this one had accepted and not saved. They hand it over when they are there again, hours
// later perhaps: by then the heir's fleet has gone on, and takes nothing in that is older. So each journal is followed
// in a fleet of its own, whose usage of a subject ends where the heir's begins.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/serving/serving.h"
#include "server/batch.h"
#include "server/sample_router.h"

namespace tessera::server {

/// The keeper's thread's.
class Inheritance {
 public:
  /// `heir` outlives it.
  Inheritance(fleet::FleetOptions options, fleet::Fleet& heir) : options_(std::move(options)), heir_(heir) {}

  /// `batch` has `of_another`, and the heir has it already.
  void apply(const Batch& batch);

  /// What it has come to since the last call, by the heir's numbers of subjects. A subject that the heir has no room
  /// for has none.
  std::vector<fleet::Usage> take(EpochMs now);

 private:
  struct Journal {
    explicit Journal(fleet::FleetOptions options);
    fleet::Fleet fleet;
    fleet::Serving serving;
    SampleRouter router;
    EpochMs heard = 0;
    bool ended = false;
    bool holds = false;  ///< see OfAnother::direct
  };
  std::optional<EpochMs> begins(const fleet::UsageSubject& subject) const;
  void by_number_of_heir(fleet::Usage& usage, const Journal& of) const;

  const fleet::FleetOptions options_;
  fleet::Fleet& heir_;
  std::map<std::string, std::unique_ptr<Journal>> journals_;  ///< by id; router refers to the fleet
};

}  // namespace tessera::server
