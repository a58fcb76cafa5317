#include <algorithm>
#include <bit>
#include <tuple>

#include "wire/kinds.h"
#include "wire/protobuf.h"
#include "wire/write_request.h"

namespace tessera::wire {
namespace {
using protobuf::Fields;
using protobuf::Type;

/// Takes from what the limits allow, or says where and which limit was met.
class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  Result<void> series(std::size_t at) { return take(++series_, limits_.series, "series", at); }
  Result<void> sample(std::size_t at) { return take(++samples_, limits_.samples, "samples", at); }
  Result<void> symbol(std::size_t at) { return take(++symbols_, limits_.symbols, "symbols", at); }
  Result<void> label(std::size_t of_series, std::size_t at) {
    return take(of_series, limits_.labels, "labels of one series", at);
  }
  Result<std::string> string(std::string_view text, std::size_t at) {
    string_bytes_ += text.size();
    TRY(take(string_bytes_, limits_.string_bytes, "bytes of strings", at));
    return std::string(text);
  }

 private:
  static Result<void> take(std::size_t count, std::size_t limit, std::string_view what, std::size_t at) {
    if (count <= limit) return {};
    return fail(Code::Invalid, "byte {}: more than {} {}", at, limit, what);
  }

  const Limits& limits_;
  std::size_t series_ = 0, samples_ = 0, symbols_ = 0, string_bytes_ = 0;
};

void sort_labels(std::vector<Label>& labels) {
  if (std::ranges::is_sorted(labels, {}, &Label::name)) return;
  std::ranges::sort(labels, {}, [](const Label& label) { return std::tie(label.name, label.value); });
}

/// What both versions have in common, and the body that offsets count in.
class Decoder {
 public:
  Decoder(std::string_view whole, const Limits& limits) : whole_(whole), budget_(limits) {}

 protected:
  Fields fields(std::string_view message) const { return {whole_, message}; }

  Result<void> read_sample(Fields& outer, Sample& out) {
    TRY(budget_.sample(outer.offset()));
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
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

  /// An exemplar, whose labels each version has in a way of its own.
  template <class ReadLabels>
  Result<void> read_point(Fields& outer, Sample& out, const ReadLabels& labels) {
    TRY(budget_.sample(outer.offset()));
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
      TRY(in.key());
      switch (in.field()) {
        case 1:
          TRY(labels(in));
          break;
        case 2:
          out.value = std::bit_cast<double>(TRY(in.bits()));
          break;
        case 3:
          out.time = static_cast<EpochMs>(TRY(in.number()));
          break;
        default:
          TRY(in.skip());
      }
    }
    return {};
  }

  Result<void> count_histogram(Fields& outer, WriteRequest& request) {
    TRY(budget_.sample(outer.offset()));
    TRY(outer.bytes());
    ++request.histograms;
    return {};
  }

  std::string_view whole_;
  Budget budget_;
};

class DecoderV1 : Decoder {
 public:
  using Decoder::Decoder;

  Result<WriteRequest> request() {
    WriteRequest request;
    for (Fields in = fields(whole_); !in.at_end();) {
      TRY(in.key());
      if (in.is(1)) {
        TRY(budget_.series(in.offset()));
        TRY(read_series(in, request));
      } else if (in.is(3)) {
        TRY(budget_.sample(in.offset()));
        TRY(read_metadata(in, request.metadata.emplace_back()));
      } else {
        TRY(in.skip());
      }
    }
    return request;
  }

 private:
  Result<void> read_series(Fields& outer, WriteRequest& request) {
    Series& series = request.series.emplace_back();
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
      TRY(in.key());
      switch (in.field()) {
        case 1:
          TRY(read_label(in, series.labels));
          break;
        case 2:
          TRY(read_sample(in, series.samples.emplace_back()));
          break;
        case 3:
          TRY(read_exemplar(in, series.exemplars.emplace_back()));
          break;
        case 4:
          TRY(count_histogram(in, request));
          break;
        default:
          TRY(in.skip());
      }
    }
    sort_labels(series.labels);
    return {};
  }

  Result<void> read_label(Fields& outer, std::vector<Label>& labels) {
    TRY(budget_.label(labels.size() + 1, outer.offset()));
    Label& label = labels.emplace_back();
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
      TRY(in.key());
      if (in.is(1))
        TRY(read_string(in, label.name));
      else if (in.is(2))
        TRY(read_string(in, label.value));
      else
        TRY(in.skip());
    }
    return {};
  }

  Result<void> read_exemplar(Fields& outer, Exemplar& exemplar) {
    TRY(read_point(outer, exemplar.sample, [&](Fields& in) { return read_label(in, exemplar.labels); }));
    sort_labels(exemplar.labels);
    return {};
  }

  Result<void> read_metadata(Fields& outer, MetricMetadata& metadata) {
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
      TRY(in.key());
      switch (in.field()) {
        case 1:
          metadata.metadata.kind = kind_of(TRY(in.number()));
          break;
        case 2:
          TRY(read_string(in, metadata.family));
          break;
        case 4:
          TRY(read_string(in, metadata.metadata.help));
          break;
        case 5:
          TRY(read_string(in, metadata.metadata.unit));
          break;
        default:
          TRY(in.skip());
      }
    }
    return {};
  }

  Result<void> read_string(Fields& in, std::string& out) {
    const std::size_t at = in.offset();
    out = TRY(budget_.string(TRY(in.bytes()), at));
    return {};
  }
};

