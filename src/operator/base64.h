#pragma once
// Inside the room: base64, as Kubernetes has bytes in JSON.
#include <optional>
#include <string>
#include <string_view>

namespace tessera::operate {

std::string base64(std::string_view bytes);
/// Nullopt: it is none.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace tessera::operate
