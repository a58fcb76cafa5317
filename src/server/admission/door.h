#pragma once
// The server's second listener, for the cluster's API server and scheduler alone: TLS, and nothing but the webhook and
// the extender. Nobody is asked who he is there, unless `client_ca` is given.
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/admission/counts.h"
#include "server/allocations.h"
#include "server/keeper.h"
#include "server/leadership.h"

namespace tessera::server {

struct DoorOptions {
  std::string address;
  std::string certificate, key;  ///< files, read again when they change
  std::string client_ca{};       ///< file; empty: clients present no certificate
  std::string cluster;           ///< which of the fleet's clusters asks
  bool extender = false;         ///< serve schedulers too
  Milliseconds check_files_every{2'000};
  Milliseconds open_every{2'000};  ///< a door that cannot be opened is tried again
};

/// What is given outlives it.
struct Behind {
  const Latest<Published>& fleet;
  Allocations& allocations;
  const Leadership& leadership;
  AdmissionCounts& counts;
};

Result<std::unique_ptr<http::Server>> open_door(const DoorOptions& options, const Behind& behind);

std::vector<http::Route> door_routes(const DoorOptions& options, const Behind& behind);

/// The door of a server that goes on without: while its files are missing or its address is taken, it is tried again,
/// and the log says why.
class Door {
 public:
  /// `bound`: where it listened; read it after the door's end.
  Door(DoorOptions options, const Behind& behind, std::string& bound);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  std::string address() const;  ///< empty: it is not open yet

 private:
  bool open();

  const DoorOptions options_;
  const Behind behind_;
  std::string& bound_;
  std::string trouble_;  ///< said last
  mutable std::mutex mutex_;
  std::unique_ptr<http::Server> server_;  // guarded by mutex_
  std::jthread thread_;                   ///< last: it uses all of the above
};

}  // namespace tessera::server