class DecoderV2 : Decoder {
 public:
  using Decoder::Decoder;

  /// Series may stand before the symbols that they refer to, so the message is walked twice.
  Result<WriteRequest> request() {
    TRY(read_symbols());
    WriteRequest request;
    for (Fields in = fields(whole_); !in.at_end();) {
      TRY(in.key());
      if (!in.is(5)) {
        TRY(in.skip());
        continue;
      }
      TRY(budget_.series(in.offset()));
      TRY(read_series(in, request));
    }
    return request;
  }

 private:
  Result<void> read_symbols() {
    for (Fields in = fields(whole_); !in.at_end();) {
      TRY(in.key());
      if (!in.is(4)) {
        TRY(in.skip());
        continue;
      }
      TRY(budget_.symbol(in.offset()));
      const std::size_t at = in.offset();
      symbols_.push_back(TRY(in.bytes()));
      if (!symbols_.front().empty()) return fail(Code::Invalid, "byte {}: the first symbol is not empty", at);
    }
    return {};
  }

  Result<void> read_series(Fields& outer, WriteRequest& request) {
    Series& series = request.series.emplace_back();
    refs_.clear();
    const std::size_t at = outer.offset();
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
      TRY(in.key());
      switch (in.field()) {
        case 1:
          TRY(read_refs(in, refs_));
          break;
        case 2:
          TRY(read_sample(in, series.samples.emplace_back()));
          break;
        case 3:
          TRY(count_histogram(in, request));
          break;
        case 4:
          TRY(read_exemplar(in, series.exemplars.emplace_back()));
          break;
        case 5:
          TRY(read_metadata(in, series.metadata));
          break;
        default:
          TRY(in.skip());
      }
    }
    return read_labels(refs_, series.labels, at);
  }

  Result<void> read_exemplar(Fields& outer, Exemplar& exemplar) {
    exemplar_refs_.clear();
    const std::size_t at = outer.offset();
    TRY(read_point(outer, exemplar.sample, [&](Fields& in) { return read_refs(in, exemplar_refs_); }));
    return read_labels(exemplar_refs_, exemplar.labels, at);
  }

  Result<void> read_metadata(Fields& outer, Metadata& metadata) {
    for (Fields in = fields(TRY(outer.bytes())); !in.at_end();) {
      TRY(in.key());
      const std::size_t at = in.offset();
      switch (in.field()) {
        case 1:
          metadata.kind = kind_of(TRY(in.number()));
          break;
        case 3:
          metadata.help = TRY(symbol(TRY(in.number()), at));
          break;
        case 4:
          metadata.unit = TRY(symbol(TRY(in.number()), at));
          break;
        default:
          TRY(in.skip());
      }
    }
    return {};
  }

  struct Ref {
    std::uint64_t number;
    std::size_t at;
  };

  /// Packed, in one piece or in several, or one by one.
  Result<void> read_refs(Fields& in, std::vector<Ref>& refs) {
    if (in.type() == Type::Varint) return read_ref(in, refs);
    for (Fields packed = fields(TRY(in.bytes())); !packed.at_end();) TRY(read_ref(packed, refs));
    return {};
  }

  Result<void> read_ref(Fields& from, std::vector<Ref>& refs) {
    const std::size_t at = from.offset();
    TRY(budget_.label(refs.size() / 2 + 1, at));
    refs.push_back({TRY(from.varint()), at});
    return {};
  }

  Result<void> read_labels(const std::vector<Ref>& refs, std::vector<Label>& labels, std::size_t at) {
    if (refs.size() % 2 != 0) return fail(Code::Invalid, "byte {}: {} label references, no pairs", at, refs.size());
    labels.reserve(refs.size() / 2);
    for (std::size_t i = 0; i < refs.size(); i += 2)
      labels.push_back({TRY(symbol(refs[i].number, refs[i].at)), TRY(symbol(refs[i + 1].number, refs[i + 1].at))});
    sort_labels(labels);
    return {};
  }

  /// 0 is the empty string, also where a message has no symbols at all.
  Result<std::string> symbol(std::uint64_t number, std::size_t at) {
    if (number == 0) return std::string();
    if (number >= symbols_.size())
      return fail(Code::Invalid, "byte {}: reference to symbol {}, there are {}", at, number, symbols_.size());
    return budget_.string(symbols_[static_cast<std::size_t>(number)], at);
  }

  std::vector<std::string_view> symbols_;
  std::vector<Ref> refs_, exemplar_refs_;
};
}  // namespace

Result<WriteRequest> decode(Protocol protocol, std::string_view message, const Limits& limits) {
  auto request = protocol == Protocol::V1 ? DecoderV1(message, limits).request() : DecoderV2(message, limits).request();
  if (!request)
    return fail(request.error().code, "remote write {}.0, message of {} bytes: {}", protocol == Protocol::V1 ? 1 : 2,
                message.size(), request.error().what);
  return request;
}

}  // namespace tessera::wire
