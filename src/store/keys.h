#pragma once
// API keys as they are kept: a hash, never the key itself.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "store/database.h"

namespace tessera::store {

struct KeyRow {
  std::string id{};  ///< the prefix that its holder sees
  std::string name{};
  std::string digest{};               ///< SHA-256 of the whole key, in hex
  std::vector<std::string> scopes{};  ///< by name
  std::optional<std::vector<std::string>> namespaces{};
  std::optional<std::vector<std::string>> teams{};  ///< with `namespaces` absent too: not restricted
  EpochMs created = 0;
  std::string created_by{};
  std::optional<EpochMs> expires{};
  std::optional<EpochMs> revoked{};
  std::optional<EpochMs> last_used{};
  bool operator==(const KeyRow&) const = default;
};

/// In the order in which they were made; revoked ones too.
Result<std::vector<KeyRow>> keys(Database& database);
Result<void> insert_key(Database& database, const KeyRow& key);
/// Nothing changes where it is revoked already.
Result<void> revoke_key(Database& database, const std::string& id, EpochMs time);
Result<void> note_key_use(Database& database, const std::string& id, EpochMs time);

/// Grows with every change of the keys, so that other programs know when to read them again.
Result<std::int64_t> key_changes(Database& database);
Result<void> note_key_change(Database& database);

}  // namespace tessera::store
