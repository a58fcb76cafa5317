#pragma once
// A remote-write message as a plain value, and its two encodings. For tests, for taking a refused request apart, for
// saying the same in the other version, and for whoever receives: the sender's hot path is request_writer.h.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "metrics/parse.h"

namespace tessera::wire {

enum class Protocol : std::uint8_t {
  V1,  ///< prometheus.WriteRequest
  V2   ///< io.prometheus.write.v2.Request
};

struct Label {
  std::string name;
  std::string value;
  bool operator==(const Label&) const = default;
};

/// Equal when the bits are: a staleness marker equals itself and nothing else.
struct Sample {
  double value = 0;
  EpochMs time = 0;
  bool operator==(const Sample& other) const {
    return std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(other.value) && time == other.time;
  }
};

struct Exemplar {
  std::vector<Label> labels;
  Sample sample;
  bool operator==(const Exemplar&) const = default;
};

struct Metadata {
  metrics::Kind kind = metrics::Kind::Unknown;
  std::string help;
  std::string unit;
  bool operator==(const Metadata&) const = default;
};

struct Series {
  std::vector<Label> labels;  ///< sorted by name, `__name__` among them
  std::vector<Sample> samples;
  std::vector<Exemplar> exemplars;
  Metadata metadata;  ///< V2 only
  bool operator==(const Series&) const = default;
};

/// What version 1 says about a metric, apart from its series.
struct MetricMetadata {
  std::string family;
  Metadata metadata;
  bool operator==(const MetricMetadata&) const = default;
};

struct WriteRequest {
  std::vector<Series> series;
  std::vector<MetricMetadata> metadata;  ///< V1 only
  std::size_t histograms = 0;            ///< native histograms that were met: counted, not kept and never written
  bool operator==(const WriteRequest&) const = default;
};

/// What a decoder will hold of one message, whoever sent it. Strings count as often as labels refer to them: a body of
/// version 2 may name one long string a million times.
struct Limits {
  std::size_t series = 200'000;
  std::size_t samples = 2'000'000;  ///< exemplars, histograms and metadata entries count as samples
  std::size_t labels = 256;         ///< of one series or exemplar
  std::size_t symbols = 1'000'000;
  std::size_t string_bytes = std::size_t{256} << 20;
};

/// Defined on any bytes: a message within the limits, or Invalid with the byte offset and what is wrong there. Unknown
/// fields are skipped, left-out fields are zero, fields come in any order. Labels are sorted if they were not; whether
/// names repeat, values are empty or text is UTF-8 is the caller's to judge. Start timestamps are not kept.
Result<WriteRequest> decode(Protocol protocol, std::string_view message, const Limits& limits = {});

/// Every version says all of a series but its metadata: version 2 takes what a series lacks from `metadata`, version 1
/// adds what its list lacks from the series, once per family. An entry of the list that no series belongs to cannot be
/// said in version 2.
std::string encode(Protocol protocol, const WriteRequest& request);

}  // namespace tessera::wire
