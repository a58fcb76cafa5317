#include "wire/request_writer.h"

#include <algorithm>
#include <cstring>

#include "wire/kinds.h"
#include "wire/protobuf.h"

namespace tessera::wire {
namespace {
using protobuf::put_varint;
using protobuf::tag;
using protobuf::Type;
using protobuf::varint_size;

constexpr std::string_view kName = "__name__";
constexpr std::uint32_t kHasExemplar = 0x80000000;

/// Copies go in whole steps: cheaper than by the byte, as long as there is room for one step behind both ends.
constexpr std::size_t kStep = 32;

/// Of one series with one sample, besides its blocks: three keys with lengths, the value and the time.
constexpr std::uint32_t kSeriesOverhead = 3 * (1 + 5) + (1 + 8) + (1 + protobuf::kMaxVarint);

char* copy(char* out, const char* from, std::size_t size) {
  for (std::size_t at = 0; at < size; at += kStep) std::memcpy(out + at, from + at, kStep);
  return out + size;
}

void append_pair(std::string& out, unsigned field, std::string_view name, std::string_view value) {
  out += tag(field, Type::Bytes);
  protobuf::append_varint(out, 2 + varint_size(name.size()) + name.size() + varint_size(value.size()) + value.size());
  protobuf::append_bytes(out, 1, name);
  protobuf::append_bytes(out, 2, value);
}

/// The time field of a sample; samples of a scrape share it, so it is encoded once.
class TimeField {
 public:
  std::string_view operator()(EpochMs time) {
    if (time != time_) {
      time_ = time;
      bytes_[0] = tag(2, Type::Varint);
      size_ = static_cast<std::size_t>(put_varint(bytes_ + 1, static_cast<std::uint64_t>(time)) - bytes_);
    }
    return {bytes_, size_};
  }

 private:
  EpochMs time_ = 0;  // a time of zero is left out
  std::size_t size_ = 0;
  char bytes_[kStep] = {};
};

char* put_sample(char* out, double value, std::string_view time) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  constexpr std::size_t kValueSize = 1 + sizeof bits;
  *out++ = tag(2, Type::Bytes);
  *out++ = static_cast<char>(time.size() + (bits == 0 ? 0 : kValueSize));
  if (bits != 0) {
    *out++ = tag(1, Type::Fixed64);
    std::memcpy(out, &bits, sizeof bits);
    out += sizeof bits;
  }
  return copy(out, time.data(), time.size());
}
}  // namespace

RequestWriter::RequestWriter(Protocol protocol) : protocol_(protocol) {}

RequestWriter::Block RequestWriter::block_from(std::size_t begin) const {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(blocks_.size() - begin)};
}

/// Puts a field's key and length before what stands at the end of blocks_.
void RequestWriter::prefix_with_length(std::size_t begin, char key) {
  char header[1 + protobuf::kMaxVarint] = {key};
  const char* const end = put_varint(header + 1, blocks_.size() - begin);
  blocks_.insert(begin, header, static_cast<std::size_t>(end - header));
}

MetricRef RequestWriter::metric(std::string_view name, metrics::Kind kind, std::string_view help, std::string_view unit,
                                std::string_view family) {
  assert(!name.empty());
  Metric metric;
  metric.kind = kind;
  const std::size_t begin = blocks_.size();
  if (v2()) {
    protobuf::append_varint(blocks_, symbols_.ref(kName));
    protobuf::append_varint(blocks_, symbols_.ref(name));
  } else {
    append_pair(blocks_, 1, kName, name);
    metric.family = symbols_.ref(family.empty() ? name : family);
    count_family(metric.family);
  }
  metric.name = block_from(begin);
  metric.help = symbols_.ref(help);
  metric.unit = symbols_.ref(unit);
  if (v2()) {
    const std::size_t field = blocks_.size();
    protobuf::append_number(blocks_, 1, kind_number(kind));
    protobuf::append_number(blocks_, 3, metric.help);
    protobuf::append_number(blocks_, 4, metric.unit);
    if (blocks_.size() > field) prefix_with_length(field, tag(5, Type::Bytes));
    metric.metadata = block_from(field);
  }
  metric.most = kSeriesOverhead + metric.name.size + metric.metadata.size;
  metrics_.push_back(metric);
  return static_cast<MetricRef>(metrics_.size() - 1);
}

