#include "store/replies.h"

#include <array>

namespace tessera::store {

Result<std::optional<KeptReply>> kept_reply(Database& database, const std::string& caller,
                                            const std::string& idempotency_key, EpochMs now) {
  std::optional<KeptReply> out;
  const std::array<Value, 3> values = {caller, idempotency_key, now - kRepliesKept.count()};
  TRY(database.each(
      "SELECT caller, idempotency_key, request, time, status, location, body FROM idempotent_reply "
      "WHERE caller = ? AND idempotency_key = ? AND time > ?",
      values, [&](const Row& row) {
        out = KeptReply{row.text(0), row.text(1), row.text(2), row.integer(3).value_or(0), row.integer(4).value_or(0),
                        row.text(5), row.text(6)};
      }));
  return out;
}

Result<void> keep_reply(Database& database, const KeptReply& reply) {
  TRY(database.run("DELETE FROM idempotent_reply WHERE time <= ?", {reply.time - kRepliesKept.count()}));
  return database.run(
      "INSERT INTO idempotent_reply (caller, idempotency_key, request, time, status, location, body) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {reply.caller, reply.idempotency_key, reply.request, reply.time, reply.status, reply.location, reply.body});
}

}  // namespace tessera::store
