#pragma once
// The choice of the one replica that writes, by a Lease in the operator's own namespace.
#include <functional>
#include <memory>
#include <string>

#include "base/duration.h"
#include "kube/api.h"

namespace tessera::operate {

struct LeaderSettings {
  kube::ApiServer server;
  std::string space;  ///< namespace of the lease
  std::string name = "tessera-operator";
  std::string holder;  ///< this process, told from every other
  Milliseconds duration{15'000};
};

class Leader {
 public:
  /// `tell` is called on a thread of this when we begin to lead and when we cease to.
  Leader(LeaderSettings settings, std::function<void()> tell);
  /// Gives the lease back, so that another leads at once; after at most a few seconds.
  ~Leader();
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  /// Whether we may write now: the lease was renewed, and so lately that nobody else can have taken it.
  bool leads() const;
  std::string holder() const;  ///< who has the lease, as far as is known

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::operate
