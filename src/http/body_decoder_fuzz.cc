// However the bytes are cut into pieces, held and let go, the same comes out: the same text, and an end that is good or
// not.
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/body_decoder.h"

namespace {

constexpr std::size_t kMostDecoded = 1U << 20U;

struct Decoded {
  std::string text;
  bool whole = false;
  bool cut = false;  ///< by our limit, at a place that depends on the pieces
};

/// `holds`: each piece goes as soon as something has come out of it.
Decoded decode(std::string_view encoding, std::string_view wire, std::size_t piece, std::span<char> scratch,
               bool holds) {
  auto decoder = *tessera::http::BodyDecoder::open(encoding);
  Decoded out;
  for (; !wire.empty(); wire.remove_prefix(std::min(piece, wire.size()))) {
    std::string fed(wire.substr(0, piece));
    decoder.feed(fed);
    for (;;) {
      const auto chunk = decoder.next(scratch);
      if (!chunk) return out;
      if (chunk->empty()) break;
      out.text += *chunk;
      if (holds) {
        decoder.hold();
        std::ranges::fill(fed, '?');
      }
      out.cut = out.text.size() > kMostDecoded;
      if (out.cut) return out;
    }
  }
  out.whole = static_cast<bool>(decoder.finish());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static char scratch[4096];
  static constexpr std::string_view kEncodings[] = {"gzip", "zstd", ""};
  const auto encoding = kEncodings[data[0] % std::size(kEncodings)];
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto at_once = decode(encoding, wire, wire.size(), scratch, false);
  const auto in_pieces =
      decode(encoding, wire, 1 + data[0] / std::size(kEncodings), std::span(scratch).first(100), true);
  if (at_once.cut || in_pieces.cut) return 0;
  assert(at_once.whole == in_pieces.whole);
  if (at_once.whole) assert(at_once.text == in_pieces.text);
  if (encoding.empty()) assert(at_once.whole && at_once.text == wire);
  return 0;
}
