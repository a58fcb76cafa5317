#pragma once
// Copies of a SQLite database.
#include <filesystem>

#include "base/result.h"

namespace tessera::store {

/// Online and consistent: whoever reads or writes the database goes on. `to` is replaced when the copy is whole.
Result<void> copy_sqlite(const std::filesystem::path& from, const std::filesystem::path& to);

/// Invalid for a file that is no database of ours, is damaged, or has been written by a later version.
Result<void> check_sqlite(const std::filesystem::path& file);

}  // namespace tessera::store
