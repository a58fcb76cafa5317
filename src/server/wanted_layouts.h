#pragma once
// What devices are to be cut into, between who asks for it and the agents that carry it out. A node's agent asks what
// is wanted of its devices and waits, without a thread, until something else is; what it tells of how far it has come
// is kept here until it tells more.
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "http/server.h"
#include "store/wanted_layouts.h"

namespace tessera::server {

/// How long a document is good for: an agent that cannot ask again keeps its hands off from then on.
inline constexpr Milliseconds kLayoutLifetime{10 * 60'000};

/// What an agent told of one device, as docs/mig-layout.md has it.
struct LayoutReport {
  std::string device_uuid;
  std::int64_t generation = 0;
  std::string state;         ///< "done", "working", "waiting", "failed", "dry-run", "hands-off"
  std::string reason{};      ///< empty: none
  std::string steps = "[]";  ///< JSON
  EpochMs time = 0;          ///< when it was told
};

/// Thread-safe.
class WantedLayouts {
 public:
  /// `epoch`: of the lease of this server; 0 where it has no other beside it. `known` and the last generation that was
  /// given, be it of a wish that was taken back: of the database.
  WantedLayouts(std::int64_t epoch, std::vector<store::WantedLayout> known, std::int64_t last_generation = 0);
  ~WantedLayouts();
  WantedLayouts(const WantedLayouts&) = delete;
  WantedLayouts& operator=(const WantedLayouts&) = delete;

  /// Who changes what is wanted holds this from before it is in the database until it is told here, so that both change
  /// in one order.
  std::mutex& changing() { return changing_; }

  /// It is in the database: from now on it is told to its node, unless a newer one is already.
  void want(store::WantedLayout layout);
  /// Nothing is wanted of the device any longer.
  void forget(std::string_view cluster, std::string_view device_uuid);

  std::optional<store::WantedLayout> of(std::string_view cluster, std::string_view device_uuid) const;
  /// Likewise by UUID, in any cluster where none is named: a device may have left the view.
  std::optional<store::WantedLayout> of_device(std::string_view uuid, const std::optional<std::string>& cluster) const;
  std::optional<LayoutReport> report_of(std::string_view cluster, std::string_view device_uuid) const;

  /// The reply to a node: at once where it has not reported the end of each wish, else when there is a newer one, or
  /// after `wait`. A document in JSON; empty where nothing is wanted of the node, and 204 where that is known at once.
  http::Response ask(const std::string& cluster, const std::string& node, std::vector<LayoutReport> reports,
                     Milliseconds wait);

 private:
  using Key = std::pair<std::string, std::string>;  ///< cluster, and device or node
  struct Waiting {
    Key node;
    SteadyTime until;
    std::shared_ptr<http::Stream> reply;
  };

  void make_room(const Key& node);
  std::string document(const Key& node) const;
  bool is_news(const Key& node) const;
  void answer(const Key& node);
  void answer_late(const std::stop_token& stop);

  std::mutex changing_;
  const std::int64_t epoch_;
  mutable std::mutex mutex_;
  std::map<Key, store::WantedLayout> wanted_;  // guarded by mutex_
  std::int64_t generation_;                    // guarded by mutex_: of documents, which never goes back
  std::map<Key, LayoutReport> reports_;        // guarded by mutex_: of devices of which something is wanted
  std::vector<Waiting> waiting_;               // guarded by mutex_
  std::uint64_t asked_ = 0;                    // guarded by mutex_: that began to wait
  std::condition_variable_any changed_;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace tessera::server
