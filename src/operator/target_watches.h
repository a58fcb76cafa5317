#pragma once
// Inside the room: how many pods each target of the resource selects. The API server does the selecting: one watch a
// target, which tells of its pods alone. Thread contract: set() and matches() of one thread.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kube/api.h"
#include "operator/conditions.h"
#include "operator/spec.h"

namespace tessera::operate {

class TargetWatches {
 public:
  /// `tell` is called when a target has its first pod, loses its last one, or is known.
  TargetWatches(kube::ApiServer server, std::function<void()> tell);
  ~TargetWatches();
  TargetWatches(const TargetWatches&) = delete;
  TargetWatches& operator=(const TargetWatches&) = delete;

  /// Watches what this resource's targets select, and nothing else any more.
  void set(const Spec& spec);
  std::vector<TargetMatch> matches() const;

 private:
  class One;
  const kube::ApiServer server_;
  const std::function<void()> tell_;
  std::map<std::string, std::unique_ptr<One>> watches_;       // by what is selected
  std::vector<std::pair<std::string, std::string>> targets_;  // name, what is selected
};

}  // namespace tessera::operate
