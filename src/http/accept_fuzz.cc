#include <cassert>
#include <cstdint>
#include <string_view>

#include "http/server.h"

// The first line is an offer, the rest a header. Whatever they hold, a quality is a number from 0 to 1, and gzip is
// sent only to whom it is acceptable.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\n');
  const auto header = end == std::string_view::npos ? text : text.substr(end + 1);
  const double quality = tessera::http::accept_quality(header, text.substr(0, end));
  assert(quality >= 0 && quality <= 1);
  assert(!tessera::http::wants_gzip(header) || tessera::http::accept_quality(header, "gzip") > 0);
  return 0;
}
