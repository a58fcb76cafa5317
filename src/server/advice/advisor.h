#pragma once
// Advice over time: a thread of the leader notes what engines do, gives advice once an hour from the database's history
// and keeps it; whoever asks reads what is kept, with what somebody has made of it.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "fleet/advice/advice.h"
#include "http/server.h"
#include "server/access/changes.h"
#include "server/advice/facts.h"
#include "server/advice/offers.h"
#include "server/advice/quotas.h"
#include "server/advice/refusals.h"
#include "server/cost/costs.h"
#include "store/advice.h"
#include "store/readers.h"

namespace tessera::server {

struct AdvisorOptions {
  bool leads = true;
  Milliseconds note_every{60'000};  ///< what engines do
  Milliseconds run_every{std::chrono::hours(1)};
  Milliseconds kept{std::chrono::hours(24 * 30)};  ///< what stands no longer, and what engines did
  fleet::advice::Options advice{};
  fleet::advice::Windowing windowing{};
  /// Moves that would free devices, as of now; none: nobody looks.
  std::function<std::vector<Consolidated>(const Published&)> consolidations{};
  /// Whom a quota refuses now; none, or absent: nobody tells.
  std::function<std::optional<std::vector<QuotaRefusal>>(EpochMs)> refusals{};
  AlertCopies alert_copies{};
  bool runs = true;  ///< false: rounds are a test's own
};

/// One as it is told: what was said last, and what somebody has made of it.
struct AdviceTold {
  store::AdviceSaid said;
  store::AdviceState state = store::AdviceState::Open;
  std::optional<store::AdviceAnswer> answer;  ///< absent: there is none
  bool reopened = false;                      ///< it was put aside and is something else by now
};

/// What it has saved, when as much time as is looked at before has gone by since it was accepted.
struct Realised {
  EpochMs from = 0, accepted = 0, to = 0;      ///< the two windows
  std::optional<fleet::Micros> before, after;  ///< absent: not known, or not known yet
  std::optional<fleet::Micros> per_month;      ///< before less after, as of a month
};
inline constexpr Milliseconds kRealisedWindow{std::chrono::hours(24 * 7)};

/// What stands and what was accepted; by money, then id. Dismissed stays dismissed unless it has changed, snoozed is
/// open again behind its time.
std::vector<AdviceTold> told_advice(const std::vector<store::AdviceSaid>& said,
                                    const std::vector<store::AdviceAnswer>& answers, EpochMs now);

/// Whether money was a workload's: of its pods then, or of those that its owner has made since, by their names.
bool is_of(const fleet::advice::Subject& subject, const fleet::CostOwner& owner);

/// What the workload cost, or the device, or all devices of the model. By rows whose bucket is where their piece
/// begins; nothing where the ledger has none of the first of the time before: it had not begun. Nothing either where
/// the next pods have names that nobody can foresee (jobs of a CronJob), or nothing is found behind it and `kind` is
/// not one by which it was to go. Invalid beyond 64 bits.
Result<void> reckon(Realised& into, const std::vector<fleet::CostRow>& rows, const fleet::advice::Subject& subject,
                    std::string_view kind);

/// Advice on a board is known by the board, that of older versions by where it stood: what was said and answered there
/// goes to the board that is there now, unless what is kept says that it was another one.
Result<void> adopt_by_board(store::Database& database, const std::vector<fleet::advice::Advice>& now);

/// Thread-safe. What is given outlives it.
class Advisor {
 public:
  /// `costs`: null where nothing is reckoned.
  Advisor(const Latest<Published>& fleet, Changes& changes, store::Readers& readers, Costs* costs,
          std::function<bool()> started, AdvisorOptions options);
  ~Advisor();
  Advisor(const Advisor&) = delete;
  Advisor& operator=(const Advisor&) = delete;

  Result<std::vector<AdviceTold>> told(EpochMs now) const;
  /// Absent where it is of nothing that costs (a quota), or nothing is reckoned.
  Result<std::optional<Realised>> realised(const AdviceTold& of, EpochMs now) const;
  /// POST, whose rights have been looked at: `answer` has state, until and reason; Open drops what is there.
  http::Response answer(const http::Request& request, const std::string& id, store::AdviceAnswer answer);
  std::string currency() const;  ///< empty: nothing is reckoned

  // Rounds of the thread; for tests, too.
  Result<void> note(EpochMs now);
  Result<void> run(EpochMs now);

 private:
  void look();
  /// The ledger's weeks are read once a day: all of them, each time.
  Result<void> look_at_pools(EpochMs now);

  const Latest<Published>& fleet_;
  Changes& changes_;
  store::Readers& readers_;
  Costs* const costs_;
  const std::function<bool()> started_;
  const AdvisorOptions options_;
  EpochMs noted_ = 0, ran_ = 0;  ///< the thread's own, as are those below
  EpochMs pooled_ = 0;
  std::vector<fleet::advice::Pool> pools_;
  ScatterTrack scattered_;
  bool resumed_ = false;  ///< what was seen before the start
  bool failing_ = false;  ///< said once
  std::jthread thread_;   ///< last
};

}  // namespace tessera::server
