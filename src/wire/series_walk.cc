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
    one_ = TRY(in.bytes());
    offset_ = in.offset();
    TRY(read_series(at));
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

/// The labels that a series of version 1 begins with, as encoders write them: one behind the other, each told by its
/// length. Returns where they end in the series; what is told in another way is left to the general reader.
std::size_t SeriesWalk::hop_labels() {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(one_[at]); };
  std::size_t at = 0;
  while (at + 2 < one_.size() && one_[at] == protobuf::tag(1, Type::Bytes)) {
    std::size_t size = byte(at + 1), begin = at + 2;
    if (size >= 0x80) {
      if (byte(at + 2) >= 0x80) break;
      size = (size & 0x7F) | std::size_t{byte(at + 2)} << 7;
      ++begin;
    }
    if (size > one_.size() - begin) break;
    at = begin + size;
    ++label_count_;
  }
  return at;
}

Result<void> SeriesWalk::read_series(std::size_t at) {
  const bool v1 = protocol_ == Protocol::V1;
  labels_read_ = false;
  label_count_ = 0;
  samples_.clear();
  references_.clear();
  const std::size_t hopped = v1 ? hop_labels() : 0;
  const char* const labels_begin = one_.data();
  const char* labels_end = labels_begin + hopped;
  bool in_one_piece = true;
  std::string pieces;
  if (label_count_ > limits_.labels)
    return fail(Code::Invalid, "byte {}: more than {} labels of one series", at, limits_.labels);
  for (Fields in(message_, one_.substr(hopped)); !in.at_end();) {
    const std::size_t begin = in.offset();
    TRY(in.key());
    if (in.is(1) && v1) {
      TRY(count(label_count_, limits_.labels, "labels of one series", begin));
      const std::string_view label = TRY(in.bytes());
      const char* const here = message_.data() + begin;
      if (in_one_piece && here != labels_end) {  // an encoder that mixes labels with other fields
        in_one_piece = false;
        pieces.assign(labels_begin, labels_end);
      }
      labels_end = label.data() + label.size();
      if (!in_one_piece) pieces.append(here, labels_end);
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
    key_ = in_one_piece ? key_of(labels_begin, static_cast<std::size_t>(labels_end - labels_begin))
                        : key_of(pieces.data(), pieces.size());
    return {};
  }
  if (references_.size() % 2 != 0)
    return fail(Code::Invalid, "byte {}: {} label references, no pairs", at, references_.size());
  reference_keys_.clear();
  for (const std::uint32_t reference : references_) reference_keys_.push_back(symbols_[reference].key);
  key_ = key_of(reference_keys_.data(), reference_keys_.size() * sizeof(SeriesKey));
  return {};
}

Result<std::span<const metrics::Label>> SeriesWalk::labels() {
  if (!labels_read_) TRY(read_labels());
  labels_read_ = true;
  return std::span<const metrics::Label>(labels_);
}

Result<void> SeriesWalk::read_labels() {
  labels_.clear();
  for (std::size_t i = 0; i < references_.size(); i += 2)
    labels_.push_back({symbols_[references_[i]].text, symbols_[references_[i + 1]].text});
  if (protocol_ == Protocol::V2) return {};
  for (Fields in(message_, one_); !in.at_end();) {
    TRY(in.key());
    if (!in.is(1))
      TRY(in.skip());
    else
      TRY(read_label(TRY(in.bytes())));
  }
  return {};
}

Result<void> SeriesWalk::read_label(std::string_view label) {
  metrics::Label& out = labels_.emplace_back();
  for (Fields in(message_, label); !in.at_end();) {
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
