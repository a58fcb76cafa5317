#include "store/archive.h"

#include <algorithm>
#include <array>

#include "store/cost_ledger.h"
#include "store/counted.h"
#include "store/devices.h"
#include "store/dialect.h"
#include "store/xids.h"

namespace tessera::store {
namespace {

constexpr EpochMs kDevicesEvery = 3'600'000;
constexpr std::size_t kMostOthers = 8;  // journals of other servers whose subjects are known

/// Where the answer to COMMIT was lost, the same is given once more, and adding it up twice would be wrong.
Result<bool> is_kept(Database& database, const Progress& progress) {
  bool out = false;
  TRY(database.each("SELECT journal_sequence, counted_at FROM progress", {}, [&](const Row& row) {
    out = row.integer(0) == static_cast<std::int64_t>(progress.counted) && row.integer(1) == progress.counted_at;
  }));
  return out;
}

}  // namespace

Result<Resumed> resume(Database& database) {
  Resumed out;
  TRY(database.each("SELECT journal_sequence, recall_sequence, counted_at FROM progress", {}, [&](const Row& row) {
    out.progress = {static_cast<std::uint64_t>(row.integer(0).value_or(0)),
                    static_cast<std::uint64_t>(row.integer(1).value_or(0)), row.integer(2).value_or(0)};
  }));
  out.devices = TRY(remembered_devices(database));
  out.counted = TRY(counted_usage(database));
  out.running = TRY(running_sessions(database));
  return out;
}

Result<void> Archive::keep(const Kept& kept, const SubjectOf& subject_of, EpochMs now) {
  std::uint64_t left_out = 0;
  auto done = database_.atomically([&]() -> Result<void> {
    for (const fleet::Ended& one : kept.sessions) TRY(write_session(database_, one));
    for (const fleet::LayoutSeen& one : kept.layouts) TRY(write_layout(database_, one));
    TRY(write_xids(database_, kept.xids));
    for (const fleet::Remembered& one : kept.devices) TRY(write_device(database_, one));
    if (kept.running) TRY(write_running(database_, *kept.running));
    if (!kept.usage || TRY(is_kept(database_, kept.progress))) return {};
    TRY(partitions_.prepare(database_, now));
    left_out = TRY(usage_.write(database_, *kept.usage, subject_of, now));
    return database_.run("UPDATE progress SET journal_sequence = ?, recall_sequence = ?, counted_at = ?",
                         {static_cast<std::int64_t>(kept.progress.counted),
                          static_cast<std::int64_t>(kept.progress.recall_from), kept.progress.counted_at});
  });
  if (done) {
    left_out_ += left_out;
  } else {
    usage_.forget();
    partitions_.forget();
  }
  return done;
}

Result<void> Archive::keep_handed_over(const std::string& journal, std::uint64_t sequence, const fleet::Usage& usage,
                                       const SubjectOf& subject_of, EpochMs now) {
  const auto up_to = static_cast<std::int64_t>(sequence);
  if (others_.size() > kMostOthers) others_.clear();
  UsageWriter& writer = others_.try_emplace(journal, span_, retention_).first->second;
  auto done = database_.atomically([&]() -> Result<void> {
    std::int64_t there = 0;
    const std::array<Value, 2> key = {journal, up_to};
    TRY(database_.each("SELECT COUNT(*) FROM handed_over WHERE journal = ? AND sequence <= ?", key,
                       [&](const Row& row) { there = row.integer(0).value_or(0); }));
    if (there == 0) return {};
    TRY(partitions_.prepare(database_, now));
    TRY(writer.write(database_, usage, subject_of, now));
    TRY(database_.run("DELETE FROM handed_over WHERE journal = ? AND sequence <= ?", {journal, up_to}));
    return database_.run("UPDATE journal_progress SET journal_sequence = ? WHERE journal = ? AND journal_sequence < ?",
                         {up_to, journal, up_to});
  });
  if (!done) {
    partitions_.forget();
    others_.erase(journal);
  }
  return done;
}

Result<void> Archive::drop_old(EpochMs now) {
  const bool partitions = database_.dialect().partitions;
  if (!partitions) TRY(drop_old_usage(database_, retention_, now));
  if (unnamed_) unnamed_ = TRY(usage_.drop_unnamed(database_, now));
  if (now - devices_dropped_ < kDevicesEvery) return {};
  if (partitions) TRY(partitions_.drop_old(database_, now));
  devices_dropped_ = now;
  TRY(drop_counted_before(database_, now - fleet::kCountedKept.count()));
  // As long as a bucket of the ledger is worked out anew from usage of five minutes, which is of no device without it.
  TRY(drop_old_devices(database_, now - std::max(retention_.hour, retention_.five_minutes).count()));
  TRY(drop_sessions_before(database_, now - retention_.hour.count()));
  TRY(drop_xids_before(database_, now - retention_.hour.count()));
  TRY(drop_late_before(database_, now - retention_.five_minutes.count()));
  unnamed_ = true;
  return {};
}

}  // namespace tessera::store
