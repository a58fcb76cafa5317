#pragma once
// The API keys in memory: read from the database as a whole, and never changed after.
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/access/viewer.h"
#include "store/keys.h"

namespace tessera::server {

struct HeldKey {
  store::KeyRow row;
  std::shared_ptr<const Viewer> viewer;
  std::shared_ptr<std::atomic<EpochMs>> used;  ///< the last time; the next keyring goes on with it
};

class Keyring {
 public:
  Keyring() = default;
  /// `before` may be null.
  Keyring(std::vector<store::KeyRow> rows, const Teams& teams, const Keyring* before);

  enum class Verdict : std::uint8_t { Good, Unknown, Expired, Revoked };
  struct Found {
    Verdict verdict = Verdict::Unknown;
    const HeldKey* key = nullptr;  ///< of Good
  };
  /// Takes the same time for a wrong secret of a known key as for a right one.
  Found find(std::string_view secret, EpochMs now) const;

  const HeldKey* of_id(const std::string& id) const;
  const std::vector<HeldKey>& all() const { return keys_; }  ///< in the order in which they were made
  bool empty() const { return keys_.empty(); }

 private:
  std::vector<HeldKey> keys_;
  std::unordered_map<std::string, std::size_t> by_id_;
};

/// Invalid for a name of a scope that is not known: a later version has made the key.
Result<Scopes> scopes_of(const std::vector<std::string>& names);

}  // namespace tessera::server
