#pragma once
// Usage in pieces by time, where the database has partitioned tables: made ahead, and dropped whole when all that is in
// one is older than it is kept. See migrations/0002_usage.postgres.sql.
#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/usage.h"

namespace tessera::store {

class Partitions {
 public:
  explicit Partitions(UsageRetention retention) : retention_(retention) {}

  /// Within a transaction, before rows of `now` are written: all that may come has a place, from what is kept longest
  /// up to the next piece of time. Looks once a day.
  Result<void> prepare(Database& database, EpochMs now);

  /// After that transaction was rolled back.
  void forget() { prepared_.reset(); }

  Result<void> drop_old(Database& database, EpochMs now) const;

 private:
  const UsageRetention retention_;
  std::optional<EpochMs> prepared_;  ///< the day
};

/// A piece of time, in milliseconds: [begin, end), and what its partition's name ends in.
struct Piece {
  EpochMs begin = 0;
  EpochMs end = 0;
  std::string suffix;  ///< "_p202611" for a month, "_p20261128" for a day
  bool operator==(const Piece&) const = default;
};
Piece piece_at(EpochMs time, bool by_day);
/// Of a partition's name; nothing where it is none.
std::optional<Piece> piece_named(std::string_view partition);

}  // namespace tessera::store
