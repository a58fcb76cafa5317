#include "journal/record.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace tessera::journal {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and copied as it stands");

constexpr std::string_view kMagic = "\xF5TJ1";
constexpr std::size_t kSumAt = 48;
constexpr std::size_t kChunk = 64U << 10U;  // of a search; memory, not a limit

template <class T>
void put(std::array<char, kHeaderBytes>& out, std::size_t at, T value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

template <class T>
T take(const char* bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes + at, sizeof value);
  return value;
}

bool belongs(const Found& found, const Stretch& stretch) {
  return found.header.sequence > stretch.after && found.header.sequence < stretch.before &&
         found.header.size() <= stretch.end - found.offset;
}

std::optional<Found> record_in(std::string_view bytes, std::uint64_t offset, std::uint64_t salt,
                               const Stretch& stretch) {
  for (std::size_t at = bytes.find(kMagic); at != bytes.npos && bytes.size() - at >= kHeaderBytes;
       at = bytes.find(kMagic, at + 1))
    if (const auto header = decode(bytes.data() + at, salt)) {
      const Found found{offset + at, *header};
      if (belongs(found, stretch)) return found;
    }
  return std::nullopt;
}

}  // namespace

std::uint64_t checksum(std::string_view bytes, std::uint64_t salt) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), salt);
}

std::array<char, kHeaderBytes> encode(const Header& header, std::uint64_t salt) {
  std::array<char, kHeaderBytes> out{};
  std::ranges::copy(kMagic, out.begin());
  put(out, 4, header.length);
  put(out, 8, header.sequence);
  put(out, 16, header.items_before);
  put(out, 24, header.time);
  put(out, 32, header.items);
  put(out, 36, header.kind);
  put(out, 40, header.body_sum);
  put(out, kSumAt, checksum({out.data(), kSumAt}, salt));
  return out;
}

std::optional<Header> decode(const char* bytes, std::uint64_t salt) {
  if (std::string_view(bytes, kMagic.size()) != kMagic) return std::nullopt;
  if (take<std::uint64_t>(bytes, kSumAt) != checksum({bytes, kSumAt}, salt)) return std::nullopt;
  const Header header{.sequence = take<std::uint64_t>(bytes, 8),
                      .items_before = take<std::uint64_t>(bytes, 16),
                      .time = take<std::int64_t>(bytes, 24),
                      .items = take<std::uint32_t>(bytes, 32),
                      .length = take<std::uint32_t>(bytes, 4),
                      .kind = take<std::uint8_t>(bytes, 36),
                      .body_sum = take<std::uint64_t>(bytes, 40)};
  if (header.sequence == 0 || header.sequence >= kLimit || header.items_before >= kLimit) return std::nullopt;
  return header;
}

std::optional<Found> find_record(const File& file, std::uint64_t salt, const Stretch& stretch) {
  if (stretch.end - stretch.begin < kHeaderBytes) return std::nullopt;
  std::array<char, kHeaderBytes> bytes;
  if (file.read(stretch.begin, bytes) == bytes.size())
    if (const auto header = decode(bytes.data(), salt))
      if (const Found found{stretch.begin, *header}; belongs(found, stretch)) return found;

  std::vector<char> chunk(kChunk + kHeaderBytes - 1);  // a header that begins in one chunk is seen whole
  for (std::uint64_t at = stretch.begin + 1; at < stretch.end; at += kChunk) {
    const std::size_t wanted = std::min<std::uint64_t>(chunk.size(), stretch.end - at);
    const std::size_t got = file.read(at, {chunk.data(), wanted});
    if (const auto found = record_in({chunk.data(), got}, at, salt, stretch)) return found;
  }
  return std::nullopt;
}

}  // namespace tessera::journal
