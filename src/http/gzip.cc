#include <libdeflate.h>

#include <memory>
#include <new>

#include "http/body_decoder.h"
#include "http/server.h"

namespace tessera::http {
namespace {

constexpr int kLevel = 1;  // a page is compressed for one scrape and thrown away: speed counts

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const noexcept { libdeflate_free_compressor(compressor); }
};

}  // namespace

std::string gzip(std::string_view text) {
  // One per thread that ever compresses; its size is fixed, whatever the text's.
  thread_local const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(kLevel));
  if (!compressor) throw std::bad_alloc();
  const std::size_t most = libdeflate_gzip_compress_bound(compressor.get(), text.size());
  const auto room = std::make_unique_for_overwrite<char[]>(most);  // pages that stay unused are never touched
  const std::size_t size = libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), room.get(), most);
  return {room.get(), size};
}

Result<std::string> decoded(std::string_view content_encoding, std::string_view body, std::size_t max_bytes) {
  constexpr std::size_t kPiece = 64U << 10U;
  BodyDecoder decoder = TRY(BodyDecoder::open(content_encoding));
  decoder.feed(body);
  std::string out;
  const auto scratch = std::make_unique_for_overwrite<char[]>(kPiece);
  for (;;) {
    const std::string_view piece = TRY(decoder.next({scratch.get(), kPiece}));
    if (piece.empty()) break;
    if (piece.size() > max_bytes - out.size())
      return fail(Code::Denied, "a body that unpacks to more than {} bytes", max_bytes);
    out += piece;
  }
  TRY(decoder.finish());
  return out;
}

}  // namespace tessera::http
