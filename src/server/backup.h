#pragma once
// The commands that keep the database safe: `tessera-server backup` and `tessera-server restore`.
#include <filesystem>
#include <string>

#include "base/result.h"

namespace tessera::server {

/// A consistent copy of a SQLite database, which a server may be writing meanwhile. `file` appears when it is whole.
Result<void> backup(const std::string& url, const std::filesystem::path& file);

/// Puts a copy in the place of the database, which is kept beside it as `….before-restore`. Refused while a server runs
/// on the folder, and for a copy that is damaged or that a later version has written.
Result<void> restore(const std::string& data, const std::string& url, const std::filesystem::path& file);

}  // namespace tessera::server
