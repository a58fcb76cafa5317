#pragma once
// What the free room of a MIG device is worth to the requests that are to come: for each kind of them, the memory
// slices that could be handed out to its like alone, weighted by how often it is asked for. So a place that leaves a
// gap which nobody fits costs more than its size, and one that fills such a gap hardly anything.
#include <map>
#include <memory>
#include <vector>

#include "fleet/decision/policy.h"

namespace tessera::fleet::decision {

/// Not for several threads.
class RoomValue {
 public:
  /// kUnasked of the weight is every size's alike, for what is seldom asked for is the first that has no room. All of
  /// it where `mix` is empty, or where no profile serves any of it.
  RoomValue(std::shared_ptr<const std::vector<gpu::Profile>> profiles, const Mix& mix);

  /// Thousandths of the device that typical requests can use less where `placed` is taken beside `taken`.
  double lost_milli(const gpu::Layout& taken, gpu::Placed placed);

 private:
  struct Kind {
    std::vector<const gpu::Profile*> profiles;  ///< that serve it
    double weight = 0;                          ///< over all kinds: 1
  };
  void expect(const Need& need, double weight);
  double usable_slices(const gpu::Layout& layout);

  std::shared_ptr<const std::vector<gpu::Profile>> profiles_;
  unsigned axis_ = 0;
  std::vector<Kind> kinds_;
  std::map<gpu::Layout, double> usable_;  ///< some hundred layouts, a few thousand where profiles have variants
};

}  // namespace tessera::fleet::decision
