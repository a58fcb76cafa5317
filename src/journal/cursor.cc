#include "journal/cursor.h"

#include <fcntl.h>

#include <array>
#include <cstring>

namespace tessera::journal {
namespace {

constexpr std::uint64_t kMagic = 0x31524F5352554354;  // "TCURSOR1"
constexpr std::uint64_t kBlock = 4096;
constexpr unsigned kSlots = 2;

using Slot = std::array<std::uint64_t, 4>;

std::uint64_t sum(const Slot& slot) { return checksum({reinterpret_cast<const char*>(slot.data()), 24}); }

bool holds(const Slot& slot) {
  return slot[0] == kMagic && slot[3] == sum(slot) && slot[1] < kLimit && slot[2] < kLimit;
}

}  // namespace

Result<Cursor> Cursor::open(const std::filesystem::path& path) {
  Cursor cursor(TRY(File::open(path, O_RDWR | O_CREAT)));
  for (unsigned i = 0; i < kSlots; ++i) {
    Slot slot{};
    cursor.file_->read(i * kBlock, {reinterpret_cast<char*>(slot.data()), sizeof slot});
    if (!holds(slot) || slot[1] < cursor.mark_.sequence) continue;
    cursor.mark_ = {slot[1], slot[2]};
    cursor.slot_ = i;
  }
  if (TRY(cursor.file_->size()) < kBlock + sizeof(Slot))
    for (unsigned i = 0; i < kSlots; ++i) TRY(cursor.write(Mark(cursor.mark_)));  // a disk that is full later has room
  return cursor;
}

Result<void> Cursor::write(const Mark& mark) {
  Slot slot{kMagic, mark.sequence, mark.items, 0};
  slot[3] = sum(slot);
  const unsigned other = (slot_ + 1) % kSlots;
  TRY(file_->write(other * kBlock, {reinterpret_cast<const char*>(slot.data()), sizeof slot}));
  slot_ = other;
  mark_ = mark;
  return {};
}

}  // namespace tessera::journal
