#pragma once
// Inside the room: the watches and the thread that reconciles what they tell, for one version of the cluster's API;
// begun anew where the cluster has another version.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kube/api.h"
#include "kube/watch.h"
#include "operator/counts.h"

namespace tessera::operate {

struct ControllerParts {
  kube::ApiServer server;
  Counts& counts;
  std::function<bool()> may_write;  ///< asked before each write
};

class Controller {
 public:
  explicit Controller(ControllerParts parts);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  /// What the destructor does begins now: calls under way are cut.
  void request_stop();
  /// Whether we may write has changed.
  void poke();
  std::map<std::string, kube::WatchStats> watches() const;
  /// Why it is not known yet what there is; nullopt: it is.
  std::optional<std::string> unready() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::operate
