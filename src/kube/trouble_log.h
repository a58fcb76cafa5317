#pragma once
// Which of the failures of something that is tried again and again are worth a line on the log. Thread contract: one
// thread.
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.h"

namespace tessera::kube {

/// Each change is told, not each try, and at most one a minute: what still fails then is told then.
class TroubleLog {
 public:
  /// It failed once more, for this reason: whether to tell. Numbers alone (times, ports) make no other reason.
  bool failed(std::string_view why, SteadyTime now);
  /// It works: whether to tell, because a failure was told.
  bool works();

 private:
  std::string told_;  ///< the reason, without digits; empty: none, or it is over
  std::optional<SteadyTime> when_;
};

}  // namespace tessera::kube
