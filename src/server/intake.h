#pragma once
// Remote write and pages of metrics come in here: checked, written to the journal, on the disk, and only then answered.
#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "http/server.h"
#include "journal/journal.h"
#include "server/batch.h"
#include "server/keeper.h"
#include "server/senders.h"

namespace tessera::server {

/// Why a request was refused, for the metric.
enum class Refusal : std::uint8_t { TooLarge, BadEncoding, BadMessage, BadLabels, Busy, Disk };
inline constexpr std::size_t kRefusals = 6;
std::string_view refusal_name(Refusal refusal);

struct IntakeStats {
  std::uint64_t requests = 0;  ///< accepted
  std::uint64_t samples = 0;
  std::uint64_t too_new = 0;     ///< samples left out because they lie in the future
  std::uint64_t too_old = 0;     ///< samples left out because nothing keeps their time any longer
  std::uint64_t exemplars = 0;   ///< counted, not kept
  std::uint64_t histograms = 0;  ///< native ones: counted, not kept
  std::array<std::uint64_t, kRefusals> refused{};
  std::string last_refusal{};  ///< why; empty: none yet
};

/// Thread-safe: any number of requests at once. What a 2xx was answered for has been written and synced; requests that
/// wait together share one sync.
class Intake {
 public:
  Intake(IntakeLimits limits, journal::Journal& journal, Keeper& keeper);

  /// POST /write: remote write 1.0 and 2.0, snappy, or VictoriaMetrics' zstd.
  /// `told`, where it is not null, gets the number of samples in a request that was taken.
  http::Response write(const http::Request& request, std::size_t* told = nullptr);

  /// POST /import/prometheus: a page of metrics. It is kept as the remote-write request that says the same.
  http::Response import_page(const http::Request& request, std::size_t* told = nullptr);

  struct Replayed {
    std::size_t records = 0;
    journal::Sequence last = 0;  ///< the fleet has all of them when it has this one
  };
  /// What the journal holds behind `position`, from before a restart, goes into the fleet first; the keeper knows what
  /// of it has been counted.
  Result<Replayed> replay(journal::Sequence position);

  /// A record that another server had accepted goes to the keeper. Waits for room. What cannot be read says nothing.
  void take_over(const OfAnother& from, std::uint8_t kind, std::string_view body, EpochMs arrived);

  IntakeStats stats() const;
  const Senders& senders() const { return senders_; }

 private:
  Result<Batch> read_again(std::uint8_t kind, std::string_view body, EpochMs arrived) const;
  http::Response refuse(const http::Request& request, Refusal why, std::string detail);
  std::optional<http::Response> too_much(const http::Request& request);
  /// Kept and counted, or the reply that says why not.
  std::optional<http::Response> accept(const http::Request& request, Batch batch, std::uint8_t kind,
                                       std::string_view body, const LeftOut& left_out);
  Result<void> keep(Batch batch, std::uint8_t kind, std::string_view body);
  Result<void> wait_until_synced(journal::Sequence sequence);

  const IntakeLimits limits_;
  journal::Journal& journal_;
  Keeper& keeper_;
  mutable JudgedSeries judged_;
  Senders senders_;
  std::mutex order_mutex_;  ///< the fleet gets batches in the journal's order
  mutable std::mutex mutex_;
  std::condition_variable synced_changed_;
  journal::Sequence synced_ = 0;  // guarded by mutex_
  bool syncing_ = false;          // guarded by mutex_
  IntakeStats stats_;             // guarded by mutex_
};

}  // namespace tessera::server
