#pragma once
// The fleet as the leader sees it, for servers that follow; and what they hand to the leader.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/serving/serving.h"
#include "store/database.h"

namespace tessera::store {

/// What the leader tells. Neither is null.
struct Live {
  std::shared_ptr<const fleet::View> view;
  std::shared_ptr<const fleet::ServingView> serving;
};

using LiveKey = std::pair<std::string, std::string>;  ///< cluster and name
template <class T>
using LiveRows = std::map<LiveKey, std::shared_ptr<const T>>;

/// The leader's side: writes what has changed between two views. Views share what has not changed, so that a change of
/// one node or engine costs one row.
class LiveWriter {
 public:
  /// `epoch` of the lease: what an earlier leader has written is older than all of this one's.
  LiveWriter(Database& database, std::int64_t epoch);

  /// In one transaction. After an error all is as before it, and the next call writes what this one could not.
  Result<void> write(const Live& live);

 private:
  Result<void> take_up();
  Database& database_;
  std::int64_t version_;
  bool first_ = true;
  // Null: an earlier leader's row.
  LiveRows<fleet::Node> nodes_;
  LiveRows<fleet::Served> engines_;
};

/// The follower's side.
class LiveReader {
 public:
  explicit LiveReader(Database& database) : database_(database) {}

  /// The newest; nothing where it is that of the last call.
  Result<std::optional<Live>> read();
  /// Of the leader who told it; 0 before the first.
  std::int64_t epoch() const;

 private:
  Database& database_;
  std::int64_t version_ = 0;
  LiveRows<fleet::Node> nodes_;
  LiveRows<fleet::Served> engines_;
};

/// A record of the journal of a server that does not lead any more.
struct HandedOver {
  std::string journal;
  std::uint64_t sequence = 0;
  std::uint8_t kind = 0;
  std::string body;
  EpochMs arrived = 0;   ///< when that server had accepted it
  bool counted = false;  ///< it is in usage already, and tells only what had not ended
  bool last = false;     ///< the journal has no more, until its server leads again
};

/// How far a journal whose server does not lead was worked off.
struct Position {
  std::uint64_t counted = 0;  ///< up to and with this record
  EpochMs counted_at = 0;     ///< the clock at the last commit of its own server
};
/// Nothing where it has never led, or leads now.
Result<std::optional<Position>> position_of(Database& database, const std::string& journal);

Result<void> hand_over(Database& database, const HandedOver& record);
/// Of the server that leads, and led before another one: what is handed over of its journal has this name from now on,
/// and its position of then; the journal goes on behind `sequence`, where that is given. In a transaction.
Result<void> set_aside(Database& database, const std::string& journal, const std::string& name,
                       std::optional<std::uint64_t> sequence);
/// Of the bodies of all that are there.
Result<std::uint64_t> handed_over_bytes(Database& database);
/// The first `most` behind those that are known of each journal, in the order of journal and sequence.
Result<std::vector<HandedOver>> handed_over(Database& database, const std::map<std::string, std::uint64_t>& known,
                                            std::size_t most);

}  // namespace tessera::store
