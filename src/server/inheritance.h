#pragma once
// What servers that led before this one had accepted and not saved. They hand it over when they are there again, hours
// later perhaps: by then the heir's fleet has gone on, and takes nothing in that is older. So each journal is followed
// in a fleet of its own, as its server would have gone on with it after a restart; its usage of a subject ends where
// the heir's begins.
#include <map>
#include <memory>
#include <optional>
#include <span>
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
  /// `heir` and `counted` outlive it. `counted`: what had fallen silent when the heir began.
  Inheritance(fleet::FleetOptions options, fleet::Fleet& heir, std::span<const fleet::CountedBefore> counted)
      : options_(std::move(options)), heir_(heir), counted_(counted) {}

  /// `batch` has `of_another`; of each journal they come in its order, and one that comes again is passed over.
  void apply(const Batch& batch);

  /// What a journal has come to.
  struct Share {
    std::string journal;
    std::uint64_t sequence = 0;                 ///< up to and with this record of it
    std::shared_ptr<const fleet::Fleet> fleet;  ///< whose subjects `usage` numbers
    fleet::Usage usage;
  };
  /// Since the last call, of journals of which something has come since.
  std::vector<Share> take(EpochMs now);

 private:
  struct Journal {
    explicit Journal(fleet::FleetOptions options);
    void end_recall(EpochMs counted_at);

    fleet::Fleet fleet;
    fleet::Serving serving;
    SampleRouter router;
    std::uint64_t sequence = 0, told = 0;  ///< of the last record, and of the last that take() has told of
    EpochMs heard = 0;                     ///< when the last had arrived at its own server
    EpochMs came = 0;                      ///< and here
    bool counts = false;                   ///< what is recalled has been read
    bool ended = false;
    bool holds = false;  ///< see OfAnother::direct
  };
  Journal& journal_of(const OfAnother& from);
  fleet::Usage end(Journal& journal);
  std::optional<EpochMs> begins(const fleet::UsageSubject& subject) const;

  const fleet::FleetOptions options_;
  fleet::Fleet& heir_;
  const std::span<const fleet::CountedBefore> counted_;
  std::map<std::string, std::shared_ptr<Journal>> journals_;  ///< by id
};

}  // namespace tessera::server
