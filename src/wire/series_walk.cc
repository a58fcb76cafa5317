#include "wire/series_walk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <string>

#include "wire/protobuf.h"

namespace tessera::wire {
namespace {
using protobuf::Fields;
using protobuf::Type;

SeriesKey key_of(const void* bytes, std::size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(bytes, size);
  return {hash.low64, hash.high64};
}

std::size_t end_of(std::string_view whole, std::string_view piece) {
  return static_cast<std::size_t>(piece.data() + piece.size() - whole.data());
}

}  // namespace

SeriesWalk::SeriesWalk(Protocol protocol, std::string_view message, const Limits& limits)
    : protocol_(protocol), message_(message), limits_(limits) {}

Result<void> SeriesWalk::count(std::size_t& what, std::size_t limit, std::string_view name, std::size_t at) const {
  if (++what <= limit) return {};
  return fail(Code::Invalid, "byte {}: more than {} {}", at, limit, name);
}

Result<bool> SeriesWalk::next() {
  if (!begun_ && protocol_ == Protocol::V2) TRY(read_symbols());
  begun_ = true;
  const unsigned series_field = protocol_ == Protocol::V1 ? 1 : 5;
  while (offset_ < message_.size()) {
    Fields in(message_, message_.substr(offset_));
    TRY(in.key());
    if (!in.is(series_field)) {
      TRY(in.skip());
      offset_ = in.offset();
      continue;
    }
    const std::size_t at = in.offset();
    TRY(count(series_, limits_.series, "series", at));
    const std::string_view series = TRY(in.bytes());
    offset_ = in.offset();
    TRY(read_series(series, at));
    return true;
  }
  return false;
}

// Series may stand before the symbols that they refer to.
Result<void> SeriesWalk::read_symbols() {
  std::size_t symbols = 0;
  for (Fields in(message_, message_); !in.at_end();) {
    TRY(in.key());
    if (!in.is(4)) {
      TRY(in.skip());
      continue;
    }
    const std::size_t at = in.offset();
    TRY(count(symbols, limits_.symbols, "symbols", at));
    const std::string_view text = TRY(in.bytes());
    symbols_.push_back({text, key_of(text.data(), text.size())});
    if (!symbols_.front().text.empty()) return fail(Code::Invalid, "byte {}: the first symbol is not empty", at);
  }
  return {};
}

Result<void> SeriesWalk::read_series(std::string_view series, std::size_t at) {
  const bool v1 = protocol_ == Protocol::V1;
  labels_.clear();
  samples_.clear();
  references_.clear();
  std::size_t labels_begin = 0, labels_end = 0;
  bool in_one_piece = true;
  std::string pieces;
  for (Fields in(message_, series); !in.at_end();) {
    const std::size_t begin = in.offset();
    TRY(in.key());
    if (in.is(1) && v1) {
      const std::string_view label = TRY(in.bytes());
      if (labels_.empty()) labels_begin = labels_end = begin;
      if (in_one_piece && begin != labels_end) {  // an encoder that mixes labels with other fields
        in_one_piece = false;
        pieces = message_.substr(labels_begin, labels_end - labels_begin);
      }
      labels_end = end_of(message_, label);
      if (!in_one_piece) pieces += message_.substr(begin, labels_end - begin);
      TRY(read_label(label));
    } else if (in.is(1)) {
      if (in.type() == Type::Varint) {
        TRY(read_reference(TRY(in.number()), begin));
        continue;
      }
      const std::string_view packed = TRY(in.bytes());
      for (Fields list(message_, packed); !list.at_end();) {
        const std::size_t where = list.offset();
        TRY(read_reference(TRY(list.varint()), where));
      }
    } else if (in.is(2)) {
      TRY(count(sample_count_, limits_.samples, "samples", begin));
      TRY(read_sample(TRY(in.bytes())));
    } else if (in.is(3) || in.is(4)) {
      std::size_t& what = in.is(v1 ? 3 : 4) ? exemplars_ : histograms_;
      TRY(in.bytes());
      TRY(count(what, limits_.samples, "exemplars or histograms", begin));
    } else {
      TRY(in.skip());
    }
  }
  if (v1) {
    key_ = in_one_piece ? key_of(message_.data() + labels_begin, labels_end - labels_begin)
                        : key_of(pieces.data(), pieces.size());
    return {};
  }
  if (references_.size() % 2 != 0)
    return fail(Code::Invalid, "byte {}: {} label references, no pairs", at, references_.size());
  reference_keys_.clear();
  for (std::size_t i = 0; i < references_.size(); i += 2) {
    const Symbol& name = symbols_[references_[i]];
    const Symbol& value = symbols_[references_[i + 1]];
    labels_.push_back({name.text, value.text});
    reference_keys_.push_back(name.key);
    reference_keys_.push_back(value.key);
  }
  key_ = key_of(reference_keys_.data(), reference_keys_.size() * sizeof(SeriesKey));
  return {};
}

Result<void> SeriesWalk::read_label(std::string_view label) {
  std::size_t labels = labels_.size();
  metrics::Label& out = labels_.emplace_back();
  Fields in(message_, label);
  TRY(count(labels, limits_.labels, "labels of one series", in.offset()));
  while (!in.at_end()) {
    TRY(in.key());
    if (in.is(1))
      out.name = TRY(in.bytes());
    else if (in.is(2))
      out.value = TRY(in.bytes());
    else
      TRY(in.skip());
  }
  return {};
}

Result<void> SeriesWalk::read_reference(std::uint64_t number, std::size_t at) {
  std::size_t labels = references_.size() / 2;
  TRY(count(labels, limits_.labels, "labels of one series", at));
  if (number == 0 && symbols_.empty()) symbols_.emplace_back();  // the empty string, also where there are no symbols
  if (number >= symbols_.size())
    return fail(Code::Invalid, "byte {}: reference to symbol {}, there are {}", at, number, symbols_.size());
  references_.push_back(static_cast<std::uint32_t>(number));
  return {};
}

Result<void> SeriesWalk::read_sample(std::string_view sample) {
  Sample& out = samples_.emplace_back();
  for (Fields in(message_, sample); !in.at_end();) {
    TRY(in.key());
    if (in.is(1))
      out.value = std::bit_cast<double>(TRY(in.bits()));
    else if (in.is(2))
      out.time = static_cast<EpochMs>(TRY(in.number()));
    else
      TRY(in.skip());
  }
  return {};
}

}  // namespace tessera::wire
