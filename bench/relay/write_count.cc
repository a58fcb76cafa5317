#include "bench/relay/write_count.h"

#include <cstring>

#include "bench/relay/page.h"
#include "wire/staleness.h"

namespace tessera::bench {
namespace {
using wire::Protocol;

constexpr std::uint64_t kVarint = 0, kFixed64 = 1, kBytes = 2;

/// The fields of a message, one after another; after a mistake it is at its end, and broken.
struct Walk {
  const char* next;
  const char* end;
  std::uint64_t field = 0, type = 0;
  std::uint64_t number = 0;  ///< of a varint or fixed64
  std::string_view bytes = {};
  bool broken = false;

  explicit Walk(std::string_view message) : next(message.data()), end(message.data() + message.size()) {}

  std::uint64_t varint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; next != end && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(*next++);
      out |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return out;
    }
    return stop();
  }

  bool step() {
    if (next == end) return false;
    const std::uint64_t key = varint();
    field = key >> 3U;
    type = key & 7U;
    if (type == kVarint) {
      number = varint();
    } else if (type == kFixed64 && end - next >= 8) {
      std::memcpy(&number, next, 8);
      next += 8;
    } else if (const std::uint64_t size = type == kBytes ? varint() : UINT64_MAX;
               size <= static_cast<std::uint64_t>(end - next)) {
      bytes = {next, static_cast<std::size_t>(size)};
      next += size;
    } else {
      stop();
    }
    return !broken;
  }

  std::uint64_t stop() {
    broken = true;
    next = end;
    return 0;
  }
};

enum class Symbol : std::uint8_t { Other, NameLabel, ExposedName };

Symbol symbol_of(std::string_view text) {
  return text == "__name__" ? Symbol::NameLabel : text.starts_with(kExposed) ? Symbol::ExposedName : Symbol::Other;
}

class Message {
 public:
  Message(Protocol protocol, std::vector<EpochMs>& times) : v2_(protocol == Protocol::V2), times_(times) {}

  bool read(std::string_view message) {
    if (v2_) {  // symbols come before series, but only by custom
      Walk walk(message);
      while (walk.step())
        if (walk.field == 4) symbols_.push_back(symbol_of(walk.bytes));
    }
    Walk walk(message);
    while (walk.step())
      if (walk.field == (v2_ ? 5U : 1U) && !series(walk.bytes)) return false;
    return !walk.broken;
  }

  WriteCount count;

 private:
  bool series(std::string_view message) {
    bool exposed = false;
    const std::size_t times = times_.size();
    std::uint64_t samples = 0, stale = 0;
    Walk walk(message);
    while (walk.step()) {
      if (walk.field == 1 && !exposed) exposed = v2_ ? exposes_by_refs(walk.bytes) : exposes(walk.bytes);
      if (walk.field != 2) continue;
      Walk sample(walk.bytes);
      std::uint64_t value = 0, time = 0;
      while (sample.step()) {
        if (sample.field == 1) value = sample.number;
        if (sample.field == 2) time = sample.number;
      }
      if (sample.broken) return false;
      ++(value == wire::kStaleBits ? stale : samples);
      if (value != wire::kStaleBits) times_.push_back(static_cast<EpochMs>(time));
    }
    if (!exposed) times_.resize(times);
    (exposed ? count.exposed : count.others) += samples;
    (exposed ? count.stale : count.others) += stale;
    return !walk.broken;
  }

  /// Version 1: one label.
  static bool exposes(std::string_view label) {
    Walk walk(label);
    bool is_name = false, is_exposed = false;
    while (walk.step()) {
      is_name |= walk.field == 1 && walk.bytes == "__name__";
      is_exposed |= walk.field == 2 && walk.bytes.starts_with(kExposed);
    }
    return is_name && is_exposed;
  }

  /// Version 2: references in pairs, all of the series or some of them.
  bool exposes_by_refs(std::string_view packed) const {
    Walk walk(packed);
    while (walk.next != walk.end) {
      const std::uint64_t name = walk.varint();
      const std::uint64_t value = walk.varint();
      if (name < symbols_.size() && value < symbols_.size() && symbols_[name] == Symbol::NameLabel)
        return symbols_[value] == Symbol::ExposedName;
    }
    return false;
  }

  const bool v2_;
  std::vector<EpochMs>& times_;
  std::vector<Symbol> symbols_;
};

}  // namespace

std::optional<WriteCount> count_write(std::string_view message, Protocol protocol, std::vector<EpochMs>& times) {
  Message read(protocol, times);
  if (!read.read(message)) return std::nullopt;
  return read.count;
}

}  // namespace tessera::bench
