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
  bool last = false;  ///< the journal has no more, until its server leads again
};

/// Of a journal whose server does not lead: up to here its records were worked off. Nothing where it has never led, or
/// leads now.
Result<std::optional<std::uint64_t>> position_of(Database& database, const std::string& journal);

Result<void> hand_over(Database& database, const HandedOver& record);
Result<std::uint64_t> handed_over_count(Database& database);
Result<std::vector<HandedOver>> handed_over(Database& database, std::size_t most);
Result<void> drop_handed_over(Database& database, const std::vector<HandedOver>& records);

}  // namespace tessera::store
