#pragma once
// The wanted layout as the server sends it. Contract: docs/mig-layout.md.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/layout/state.h"
#include "base/result.h"

namespace tessera::agent::layout {

struct WantedDevice {
  std::string uuid;
  std::uint64_t generation = 0;       ///< of this device's wish; at most the document's
  std::vector<Place> planned_from{};  ///< what stood when it was planned, sorted
  std::optional<bool> mig{};          ///< the wanted mode; absent: left as it is
  std::vector<Place> instances{};     ///< what shall stand, sorted; empty where `mig` is false
  bool operator==(const WantedDevice&) const = default;
};

struct Document {
  std::string cluster;
  std::string node;
  std::uint64_t generation = 0;
  std::uint64_t epoch = 0;  ///< of the leader that wrote it
  EpochMs issued_at = 0;
  EpochMs expires_at = 0;
  std::vector<WantedDevice> devices{};  ///< each UUID once
  bool operator==(const Document&) const = default;
};

/// Invalid with the path of what is missing or wrong, also for a document without expiry. Members that this version
/// does not know are passed over, so that later servers can say more.
Result<Document> parse_document(std::string_view json);

}  // namespace tessera::agent::layout
