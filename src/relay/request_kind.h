#pragma once
// The forms in which a request may lie in a queue and go out. The number of a form is the tag of its records on disk:
// it never changes its meaning.
#include <cstdint>
#include <string_view>

#include "wire/compression.h"
#include "wire/write_request.h"

namespace tessera::relay {

enum class RequestKind : std::uint8_t { V1Snappy = 1, V2Snappy = 2, V1Zstd = 3 };

struct RequestForm {
  RequestKind kind;
  std::string_view name;  ///< for people
  wire::Protocol protocol;
  wire::Compression compression;
  std::string_view content_type;
  std::string_view version_header, version;
};

inline constexpr RequestForm kRequestForms[] = {
    {RequestKind::V1Snappy, "remote write 1.0", wire::Protocol::V1, wire::Compression::Snappy, "application/x-protobuf",
     "X-Prometheus-Remote-Write-Version", "0.1.0"},
    {RequestKind::V2Snappy, "remote write 2.0", wire::Protocol::V2, wire::Compression::Snappy,
     "application/x-protobuf;proto=io.prometheus.write.v2.Request", "X-Prometheus-Remote-Write-Version", "2.0.0"},
    {RequestKind::V1Zstd, "remote write 1.0 with zstd", wire::Protocol::V1, wire::Compression::Zstd,
     "application/x-protobuf", "X-VictoriaMetrics-Remote-Write-Version", "1"},
};

/// Null for a tag that this version does not know.
constexpr const RequestForm* form_of(std::uint8_t tag) {
  for (const RequestForm& form : kRequestForms)
    if (static_cast<std::uint8_t>(form.kind) == tag) return &form;
  return nullptr;
}

constexpr const RequestForm& form_of(RequestKind kind) { return *form_of(static_cast<std::uint8_t>(kind)); }

}  // namespace tessera::relay
