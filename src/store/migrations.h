#pragma once
// The numbered files of migrations/, compiled in.
#include <cstdint>
#include <span>
#include <string_view>

namespace tessera::store {

struct Migration {
  std::int64_t version;      ///< of its file's name
  std::string_view dialect;  ///< empty: for all that have none of their own under this number
  std::string_view sql;
};

/// In the order of their numbers, which may have gaps.
std::span<const Migration> migrations();

}  // namespace tessera::store
