#include <map>
#include <set>

#include "wire/kinds.h"
#include "wire/protobuf.h"
#include "wire/symbols.h"
#include "wire/write_request.h"

namespace tessera::wire {
namespace {
using protobuf::append_bytes;
using protobuf::append_double;
using protobuf::append_number;
using protobuf::append_string;

std::string_view name_of(const Series& series) {
  for (const auto& label : series.labels)
    if (label.name == "__name__") return label.value;
  return {};
}

/// What version 1 tells metadata by: the name without what a histogram's or summary's parts have at its end.
std::string_view family_of(std::string_view name, metrics::Kind kind) {
  static constexpr struct {
    metrics::Kind kind;
    std::string_view suffix;
  } kParts[] = {{metrics::Kind::Histogram, "_bucket"},      {metrics::Kind::Histogram, "_count"},
                {metrics::Kind::Histogram, "_sum"},         {metrics::Kind::GaugeHistogram, "_bucket"},
                {metrics::Kind::GaugeHistogram, "_gcount"}, {metrics::Kind::GaugeHistogram, "_gsum"},
                {metrics::Kind::Summary, "_count"},         {metrics::Kind::Summary, "_sum"}};
  for (const auto& part : kParts)
    if (part.kind == kind && name.ends_with(part.suffix)) return name.substr(0, name.size() - part.suffix.size());
  return name;
}

void append_sample(std::string& out, const Sample& sample) {
  std::string field;
  append_double(field, 1, sample.value);
  append_number(field, 2, static_cast<std::uint64_t>(sample.time));
  append_bytes(out, 2, field);
}

void append_point(std::string& exemplar, const Sample& sample) {
  append_double(exemplar, 2, sample.value);
  append_number(exemplar, 3, static_cast<std::uint64_t>(sample.time));
}

void append_labels(std::string& out, const std::vector<Label>& labels) {
  for (const auto& label : labels) {
    std::string field;
    append_string(field, 1, label.name);
    append_string(field, 2, label.value);
    append_bytes(out, 1, field);
  }
}

std::string encode_v1(const WriteRequest& request) {
  std::string out;
  std::vector<MetricMetadata> metadata = request.metadata;
  std::set<std::string, std::less<>> told;
  for (const auto& entry : metadata) told.insert(entry.family);
  for (const auto& series : request.series) {
    std::string field;
    append_labels(field, series.labels);
    for (const auto& sample : series.samples) append_sample(field, sample);
    for (const auto& exemplar : series.exemplars) {
      std::string inner;
      append_labels(inner, exemplar.labels);
      append_point(inner, exemplar.sample);
      append_bytes(field, 3, inner);
    }
    append_bytes(out, 1, field);
    if (series.metadata == Metadata{}) continue;
    const auto family = family_of(name_of(series), series.metadata.kind);
    if (told.emplace(family).second) metadata.push_back({std::string(family), series.metadata});
  }
  for (const auto& [family, about] : metadata) {
    std::string field;
    append_number(field, 1, kind_number(about.kind));
    append_string(field, 2, family);
    append_string(field, 4, about.help);
    append_string(field, 5, about.unit);
    append_bytes(out, 3, field);
  }
  return out;
}

class EncoderV2 {
 public:
  explicit EncoderV2(const WriteRequest& request) : request_(request) {
    for (const auto& entry : request.metadata) families_.emplace(entry.family, &entry.metadata);
  }

  std::string message() {
    std::string series;
    for (const auto& one : request_.series) append_bytes(series, 5, series_field(one));
    return symbols_.encoded() + series;
  }

 private:
  std::string series_field(const Series& series) {
    std::string out;
    append_refs(out, series.labels);
    for (const auto& sample : series.samples) append_sample(out, sample);
    for (const auto& exemplar : series.exemplars) {
      std::string inner;
      append_refs(inner, exemplar.labels);
      append_point(inner, exemplar.sample);
      append_bytes(out, 4, inner);
    }
    const Metadata& about = metadata_of(series);
    std::string field;
    append_number(field, 1, kind_number(about.kind));
    append_number(field, 3, symbols_.ref(about.help));
    append_number(field, 4, symbols_.ref(about.unit));
    append_string(out, 5, field);
    return out;
  }

  void append_refs(std::string& out, const std::vector<Label>& labels) {
    std::string refs;
    for (const auto& label : labels) {
      protobuf::append_varint(refs, symbols_.ref(label.name));
      protobuf::append_varint(refs, symbols_.ref(label.value));
    }
    append_string(out, 1, refs);
  }

  const Metadata& metadata_of(const Series& series) const {
    if (series.metadata != Metadata{} || families_.empty()) return series.metadata;
    const auto name = name_of(series);
    for (const auto kind :
         {metrics::Kind::Unknown, metrics::Kind::Histogram, metrics::Kind::GaugeHistogram, metrics::Kind::Summary}) {
      const auto found = families_.find(family_of(name, kind));
      if (found == families_.end()) continue;
      if (kind == metrics::Kind::Unknown || found->second->kind == kind) return *found->second;
    }
    return series.metadata;
  }

  const WriteRequest& request_;
  std::map<std::string_view, const Metadata*> families_;
  SymbolTable symbols_;
};
}  // namespace

std::string encode(Protocol protocol, const WriteRequest& request) {
  return protocol == Protocol::V1 ? encode_v1(request) : EncoderV2(request).message();
}

}  // namespace tessera::wire
