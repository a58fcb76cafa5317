#include "store/keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace tessera::store {
namespace {

// Names of scopes, namespaces and teams have no blank; who makes a key sees to that.
std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) out.emplace_back(word);
  return out;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

Value joined(const std::optional<std::vector<std::string>>& words) { return words ? Value(joined(*words)) : Value(); }

std::optional<std::vector<std::string>> words_or_null(const std::optional<std::string>& text) {
  return text ? std::optional(words(*text)) : std::nullopt;
}

}  // namespace

Result<std::vector<KeyRow>> keys(Database& database) {
  std::vector<KeyRow> out;
  TRY(database.each(
      "SELECT id, name, digest, scopes, CASE WHEN namespaces IS NULL THEN 0 ELSE 1 END, namespaces, "
      "CASE WHEN teams IS NULL THEN 0 ELSE 1 END, teams, created, created_by, expires, revoked, last_used "
      "FROM access_key ORDER BY created, id",
      {}, [&](const Row& row) {
        const auto optional_text = [&](std::size_t at) {
          return row.integer(at) == 1 ? std::optional(row.text(at + 1)) : std::nullopt;
        };
        out.push_back({.id = row.text(0),
                       .name = row.text(1),
                       .digest = row.text(2),
                       .scopes = words(row.text(3)),
                       .namespaces = words_or_null(optional_text(4)),
                       .teams = words_or_null(optional_text(6)),
                       .created = row.integer(8).value_or(0),
                       .created_by = row.text(9),
                       .expires = row.integer(10),
                       .revoked = row.integer(11),
                       .last_used = row.integer(12)});
      }));
  return out;
}

Result<void> insert_key(Database& database, const KeyRow& key) {
  return database.run(
      "INSERT INTO access_key (id, name, digest, scopes, namespaces, teams, created, created_by, expires) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {key.id, key.name, key.digest, joined(key.scopes), joined(key.namespaces), joined(key.teams), key.created,
       key.created_by, value_or_null(key.expires)});
}

Result<void> revoke_key(Database& database, const std::string& id, EpochMs time) {
  return database.run("UPDATE access_key SET revoked = ? WHERE id = ? AND revoked IS NULL", {time, id});
}

Result<void> note_key_use(Database& database, const std::string& id, EpochMs time) {
  return database.run("UPDATE access_key SET last_used = ? WHERE id = ? AND (last_used IS NULL OR last_used < ?)",
                      {time, id, time});
}

Result<std::int64_t> key_changes(Database& database) {
  std::int64_t out = 0;
  TRY(database.each("SELECT changes FROM access_state WHERE id = 1", {},
                    [&](const Row& row) { out = row.integer(0).value_or(0); }));
  return out;
}

Result<void> note_key_change(Database& database) {
  return database.run("UPDATE access_state SET changes = changes + 1 WHERE id = 1");
}

}  // namespace tessera::store
