#pragma once
// Inside the room: what the operator counts of itself, for /metrics. Thread-safe.
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/duration.h"

namespace tessera::operate {

struct Totals {
  std::map<std::pair<std::string, int>, std::uint64_t> calls{};  ///< by method and HTTP status; 0: no reply
  std::map<std::string, std::uint64_t> reconciles{};             ///< by "good", "failed"
  double reconcile_seconds = 0;
  std::map<std::string, std::uint64_t> writes{};    ///< by "create", "apply", "repair", "delete", "status", "event"
  std::map<std::string, std::uint64_t> refused{};   ///< writes that were not taken, by reason of the API server
  std::uint64_t waiting = 0;                        ///< objects that are to be written and are not yet
  std::uint64_t fought = 0;                         ///< objects that somebody else changes again and again
  std::map<std::string, std::string> conditions{};  ///< status by type
  std::optional<EpochMs> certificate_expiry{};      ///< of the webhook's; nullopt: there is none
};

class Counts {
 public:
  void note_call(const std::string& method, int status) {
    change([&](Totals& totals) { ++totals.calls[{method, status}]; });
  }
  template <class Change>
  void change(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(totals_);
  }
  Totals totals() const {
    const std::lock_guard lock(mutex_);
    return totals_;
  }
  /// The reconciling thread has turned.
  void note_turn() {
    change([this](Totals&) { turned_ = std::chrono::steady_clock::now(); });
  }
  SteadyTime last_turn() const {
    const std::lock_guard lock(mutex_);
    return turned_;
  }

 private:
  mutable std::mutex mutex_;
  Totals totals_;                                         // guarded by mutex_
  SteadyTime turned_ = std::chrono::steady_clock::now();  // guarded by mutex_
};

}  // namespace tessera::operate
