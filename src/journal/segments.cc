#include "journal/segments.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <random>
#include <utility>

namespace tessera::journal {
namespace {

// The ending carries the format: a program of another one leaves the files alone instead of taking them for rotten.
constexpr std::string_view kEnding = ".journal1";

std::uint64_t random_salt() {
  std::random_device random;
  return (std::uint64_t{random()} << 32U) | random();
}

struct Name {
  Sequence first;
  std::uint64_t salt;
};

// 20 digits, '-', 16 hexadecimal digits.
std::optional<Name> parse_name(std::string_view name) {
  if (name.size() != 37 + kEnding.size() || name[20] != '-' || !name.ends_with(kEnding)) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t length, int base) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const char* end = name.data() + at + length;
    const auto [stop, error] = std::from_chars(name.data() + at, end, value, base);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
  };
  const auto first = number(0, 20, 10);
  const auto salt = number(21, 16, 16);
  if (!first || !salt || *first == 0 || *first >= kLimit) return std::nullopt;
  return Name{*first, *salt};
}

// Walks to the end of the last whole record; `stretch` is left with what follows.
Mark pass_records(const File& file, std::uint64_t salt, Stretch& stretch) {
  Mark last;
  while (const auto found = find_record(file, salt, stretch)) {
    last = {found->header.sequence, found->header.items_through()};
    stretch.begin = found->offset + found->header.size();
    stretch.after = found->header.sequence;
  }
  return last;
}

}  // namespace

Result<Segments> Segments::open(const std::filesystem::path& folder, const Mark& done) {
  Segments segments(TRY(File::open(folder, O_RDONLY | O_DIRECTORY)));
  TRY(segments.list());
  TRY(segments.recover(done));
  const auto after_done = segments.segments_.upper_bound(done.sequence + 1);
  if (after_done != segments.segments_.begin()) segments.remove_before(std::prev(after_done)->first);
  return segments;
}

std::filesystem::path Segments::path(Sequence first, std::uint64_t salt) const {
  return folder_->path() / fmt::format("{:020}-{:016x}{}", first, salt, kEnding);
}

Result<void> Segments::list() {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_->path(), error), end; !error && entry != end;
       entry.increment(error)) {
    const auto name = parse_name(entry->path().filename().string());
    if (!name || !entry->is_regular_file(error)) continue;
    const std::uint64_t bytes = entry->file_size(error);
    if (error) break;
    if (segments_.emplace(name->first, Segment{.salt = name->salt, .bytes = bytes}).second) bytes_ += bytes;
  }
  if (error) return fail(Code::Unavailable, "journal: list {}: {}", folder_->path().string(), error.message());
  return {};
}

// The last segment with a record in it tells the tail; only the headers are read, a body is looked at when delivered.
Result<void> Segments::recover(const Mark& done) {
  for (auto at = segments_.rbegin(); at != segments_.rend() && tail_.items == 0; ++at) {
    const bool newest = !active_;
    auto& [first, segment] = *at;
    const auto opened = TRY(File::open(path(first, segment.salt), newest ? O_RDWR : O_RDONLY));
    Stretch stretch{0, segment.bytes, first - 1, newest ? kLimit : std::prev(at)->first};
    tail_.items = pass_records(*opened, segment.salt, stretch).items;
    if (!newest) continue;
    tail_.sequence = stretch.after;
    active_ = opened;
    TRY(cut(segment, stretch));
  }
  if (done.sequence > tail_.sequence) tail_ = done;  // a loss of power may keep the cursor and lose the records
  if (!active_) return roll();
  return {};
}

// What follows the last whole record was being written when its writer died, or is rotten: one record, so far as one
// can tell.
Result<void> Segments::cut(Segment& segment, const Stretch& rest) {
  if (rest.begin == rest.end) return {};
  ++tail_.sequence;
  std::array<char, kHeaderBytes> bytes;
  if (active_->read(rest.begin, bytes) == bytes.size())
    if (const auto header = decode(bytes.data(), segment.salt); header && header->sequence == tail_.sequence)
      tail_.items = header->items_through();
  bytes_ -= rest.end - rest.begin;
  segment.bytes = rest.begin;
  return active_->truncate(rest.begin);
}

Place Segments::end() const {
  const auto& [first, segment] = *segments_.rbegin();
  return {.segment = first, .offset = segment.bytes, .passed = tail_, .file = active_};
}

Result<std::optional<Header>> Segments::peek(Place& place) const {
  for (auto at = segments_.find(place.segment);;) {
    const auto& [first, segment] = *at;
    const auto next = std::next(at);
    const Sequence before = next == segments_.end() ? tail_.sequence + 1 : next->first;
    if (place.offset < segment.bytes) {
      if (!place.file && next == segments_.end()) {
        place.file = active_;
      } else if (!place.file) {
        auto opened = File::open(path(first, segment.salt), O_RDONLY);
        if (!opened && opened.error().code != Code::NotFound) return opened.error();
        if (opened) place.file = *opened;  // a file that somebody deleted is as good as rotten
      }
      const Stretch stretch{place.offset, segment.bytes, place.passed.sequence, before};
      if (place.file)
        if (const auto found = find_record(*place.file, segment.salt, stretch)) {
          place.offset = found->offset;
          return std::optional(found->header);
        }
      place.offset = segment.bytes;
    }
    if (next == segments_.end()) return std::optional<Header>{};
    at = next;
    place = {.segment = at->first, .passed = place.passed};
  }
}

void Segments::commit(const Header& header) {
  auto& [first, segment] = *segments_.rbegin();
  segment.bytes += header.size();
  bytes_ += header.size();
  tail_ = {header.sequence, header.items_through()};
  unsynced_.emplace(first, active_);
}

Result<void> Segments::roll() {
  const Sequence first = tail_.sequence + 1;
  if (active_ && segments_.rbegin()->first == first) return {};
  const std::uint64_t salt = random_salt();
  active_ = TRY(File::open(path(first, salt), O_RDWR | O_CREAT | O_EXCL));
  segments_.emplace(first, Segment{.salt = salt, .bytes = 0});
  folder_unsynced_ = true;
  return {};
}

void Segments::remove_before(Sequence segment) {
  while (segments_.size() > 1 && segments_.begin()->first < segment) {
    const auto& [first, oldest] = *segments_.begin();
    std::error_code ignored;  // what cannot be deleted now is, at the next open
    std::filesystem::remove(path(first, oldest.salt), ignored);
    bytes_ -= oldest.bytes;
    unsynced_.erase(first);
    segments_.erase(segments_.begin());
  }
}

std::vector<std::shared_ptr<const File>> Segments::take_unsynced() {
  std::vector<std::shared_ptr<const File>> files;
  if (std::exchange(folder_unsynced_, false)) files.push_back(folder_);
  for (auto& [first, opened] : std::exchange(unsynced_, {})) files.push_back(std::move(opened));
  return files;
}

}  // namespace tessera::journal
