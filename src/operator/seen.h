#pragma once
// Inside the room: what the watches have told, the newest of each object. Written by the watches' threads, read by the
// one that reconciles.
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "base/duration.h"
#include "kube/watch.h"
#include "operator/sources.h"

namespace tessera::operate {

class Seen {
 public:
  using Object = std::shared_ptr<const nlohmann::ordered_json>;
  using Objects = std::map<std::string, Object>;    ///< by "namespace/name", or "name"
  using Snapshot = std::map<std::string, Objects>;  ///< by Source::called; one that has not been read yet is not in it

  /// What a watch of this source tells. What cannot be read is logged and left out.
  void note(const Source& source, const kube::Event& event);
  Snapshot snapshot() const;

  /// Wakes who waits.
  void poke();
  /// Waits until something has changed since the last call, for `until`, or for a stop.
  void wait(SteadyTime until, const std::stop_token& stop);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Objects> objects_;  // all guarded by mutex_
  std::map<std::string, bool> synced_;
  bool news_ = false;
};

}  // namespace tessera::operate
