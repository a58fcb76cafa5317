#pragma once
// Who changed what: rows that are only ever added, each with the hash of the one before in its own, so that one that is
// changed or taken out later shows.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "store/database.h"

namespace tessera::store {

struct AuditEntry {
  EpochMs time = 0;
  std::string actor;   ///< "key:ab12cd34 grafana", "oidc:ISSUER SUBJECT", "anonymous", "command line"
  std::string action;  ///< "key.create"
  std::string object;  ///< what it was done to
  std::string result;  ///< "done", or why not
  std::string request_id;
  std::string peer;    ///< address that it came from
  std::string detail;  ///< JSON
  bool operator==(const AuditEntry&) const = default;
};

struct AuditRow {
  std::int64_t sequence = 0;  ///< from 1, without gaps
  AuditEntry entry;
  std::string hash;
};

/// SHA-256 in hex over `previous` (the hash of the row before, "" before the first) and the row's members in their
/// order, each as a netstring (`5:hello,`). docs/security.md tells it to others.
std::string audit_hash(const std::string& previous, std::int64_t sequence, const AuditEntry& entry);

/// Adds a row. Called in the transaction of the change that it tells of: Database::atomically().
Result<void> append_audit(Database& database, const AuditEntry& entry);

struct AuditHead {
  std::int64_t rows = 0;
  std::string hash;  ///< of the last one
};
Result<AuditHead> audit_head(Database& database);

/// Rows behind `after`, at most `limit`.
Result<std::vector<AuditRow>> audit_rows(Database& database, std::int64_t after, std::size_t limit);

}  // namespace tessera::store
