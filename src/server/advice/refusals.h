#pragma once
// Pods that a quota refused: they are never made, and who would have made them tells of it in an event.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "kube/watch.h"

namespace tessera::server {

/// What one who makes pods was refused last.
struct QuotaRefusal {
  std::string space;     ///< namespace
  std::string maker;     ///< "ReplicaSet/chat-6d4"
  std::string quota;     ///< by its name
  std::string resource;  ///< as pods ask for it: "nvidia.com/gpu"
  std::int64_t requested = 0;
  std::int64_t limited = 0;  ///< what the quota was then
  EpochMs at = 0;
  bool operator==(const QuotaRefusal&) const = default;
};

/// Of an event of the API; absent where it tells of anything else, and where the quota has too little of something else
/// too: more GPUs would not let such a pod in.
std::optional<QuotaRefusal> read_refusal(std::string_view json);

/// How long somebody who was refused counts as one who still would be: controllers try again within 1000 s.
inline constexpr Milliseconds kRefusalStands{std::chrono::minutes(20)};

/// The events of the cluster that the server runs in. Thread-safe.
class RefusalWatch {
 public:
  explicit RefusalWatch(kube::ApiServer server);
  ~RefusalWatch();
  RefusalWatch(const RefusalWatch&) = delete;
  RefusalWatch& operator=(const RefusalWatch&) = delete;

  /// One of each maker; absent while nobody tells of them.
  std::optional<std::vector<QuotaRefusal>> standing(EpochMs now) const;

 private:
  void take(const kube::Event& event);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, QuotaRefusal> last_;  // guarded by mutex_; by namespace and maker
  std::unique_ptr<kube::Watch> watch_;                                ///< last: it ends before the rest goes
};

}  // namespace tessera::server
