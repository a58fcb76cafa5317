#include "journal/journal.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/log.h"

namespace tessera::journal {
namespace {

std::uint64_t beyond(std::uint64_t value, std::uint64_t base) { return value > base ? value - base : 0; }

Options sensible(Options options) {
  options.segment_bytes = std::min(options.segment_bytes, options.max_bytes / 8);
  return options;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(Options options) {
  std::error_code error;
  std::filesystem::create_directories(options.dir, error);
  if (error) return fail(Code::Unavailable, "journal: make {}: {}", options.dir.string(), error.message());
  auto cursor = TRY(Cursor::open(options.dir / "cursor"));
  TRY(cursor.file()->lock());
  auto segments = TRY(Segments::open(options.dir, cursor.mark()));
  std::unique_ptr<Journal> journal(new Journal(sensible(std::move(options)), std::move(segments), std::move(cursor)));
  TRY(journal->start());
  return journal;
}

Journal::Journal(Options options, Segments segments, Cursor cursor)
    : options_(std::move(options)), segments_(std::move(segments)), cursor_(std::move(cursor)) {}

Journal::~Journal() {
  syncer_ = {};
  if (!due_) return;
  if (const auto synced = sync(); !synced) log::error("journal closed unsynced", {{"error", synced.error().what}});
}

// Puts head_ behind what was done with, without counting: that happened before.
Result<void> Journal::start() {
  const std::lock_guard lock(mutex_);
  head_ = segments_.begin();
  const Mark done = cursor_.mark();
  auto header = TRY(segments_.peek(head_));
  for (; header && header->sequence <= done.sequence; header = TRY(segments_.peek(head_))) head_.step(*header);
  if (done.sequence >= head_.passed.sequence)
    head_.passed = done;
  else
    head_.passed.items = header ? header->items_before : segments_.tail().items;
  read_ = head_;
  TRY(settle());
  TRY(retire());
  syncer_ = std::jthread([this](const std::stop_token& stop) { sync_when_due(stop); });
  return {};
}

Result<Sequence> Journal::append(EpochMs time, std::uint32_t items, std::uint8_t kind, std::string_view body) {
  const std::uint64_t size = kHeaderBytes + body.size();
  if (body.size() > options_.max_record_bytes || size > options_.max_bytes)
    return fail(Code::Invalid, "journal: append {} bytes to {}: a record is at most {} bytes, all of them {}",
                body.size(), options_.dir.string(), options_.max_record_bytes, options_.max_bytes);
  Header header{.sequence = 0,
                .items_before = 0,
                .time = time,
                .items = items,
                .length = static_cast<std::uint32_t>(body.size()),
                .kind = kind,
                .body_sum = checksum(body)};

  const std::lock_guard appending(append_mutex_);
  Segments::Slot slot;
  {
    const std::lock_guard lock(mutex_);
    if (const auto room = make_room(size); !room) {
      ++stats_.write_errors;
      return room.error();
    }
    slot = segments_.reserve();
    header.sequence = segments_.tail().sequence + 1;
    header.items_before = segments_.tail().items;
  }
  const auto bytes = encode(header, slot.salt);
  if (const auto written = slot.file->write(slot.offset, {bytes.data(), bytes.size()}, body); !written) {
    // Should this fail too, nothing is wrong: what is left lies behind the end, and the next record goes over it.
    static_cast<void>(slot.file->truncate(slot.offset));
    const std::lock_guard lock(mutex_);
    ++stats_.write_errors;
    return written.error();
  }
  const std::lock_guard lock(mutex_);
  segments_.commit(header);
  ++stats_.appended.records;
  stats_.appended.items += items;
  stats_.appended_bytes += size;
  changed();
  if (!front_ && settle()) static_cast<void>(retire());  // an error comes again, at next()
  appended_.notify_one();
  return header.sequence;
}

Result<std::optional<Record>> Journal::next(SteadyTime until, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    TRY(expire());
    const auto header = TRY(segments_.peek(read_));
    if (!header) {
      read_ = segments_.end();
      const auto more = [&] { return read_.passed.sequence < segments_.tail().sequence; };
      if (!appended_.wait_until(lock, stop, until, more)) return std::optional<Record>{};
      continue;
    }
    if (too_old(*header)) {
      TRY(pass_over(*header, DropReason::Age));
      continue;
    }
    const Place place = read_;
    lock.unlock();
    Record record{header->sequence, header->time, header->items, header->kind, std::string(header->length, '\0')};
    const std::size_t got = place.file->read(place.offset + kHeaderBytes, record.body);
    const bool whole = got == header->length && checksum(record.body) == header->body_sum;
    lock.lock();
    if (read_ != place) continue;  // it was dropped meanwhile, or the caller rewound
    if (!whole) {
      TRY(pass_over(*header, DropReason::Corrupt));
      continue;
    }
    read_.step(*header);
    return std::optional(std::move(record));
  }
}

void Journal::rewind() {
  const std::lock_guard lock(mutex_);
  read_ = head_;
}

Result<void> Journal::acknowledge(Sequence through) {
  const std::lock_guard lock(mutex_);
  if (through > segments_.tail().sequence)
    return fail(Code::Invalid, "journal: acknowledge {} in {}: the last record is {}", through, options_.dir.string(),
                segments_.tail().sequence);
  while (front_ && front_->sequence <= through) {
    leave(stats_.acknowledged, *front_);
    TRY(settle());
  }
  return retire();
}

Result<void> Journal::sync() {
  const std::lock_guard syncing(sync_mutex_);
  std::vector<std::shared_ptr<const File>> files;
  {
    const std::lock_guard lock(mutex_);
    due_.reset();
    const bool pending = head_.passed.sequence != segments_.tail().sequence;
    if (pending) files = segments_.take_unsynced();  // else all is done with, which the cursor tells
    files.push_back(cursor_.file());
  }
  Result<void> result;
  for (const auto& file : files)
    if (auto synced = file->sync(); !synced) result = std::move(synced);
  const std::lock_guard lock(mutex_);
  ++(result ? stats_.syncs : stats_.write_errors);
  return result;
}

Sequence Journal::last() const {
  const std::lock_guard lock(mutex_);
  return segments_.tail().sequence;
}

Stats Journal::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  const Mark& tail = segments_.tail();
  stats.pending = {tail.sequence - head_.passed.sequence, beyond(tail.items, head_.passed.items)};
  stats.pending_bytes = beyond(segments_.bytes(), head_.offset);
  if (front_) stats.oldest = front_->time;
  stats.disk_bytes = segments_.bytes();
  stats.segments = segments_.count();
  return stats;
}

bool Journal::too_old(const Header& header) const {
  return options_.max_age && header.time < now_epoch_ms() - options_.max_age->count();
}

// Moves the head, and counts what it passes: every record leaves exactly once.
void Journal::leave(Count& count, const Mark& through) {
  if (through.sequence <= head_.passed.sequence) return;
  count.records += through.sequence - head_.passed.sequence;
  count.items += beyond(through.items, head_.passed.items);
  head_.passed = {through.sequence, std::max(through.items, head_.passed.items)};
}

void Journal::leave(Count& count, const Header& header) {
  leave(count, Mark{header.sequence, header.items_through()});
  head_.offset += header.size();
}

// Brings the head to the first record that is to be delivered. Only here gaps are counted, when they come to the front.
Result<void> Journal::settle() {
  for (;;) {
    front_.reset();
    const auto header = TRY(segments_.peek(head_));
    leave(dropped(DropReason::Corrupt), header ? Mark{header->sequence - 1, header->items_before} : segments_.tail());
    if (!header) return {};
    const auto skipped = skipped_.find(header->sequence);
    if (skipped != skipped_.end()) {
      leave(dropped(skipped->second), *header);
    } else if (too_old(*header)) {
      leave(dropped(DropReason::Age), *header);
    } else {
      front_ = header;
      return {};
    }
  }
}

// After the head has moved: the cursor first, then the segments it has left.
Result<void> Journal::retire() {
  skipped_.erase(skipped_.begin(), skipped_.upper_bound(head_.passed.sequence));
  if (read_.passed.sequence <= head_.passed.sequence) read_ = head_;
  Result<void> written;
  if (cursor_.mark() != head_.passed) {
    written = cursor_.write(head_.passed);
    if (!written) ++stats_.write_errors;
    changed();
  }
  segments_.remove_before(head_.segment);
  return written;
}

Result<void> Journal::expire() {
  if (!front_ || !too_old(*front_)) return {};
  TRY(settle());
  static_cast<void>(retire());  // counted; what a later cursor says holds as well
  return {};
}

Result<void> Journal::make_room(std::uint64_t size) {
  TRY(expire());
  const std::uint64_t active = segments_.active_bytes();
  if (active > 0 && active + size > options_.segment_bytes) TRY(segments_.roll());
  while (segments_.bytes() + size > options_.max_bytes) {
    if (segments_.count() == 1) TRY(segments_.roll());
    TRY(drop_oldest_segment());
  }
  return {};
}

Result<void> Journal::drop_oldest_segment() {
  Place place = segments_.second();
  place.passed.sequence = std::max(place.passed.sequence, head_.passed.sequence);
  const auto header = TRY(segments_.peek(place));
  const Mark through{place.passed.sequence, header ? header->items_before : segments_.tail().items};
  place.passed = head_.passed;
  head_ = place;
  leave(dropped(DropReason::Full), through);
  TRY(settle());
  static_cast<void>(retire());
  return {};
}

// For the reader. The record is counted when all before it are done with.
Result<void> Journal::pass_over(const Header& header, DropReason reason) {
  skipped_.emplace(header.sequence, reason);
  read_.step(header);
  TRY(settle());
  static_cast<void>(retire());
  return {};
}

void Journal::changed() {
  if (due_) return;
  due_ = std::chrono::steady_clock::now() + options_.sync_every;
  due_set_.notify_one();
}

void Journal::sync_when_due(const std::stop_token& stop) {
  bool failing = false;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!due_set_.wait(lock, stop, [&] { return due_.has_value(); })) return;
    if (*due_ > std::chrono::steady_clock::now()) {
      due_set_.wait_until(lock, stop, SteadyTime(*due_), [] { return false; });
      continue;
    }
    lock.unlock();
    const auto synced = sync();
    if (!synced && !failing)
      log::error("journal not synced: a loss of power may cost records", {{"error", synced.error().what}});
    failing = !synced;
    lock.lock();
  }
}

}  // namespace tessera::journal