/// Most labels are those of the set before: the target's, and the names. Comparing is cheaper than hashing.
RequestWriter::KnownLabel RequestWriter::known_label(const metrics::Label& label, std::size_t position) {
  KnownLabel& known = known_[position];
  if (symbols_.text(known.name) != label.name) known.name = symbols_.ref(label.name);
  if (symbols_.text(known.value) != label.value) known.value = symbols_.ref(label.value);
  return known;
}

/// Labels from `first` to `last`, by position in the set.
RequestWriter::Block RequestWriter::append_labels(std::span<const metrics::Label> set, std::size_t first,
                                                  std::size_t last) {
  const std::size_t begin = blocks_.size();
  if (!v2()) {
    for (const auto& label : set.subspan(first, last - first)) append_pair(blocks_, 1, label.name, label.value);
    return block_from(begin);
  }
  blocks_.resize(begin + (last - first) * 2 * protobuf::kMaxVarint);
  char* out = blocks_.data() + begin;
  for (std::size_t i = first; i < last; ++i) {
    const KnownLabel known = known_label(set[i], i);
    out = put_varint(put_varint(out, known.name), known.value);
  }
  blocks_.resize(static_cast<std::size_t>(out - blocks_.data()));
  return block_from(begin);
}

LabelsRef RequestWriter::labels(std::span<const metrics::Label> sorted) {
  assert(std::ranges::adjacent_find(sorted, std::greater_equal<>{}, &metrics::Label::name) == sorted.end());
  assert(std::ranges::none_of(sorted, [](const auto& label) { return label.value.empty() || label.name == kName; }));
  if (known_.size() < sorted.size()) known_.resize(sorted.size());
  const auto after = std::ranges::lower_bound(sorted, kName, {}, &metrics::Label::name);
  const auto split = static_cast<std::size_t>(after - sorted.begin());
  LabelSet set;
  set.before = append_labels(sorted, 0, split);
  const std::size_t begin = blocks_.size();
  append_labels(sorted, split, sorted.size());
  if (v2() && blocks_.size() > begin) prefix_with_length(begin, tag(1, Type::Bytes));
  set.after = block_from(begin);
  set.most = set.before.size + set.after.size;
  sets_.push_back(set);
  return static_cast<LabelsRef>(sets_.size() - 1);
}

void RequestWriter::exemplar(std::span<const metrics::Label> sorted, double value, EpochMs time) {
  assert(!records_.empty());
  const std::size_t begin = blocks_.size();
  for (const auto& label : sorted) {
    if (!v2()) {
      append_pair(blocks_, 1, label.name, label.value);
      continue;
    }
    protobuf::append_varint(blocks_, symbols_.ref(label.name));
    protobuf::append_varint(blocks_, symbols_.ref(label.value));
  }
  if (v2() && !sorted.empty()) prefix_with_length(begin, tag(1, Type::Bytes));
  protobuf::append_double(blocks_, 2, value);
  protobuf::append_number(blocks_, 3, static_cast<std::uint64_t>(time));
  prefix_with_length(begin, tag(v2() ? 4 : 3, Type::Bytes));
  const auto record = static_cast<std::uint32_t>(records_.size() - 1);
  records_.back().metric |= kHasExemplar;
  exemplars_.push_back({record, block_from(begin)});
  series_bytes_ += exemplars_.back().field.size;
}

std::span<const RequestWriter::Exemplars> RequestWriter::exemplars_of(std::uint32_t record) const {
  const auto found = std::ranges::equal_range(exemplars_, record, {}, &Exemplars::record);
  return {found.begin(), found.end()};
}

