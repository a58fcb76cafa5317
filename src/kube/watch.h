#pragma once
// One resource of the API server, listed and then watched for as long as the Watch lives, through every way in which
// servers, tokens and connections fail. Each change is told once.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/duration.h"
#include "kube/api.h"

namespace tessera::kube {

struct Event {
  enum class Type {
    Added,
    Modified,
    Deleted,
    Synced  ///< a list is complete: from the first on, what was told is all there is
  };
  Type type = Type::Synced;
  std::string key;  ///< "namespace/name", or "name" where the resource has no namespaces
  std::string uid;
  std::string json;  ///< the object; empty for Synced, and for a deletion that was only noticed by a list
};

struct WatchOptions {
  std::string path{};  ///< "/api/v1/pods", "/api/v1/namespaces/a/pods"
  std::string label_selector{}, field_selector{};
  unsigned page = 500;
  Milliseconds least_timeout{300'000}, most_timeout{600'000};  ///< the server ends a watch after a random time between
  Milliseconds stall_grace{30'000};  ///< how long after that time a silent connection counts as dead
  Milliseconds first_backoff{800}, most_backoff{30'000};
  Milliseconds good_after{120'000};  ///< without a failure: the next one backs off shortly again
  std::size_t max_line_bytes = 8U << 20U;
};

struct WatchStats {
  std::uint64_t lists = 0;    ///< complete
  std::uint64_t watches = 0;  ///< opened
  std::uint64_t events = 0;   ///< lines of watches, without bookmarks
  std::uint64_t bookmarks = 0;
  std::map<std::string, std::uint64_t> errors{};  ///< by kind: "expired", "unreachable", "cut", "denied", "not_found",
                                                  ///< "throttled", "garbage", "refused", "too_short", "unusable"
  std::size_t objects = 0;
  bool connected = false;  ///< a watch is open
  bool synced = false;     ///< a list has been complete once
  std::optional<EpochMs> last_event{};
  std::string last_error{};  ///< stays until the next watch opens
};

class Watch {
 public:
  /// `tell` is called on the watch's own thread; what it blocks, the watch waits for.
  Watch(ApiServer server, WatchOptions options, std::function<void(const Event&)> tell);
  ~Watch();  ///< cuts what runs, and waits for a running `tell`
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  WatchStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::kube
