#pragma once
// A record's form on disk: a header of 56 bytes, little-endian, and the body.
//
//   0  magic         4   F5 'T' 'J' '1'
//   4  length        4   of the body
//   8  sequence      8
//  16  items_before  8   items of all records before this one, since the journal's first: a gap tells what it lost
//  24  time          8   milliseconds since the epoch, the caller's
//  32  items         4
//  36  kind          1   and three zeros
//  40  body sum      8   XXH3-64 of the body
//  48  header sum    8   XXH3-64 of bytes 0 to 47, seeded with the segment's salt
//
// The header has a sum of its own, so that a rotten body leaves its neighbours findable and its loss countable without
// being read. The salt, random and in the segment's file name, keeps bytes inside a body, or of an old file whose place
// on disk was reused, from being taken for a record.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/duration.h"
#include "journal/file.h"

namespace tessera::journal {

using Sequence = std::uint64_t;  ///< of a record, from 1

inline constexpr std::size_t kHeaderBytes = 56;
inline constexpr std::uint64_t kLimit = std::uint64_t{1}
                                        << 62U;  ///< sequences and items stay below, so sums do not wrap

struct Header {
  Sequence sequence;
  std::uint64_t items_before;
  EpochMs time;
  std::uint32_t items;
  std::uint32_t length;
  std::uint8_t kind;
  std::uint64_t body_sum;

  std::uint64_t items_through() const { return items_before + items; }
  std::uint64_t size() const { return kHeaderBytes + length; }
  bool operator==(const Header&) const = default;
};

std::uint64_t checksum(std::string_view bytes, std::uint64_t salt = 0);

std::array<char, kHeaderBytes> encode(const Header& header, std::uint64_t salt);

/// Nothing if the sum does not hold. `bytes` has at least kHeaderBytes.
std::optional<Header> decode(const char* bytes, std::uint64_t salt);

/// The part of a segment that may hold records, and what numbers they may have.
struct Stretch {
  std::uint64_t begin;
  std::uint64_t end;
  Sequence after;   ///< the last number that was seen before this stretch
  Sequence before;  ///< the first number that belongs behind it
};

struct Found {
  std::uint64_t offset;
  Header header;
};

/// The first whole record at or behind `begin`. Where there is none at `begin` itself, the bytes are rotten, and every
/// later one is tried.
std::optional<Found> find_record(const File& file, std::uint64_t salt, const Stretch& stretch);

}  // namespace tessera::journal
