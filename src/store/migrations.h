#pragma once
// The numbered files of migrations/, compiled in.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace tessera::store {

class Database;

struct Migration {
  std::int64_t version;      ///< of its file's name
  std::string_view dialect;  ///< empty: for all that have none of their own under this number
  std::string_view sql;
};

/// In the order of their numbers, which may have gaps.
std::span<const Migration> migrations();

/// The highest that has been done to a database and that this program does not have: a later program's, though its
/// number may be below this one's newest.
Result<std::optional<std::int64_t>> unknown_migration(Database& database);

}  // namespace tessera::store
