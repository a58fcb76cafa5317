#include "wire/compression.h"

#include <snappy.h>
#include <zstd.h>

#include <algorithm>
#include <bit>

namespace tessera::wire {
namespace {
// Snappy's longest copy makes 64 bytes of 3, so a longer claim is a lie.
constexpr std::size_t kSnappyMostGain = 22;

// Beyond this a zstd body is unpacked piece by piece, whatever length it claims: its gain has no bound.
constexpr std::size_t kZstdFirstPiece = std::size_t{1} << 20;
constexpr int kZstdLevel = 1;
constexpr int kZstdMostWindow = 27;  // the most that the library accepts unasked

struct FreeDecompression {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

Result<std::string> unsnap(std::string_view body, std::size_t max_bytes, std::string out) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size) || size / kSnappyMostGain > body.size())
    return fail(Code::Invalid, "snappy: {} bytes do not begin with a length in the block format", body.size());
  if (size > max_bytes)
    return fail(Code::Invalid, "snappy: {} bytes uncompressed, at most {} allowed", size, max_bytes);
  out.resize(size);
  if (!snappy::RawUncompress(body.data(), body.size(), out.data()))
    return fail(Code::Invalid, "snappy: {} bytes are no whole body in the block format", body.size());
  return out;
}

/// A window as large as the largest body allowed: a sender may make the whole body one.
int window_log(std::size_t max_bytes) {
  return std::clamp(static_cast<int>(std::bit_width(max_bytes)), 20, kZstdMostWindow);
}

Result<std::string> unzstd(std::string_view body, std::size_t max_bytes, std::string out) {
  const auto claimed = ZSTD_getFrameContentSize(body.data(), body.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR)
    return fail(Code::Invalid, "zstd: {} bytes do not begin with a frame", body.size());
  if (claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed > max_bytes)
    return fail(Code::Invalid, "zstd: {} bytes uncompressed, at most {} allowed", claimed, max_bytes);
  const std::unique_ptr<ZSTD_DCtx, FreeDecompression> context(ZSTD_createDCtx());
  if (!context) return fail(Code::Unavailable, "zstd: no memory for a context");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log(max_bytes));
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  for (std::size_t used = 0;;) {
    // One byte more than is allowed tells a body that fits from one that does not.
    if (used == out.size())
      out.resize(std::min(max_bytes + 1, used == 0 ? std::min<std::size_t>(claimed, kZstdFirstPiece) + 1 : used * 2));
    ZSTD_outBuffer piece{out.data(), out.size(), used};
    const std::size_t left = ZSTD_decompressStream(context.get(), &piece, &in);
    if (ZSTD_isError(left) != 0)
      return fail(Code::Invalid, "zstd: byte {} of {}: {}", in.pos, body.size(), ZSTD_getErrorName(left));
    used = piece.pos;
    if (used > max_bytes) return fail(Code::Invalid, "zstd: more than the {} bytes allowed", max_bytes);
    if (in.pos == in.size && left == 0) {
      out.resize(used);
      return out;
    }
    if (in.pos == in.size && used < out.size())
      return fail(Code::Invalid, "zstd: {} bytes end within a frame", body.size());
  }
}
}  // namespace

std::string_view content_encoding(Compression compression) {
  return compression == Compression::Snappy ? "snappy" : "zstd";
}

Result<std::string> decompress(Compression compression, std::string_view body, std::size_t max_bytes,
                               std::string memory) {
  return compression == Compression::Snappy ? unsnap(body, max_bytes, std::move(memory))
                                            : unzstd(body, max_bytes, std::move(memory));
}

struct Compressor::Zstd {
  struct Free {
    void operator()(ZSTD_CCtx* freed) const noexcept { ZSTD_freeCCtx(freed); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context{ZSTD_createCCtx()};
};

Compressor::Compressor(Compression compression) : compression_(compression) {
  if (compression == Compression::Zstd) zstd_ = std::make_unique<Zstd>();
}
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;
Compressor::~Compressor() = default;

std::string_view Compressor::compress(std::string_view body) {
  const bool snappy = compression_ == Compression::Snappy;
  const std::size_t most = snappy ? snappy::MaxCompressedLength(body.size()) : ZSTD_compressBound(body.size());
  if (buffer_.size() < most) buffer_.resize(most);
  std::size_t size = buffer_.size();
  if (snappy)
    snappy::RawCompress(body.data(), body.size(), buffer_.data(), &size);
  else
    size = ZSTD_compressCCtx(zstd_->context.get(), buffer_.data(), size, body.data(), body.size(), kZstdLevel);
  return std::string_view(buffer_).substr(0, size);
}

}  // namespace tessera::wire
