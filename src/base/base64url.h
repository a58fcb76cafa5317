#pragma once
// Base64 for URLs, without padding (RFC 4648, 5). Pure.
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

std::string base64url(std::string_view bytes);

/// Strict: one text for each sequence of bytes, so no padding, no blanks, and no bits left over.
std::optional<std::string> base64url_decoded(std::string_view text);

}  // namespace tessera
