#include "kube/trouble_log.h"

#include <utility>

namespace tessera::kube {
namespace {
constexpr Milliseconds kTellEvery{60'000};
}

bool TroubleLog::failed(std::string_view why, SteadyTime now) {
  std::string reason(why);
  std::erase_if(reason, [](char c) { return c >= '0' && c <= '9'; });
  if (reason == told_ || (when_ && now - *when_ < kTellEvery)) return false;
  told_ = std::move(reason);
  when_ = now;
  return true;
}

bool TroubleLog::works() { return !std::exchange(told_, {}).empty(); }

}  // namespace tessera::kube
