#pragma once
// Inside this room: a Content-Encoding undone as the bytes come, in bounded memory.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::http {

class BodyDecoder {
 public:
  /// By the name in Content-Encoding: gzip, zstd, identity (or empty). Invalid for any other.
  static Result<BodyDecoder> open(std::string_view encoding);
  BodyDecoder(BodyDecoder&& other) noexcept;
  BodyDecoder& operator=(BodyDecoder&& other) noexcept;
  ~BodyDecoder();

  /// The next encoded bytes, which stay in place until next() has said that nothing is left of them.
  void feed(std::string_view wire);
  /// The next decoded bytes: a part of what was fed where there is nothing to decode, else written to `scratch`. Empty:
  /// feed more. Unavailable, and nothing else to expect, where the bytes are no such encoding.
  Result<std::string_view> next(std::span<char> scratch);
  /// Keeps what is left of what was fed, which then need not stay in place.
  void hold();
  /// Whether the body may end here: one that ends in the middle is an error, never a short body.
  Result<void> finish() const;

 private:
  struct Codec;
  struct Gzip;
  struct Zstd;
  explicit BodyDecoder(std::unique_ptr<Codec> codec);
  std::unique_ptr<Codec> codec_;  ///< null: identity
  std::string_view wire_;
  std::string held_;
};

}  // namespace tessera::http
