#pragma once
// Inside the room: the watches of all sources, each on a thread of its own.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kube/watch.h"
#include "operator/seen.h"

namespace tessera::operate {

class Watches {
 public:
  /// `seen` outlives it.
  Watches(const kube::ApiServer& server, const Facts& facts, Seen& seen);

  /// By kind.
  std::map<std::string, kube::WatchStats> stats() const;

 private:
  const std::vector<Source> sources_;
  std::vector<std::unique_ptr<kube::Watch>> watches_;  // of sources_, in this order
};

}  // namespace tessera::operate