/// Labels up to the name, metadata, samples, the other labels. Fields may come in any order and packed ones in pieces;
/// this order brings name, help and value, which change from series to series, next to each other, and all else becomes
/// one copy in snappy. There are receivers that want the name before the metadata and pairs of references in one piece.
template <Protocol kProtocol>
char* RequestWriter::write_series(char* out) const {
  TimeField time_field;
  const char* const blocks = blocks_.data();
  for (const LabelSet& set : sets_) {
    for (std::uint32_t index = set.first; index != kNone; index = records_[index].next) {
      const Record& record = records_[index];
      const Metric& metric = metrics_[record.metric & ~kHasExemplar];
      const std::string_view time = time_field(record.time);
      const std::size_t sample_size = 2 + time.size() + (std::bit_cast<std::uint64_t>(record.value) == 0 ? 0 : 9);
      const std::size_t name_size = set.before.size + metric.name.size;
      std::size_t size = name_size + metric.metadata.size + sample_size + set.after.size;
      if constexpr (kProtocol == Protocol::V2) size += 1 + varint_size(name_size);
      std::span<const Exemplars> exemplars;
      if ((record.metric & kHasExemplar) != 0) exemplars = exemplars_of(index);
      for (const auto& exemplar : exemplars) size += exemplar.field.size;
      *out++ = tag(kProtocol == Protocol::V2 ? 5 : 1, Type::Bytes);
      out = put_varint(out, size);
      if constexpr (kProtocol == Protocol::V2) {
        *out++ = tag(1, Type::Bytes);
        out = put_varint(out, name_size);
      }
      out = copy(out, blocks + set.before.begin, set.before.size);
      out = copy(out, blocks + metric.name.begin, metric.name.size);
      out = copy(out, blocks + metric.metadata.begin, metric.metadata.size);
      out = put_sample(out, record.value, time);
      out = copy(out, blocks + set.after.begin, set.after.size);
      for (const auto& exemplar : exemplars) out = copy(out, blocks + exemplar.field.begin, exemplar.field.size);
    }
  }
  return out;
}

void RequestWriter::count_family(std::uint32_t family) {
  if (family >= is_family_.size()) is_family_.resize(symbols_.size());
  if (is_family_[family]) return;
  is_family_[family] = true;
  ++families_;
}

std::string RequestWriter::metadata_list() const {
  std::string out;
  std::vector<bool> told(symbols_.size());
  for (const Metric& metric : metrics_) {
    if (told[metric.family]) continue;
    told[metric.family] = true;
    std::string entry;
    protobuf::append_number(entry, 1, kind_number(metric.kind));
    protobuf::append_string(entry, 2, symbols_.text(metric.family));
    protobuf::append_string(entry, 4, symbols_.text(metric.help));
    protobuf::append_string(entry, 5, symbols_.text(metric.unit));
    protobuf::append_bytes(out, 3, entry);
  }
  return out;
}

std::string_view RequestWriter::finish(MetadataList list) {
  const std::string metadata = !v2() && list == MetadataList::With ? metadata_list() : std::string();
  const std::string_view symbols = v2() ? std::string_view(symbols_.encoded()) : std::string_view();
  const std::size_t room = bytes() + metadata.size() + kStep;
  if (message_.size() < room) message_.resize(room);
  blocks_.append(kStep, '\0');
  char* out = message_.data();
  out = std::ranges::copy(symbols, out).out;
  out = v2() ? write_series<Protocol::V2>(out) : write_series<Protocol::V1>(out);
  out = std::ranges::copy(metadata, out).out;
  clear();
  return {message_.data(), out};
}

void RequestWriter::clear() {
  ++generation_;
  symbols_.clear();
  blocks_.clear();
  metrics_.clear();
  sets_.clear();
  records_.clear();
  exemplars_.clear();
  known_.clear();
  is_family_.clear();
  families_ = 0;
  series_bytes_ = 0;
}

}  // namespace tessera::wire
