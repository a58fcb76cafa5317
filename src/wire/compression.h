#pragma once
// The compressions that remote-write bodies come in.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::wire {

enum class Compression : std::uint8_t {
  Snappy,  ///< the block format; what the protocol demands
  Zstd     ///< VictoriaMetrics' variant of version 1
};

/// The value of Content-Encoding.
std::string_view content_encoding(Compression compression);

/// Keeps its buffers from one body to the next. Not thread-safe.
class Compressor {
 public:
  explicit Compressor(Compression compression);
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;
  ~Compressor();

  /// Lives until the next call.
  std::string_view compress(std::string_view body);

 private:
  struct Zstd;
  Compression compression_;
  std::unique_ptr<Zstd> zstd_;
  std::string buffer_;
};

/// Defined on any bytes. What does not fit into `max_bytes` is refused before memory for it is asked for. `memory` is
/// taken for what comes out, whatever it holds: new memory costs its pages and zeros, a tenth of what a request takes.
Result<std::string> decompress(Compression compression, std::string_view body, std::size_t max_bytes,
                               std::string memory = {});

}  // namespace tessera::wire
