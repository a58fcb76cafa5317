#include "nvml/calls.h"

#include "base/log.h"
#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

constexpr std::string_view kNames[] = {
#define TESSERA_NVML_CALL(name) #name,
    TESSERA_NVML_CALLS(TESSERA_NVML_CALL)
#undef TESSERA_NVML_CALL
};

constexpr std::chrono::minutes kAskAgainAfter{10};

/// An instance's handle dies with it, which the driver tells in three ways.
bool is_stale(abi::Return code) {
  return code == abi::kInvalidArgument || code == abi::kNotFound || code == abi::kGpuIsLost;
}

/// "Nothing now", which is no trouble.
bool is_no_sample(abi::Return code) {
  return code == abi::kNotFound || code == abi::kNoData || code == abi::kNotReady || code == abi::kTimeout;
}

}  // namespace

void CallMemory::remember_absent(Call call, SteadyTime now) { ask_again_[index(call)] = now + kAskAgainAfter; }

void CallMemory::log_once(Call call, const std::string& answer) {
  if (logged_.test(index(call))) return;
  logged_.set(index(call));
  log::info("the driver refuses a reading",
            {{"subject", subject_}, {"call", std::string(kNames[index(call)])}, {"answer", answer}});
}

bool Asking::may_ask(Call call, bool exported) const {
  return exported && broken_ == abi::kSuccess && !memory_.absent(call, now);
}

bool Asking::note(Call call, abi::Return code) {
  if (code == abi::kSuccess) return true;
  const bool stale = kind_ == Handle::Instance && is_stale(code);
  if (is_lost(code) || stale || code == abi::kUninitialized) {
    broken_ = code;
  } else if (is_absent(code) || code == abi::kInvalidArgument) {
    memory_.remember_absent(call, now);
  } else if (code == abi::kNoPermission) {
    memory_.remember_absent(call, now);
    memory_.log_once(call, describe(api, code));
  } else if (!is_no_sample(code)) {
    memory_.log_once(call, describe(api, code));
  }
  return false;
}

}  // namespace tessera::nvml
