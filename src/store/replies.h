#pragma once
// What was answered to requests that carried an Idempotency-Key, so that the same request again is answered alike and
// done once.
#include <optional>
#include <string>

#include "base/duration.h"
#include "store/database.h"

namespace tessera::store {

inline constexpr Milliseconds kRepliesKept{24 * 3'600'000};

struct KeptReply {
  std::string caller;
  std::string idempotency_key;
  std::string request;  ///< a hash of method, path and body: the key of another request is a mistake
  EpochMs time = 0;
  std::int64_t status = 0;
  std::string location;
  std::string body;  ///< without secrets
};

/// Nothing for one that is older than kRepliesKept at `now`.
Result<std::optional<KeptReply>> kept_reply(Database& database, const std::string& caller,
                                            const std::string& idempotency_key, EpochMs now);
/// Drops those that are too old, too.
Result<void> keep_reply(Database& database, const KeptReply& reply);

}  // namespace tessera::store
