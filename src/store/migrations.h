#pragma once
// The numbered files of migrations/, compiled in.
#include <span>
#include <string_view>

namespace tessera::store {

/// In order; the first brings an empty database to version 1.
std::span<const std::string_view> migrations();

}  // namespace tessera::store
