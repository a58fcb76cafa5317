#include "store/audit.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <iterator>

namespace tessera::store {
namespace {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

}  // namespace

std::string audit_hash(const std::string& previous, std::int64_t sequence, const AuditEntry& entry) {
  std::string bytes;
  const auto add = [&](std::string_view text) {
    fmt::format_to(std::back_inserter(bytes), "{}:{},", text.size(), text);
  };
  add(previous);
  add(std::to_string(sequence));
  add(std::to_string(entry.time));
  for (const std::string* text :
       {&entry.actor, &entry.action, &entry.object, &entry.result, &entry.request_id, &entry.peer, &entry.detail})
    add(*text);
  return sha256_hex(bytes);
}

Result<AuditHead> audit_head(Database& database) {
  AuditHead out;
  TRY(database.each("SELECT audit_rows, audit_hash FROM access_state WHERE id = 1", {},
                    [&](const Row& row) { out = {row.integer(0).value_or(0), row.text(1)}; }));
  return out;
}

Result<void> append_audit(Database& database, const AuditEntry& entry) {
  // The row is taken before it is read: of two that add at once, the second waits for the first.
  TRY(database.run("UPDATE access_state SET audit_rows = audit_rows + 1 WHERE id = 1"));
  const AuditHead head = TRY(audit_head(database));
  const std::string hash = audit_hash(head.hash, head.rows, entry);
  TRY(
      database.run("INSERT INTO audit (sequence, time, actor, action, object, result, request_id, peer, detail, hash) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   {head.rows, entry.time, entry.actor, entry.action, entry.object, entry.result, entry.request_id,
                    entry.peer, entry.detail, hash}));
  return database.run("UPDATE access_state SET audit_hash = ? WHERE id = 1", {hash});
}

Result<std::vector<AuditRow>> audit_rows(Database& database, std::int64_t after, std::size_t limit) {
  std::vector<AuditRow> out;
  const std::array<Value, 2> values = {after, static_cast<std::int64_t>(limit)};
  TRY(
      database.each("SELECT sequence, time, actor, action, object, result, request_id, peer, detail, hash FROM audit "
                    "WHERE sequence > ? ORDER BY sequence LIMIT ?",
                    values, [&](const Row& row) {
                      out.push_back({row.integer(0).value_or(0),
                                     {row.integer(1).value_or(0), row.text(2), row.text(3), row.text(4), row.text(5),
                                      row.text(6), row.text(7), row.text(8)},
                                     row.text(9)});
                    }));
  return out;
}

}  // namespace tessera::store
