#include "operator/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace tessera::operate {
namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '\0');
  // It writes a zero behind the text, which a string has room for.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  return out;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  constexpr std::size_t kLongest = 4U << 20U;
  if (text.size() % 4 != 0 || text.size() > kLongest) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const auto padding = text.size() - std::min(text.find_last_not_of('=') + 1, text.size());
  if (padding > 2) return std::nullopt;
  out.resize(out.size() - padding);  // the padding is decoded to zeros
  return out;
}

}  // namespace tessera::operate
