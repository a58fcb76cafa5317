#pragma once
// A queue of records on disk: append-only segments with checksums, one cursor, group sync. See README.md for the
// format.
//
// What it promises. A record that append() returned for survives the death of the process, and the loss of power once
// `sync_every` has passed. Records come in the order of their append, each with the body it was given or not at all.
// Nothing acknowledged comes again after a reopen, nothing unacknowledged is lost but by the bounds of Options or by
// rotten bytes on disk, and every loss is counted. Memory and the time to open do not grow with the backlog.
//
// Threads: any number may append (one at a time is served), one may read (next, rewind); acknowledge, sync and stats
// may be called from any. No call but sync() waits for the disk to have written.
#include <array>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/duration.h"
#include "base/result.h"
#include "journal/cursor.h"
#include "journal/segments.h"

namespace tessera::journal {

struct Options {
  std::filesystem::path dir;  ///< made if absent; locked against a second journal
  std::uint64_t segment_bytes =
      16U << 20U;                         ///< a file's; at most an eighth of max_bytes, so that a drop is a small part
  std::uint64_t max_bytes = 1U << 30U;    ///< on disk; when full, the oldest go first, a segment at a time
  std::optional<Milliseconds> max_age{};  ///< by a record's time; the older go at append, next and open
  Milliseconds sync_every{1000};          ///< how much a loss of power may cost, of records and of acknowledgements
  std::uint32_t max_record_bytes = 64U << 20U;
};

struct Record {
  Sequence sequence;    ///< from 1, ever rising
  EpochMs time;         ///< the caller's
  std::uint32_t items;  ///< how many things the caller put in: losses are counted in these
  std::uint8_t kind;    ///< the caller's tag
  std::string body;
};

enum class DropReason { Full, Age, Corrupt };

struct Count {
  std::uint64_t records = 0;
  std::uint64_t items = 0;
  bool operator==(const Count&) const = default;
};

/// Counts are since open. Each record ends in exactly one of acknowledged and dropped, counted when it leaves the
/// queue: pending at open + appended = acknowledged + dropped + pending.
struct Stats {
  Count pending;                    ///< neither acknowledged nor dropped, delivered or not
  std::uint64_t pending_bytes = 0;  ///< as all bytes here, with the records' headers
  std::optional<EpochMs> oldest{};  ///< the time of the first pending record
  Count appended;
  std::uint64_t appended_bytes = 0;
  Count acknowledged;
  std::array<Count, 3> dropped{};  ///< by DropReason
  std::uint64_t disk_bytes = 0;
  std::uint64_t segments = 0;
  std::uint64_t syncs = 0;
  std::uint64_t write_errors = 0;  ///< failed appends, cursor writes and syncs

  const Count& dropped_by(DropReason reason) const { return dropped[static_cast<std::size_t>(reason)]; }
};

class Journal {
 public:
  /// Unavailable if another journal, of this process or not, has the directory.
  static Result<std::unique_ptr<Journal>> open(Options options);

  /// Syncs.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Invalid for a body that can never fit, Unavailable if it could not be written (disk full): then nothing is
  /// appended, and a later append works as soon as the disk does.
  Result<Sequence> append(EpochMs time, std::uint32_t items, std::uint8_t kind, std::string_view body);

  /// The first record after the read position, which starts behind what is acknowledged; waits for one. Nothing at the
  /// deadline or stop.
  Result<std::optional<Record>> next(SteadyTime until, std::stop_token stop);

  /// Puts the read position back to the first record that is neither acknowledged nor dropped.
  void rewind();

  /// Everything up to `through` is done with, read or not. A record dropped while it was out for delivery stays counted
  /// as dropped. An error says that the cursor could not be written: the acknowledgement holds until the process ends.
  Result<void> acknowledge(Sequence through);

  /// Returns when all that was appended and acknowledged before is on the disk.
  Result<void> sync();

  Stats stats() const;

  /// Of the newest record that was ever appended; 0 before the first.
  Sequence last() const;

 private:
  Journal(Options options, Segments segments, Cursor cursor);
  Count& dropped(DropReason reason) { return stats_.dropped[static_cast<std::size_t>(reason)]; }
  Result<void> start();
  bool too_old(const Header& header) const;
  void leave(Count& count, const Mark& through);
  void leave(Count& count, const Header& header);
  Result<void> settle();
  Result<void> retire();
  Result<void> expire();
  Result<void> make_room(std::uint64_t size);
  Result<void> drop_oldest_segment();
  Result<void> pass_over(const Header& header, DropReason reason);
  void changed();
  void sync_when_due(const std::stop_token& stop);

  const Options options_;
  std::mutex append_mutex_;  ///< taken before mutex_: who holds it writes to the newest segment
  std::mutex sync_mutex_;    ///< taken before mutex_: one sync at a time
  mutable std::mutex mutex_;
  std::condition_variable_any appended_;
  std::condition_variable_any due_set_;
  // All below is guarded by mutex_.
  Segments segments_;
  Cursor cursor_;
  Place head_;                                ///< behind the last record that is done with
  std::optional<Header> front_{};             ///< the first pending record, at head_
  Place read_;                                ///< behind the last record that was delivered; never before head_
  std::map<Sequence, DropReason> skipped_{};  ///< what the reader passed over while records before it were out
  std::optional<SteadyTime> due_{};           ///< when the oldest change that is not yet on the disk has to be there
  Stats stats_;
  std::jthread syncer_;  ///< last: it stops before the rest goes
};

}  // namespace tessera::journal
