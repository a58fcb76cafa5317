#pragma once
// One watch: the changes after a version as lines, with bookmarks and the faults that were ordered.
#include <atomic>
#include <map>
#include <string>

#include "base/duration.h"
#include "tests/kube_stub/faults.h"
#include "tests/kube_stub/paths.h"
#include "tests/kube_stub/store.h"

namespace tessera::kube_stub {

struct WatchRequest {
  Target target{};
  std::map<std::string, std::string> query{};
  Milliseconds bookmark_every{10'000};
};

/// An answer that refuses the watch before it begins; none: serve_watch may.
std::optional<Answer> refuse_watch(const WatchRequest& request, const Store& store);

/// Serves until its time is over, the peer leaves, `stop` is set, or a fault ends it. Whether the connection may go on.
bool serve_watch(int fd, const WatchRequest& request, const Store& store, Faults& faults,
                 const std::atomic<bool>& stop);

}  // namespace tessera::kube_stub
