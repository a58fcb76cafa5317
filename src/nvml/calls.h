#pragma once
// Asking the driver about one handle: what it has not is remembered and not asked for at every collection.
#include <array>
#include <bitset>
#include <cstdint>
#include <string>

#include "base/duration.h"
#include "nvml/api.h"

namespace tessera::nvml {

/// What is asked for, as far as it can be absent on a board or a driver.
#define TESSERA_NVML_CALLS(X)  \
  X(SmClock)                   \
  X(MemoryClock)               \
  X(VideoClock)                \
  X(Power)                     \
  X(PowerLimit)                \
  X(Energy)                    \
  X(PerformanceState)          \
  X(TemperatureV)              \
  X(Temperature)               \
  X(SlowdownTemperature)       \
  X(Fan)                       \
  X(Utilization)               \
  X(Encoder)                   \
  X(Decoder)                   \
  X(PcieReplay)                \
  X(PcieGeneration)            \
  X(PcieWidth)                 \
  X(ClocksReasons)             \
  X(SupportedClocksReasons)    \
  X(MemoryV2)                  \
  X(Memory)                    \
  X(FieldValues)               \
  X(MigMode)                   \
  X(MigSlots)                  \
  X(ComputeMode)               \
  X(PersistenceMode)           \
  X(ComputeProcesses)          \
  X(GraphicsProcesses)         \
  X(MpsProcesses)              \
  X(ProcessUtilization)        \
  X(GpmSample)                 \
  X(GpuInstance)               \
  X(InstanceMemoryV2)          \
  X(InstanceMemory)            \
  X(InstanceComputeProcesses)  \
  X(InstanceGraphicsProcesses) \
  X(InstanceMpsProcesses)      \
  X(InstanceGpmSample)

enum class Call : std::uint8_t {
#define TESSERA_NVML_CALL(name) name,
  TESSERA_NVML_CALLS(TESSERA_NVML_CALL)
#undef TESSERA_NVML_CALL
      kCount
};

/// Which calls one device has answered with "never" or "not for you". They are asked again after ten minutes, because a
/// driver or a mode can change, and at once after forget().
class CallMemory {
 public:
  explicit CallMemory(std::string subject) : subject_(std::move(subject)) {}

  bool absent(Call call, SteadyTime now) const { return now < ask_again_[index(call)]; }
  void remember_absent(Call call, SteadyTime now);
  void forget() { ask_again_.fill({}); }

  /// Says once per call that the driver refused it for want of rights, or answered with a code nobody expects.
  void log_once(Call call, const std::string& answer);

 private:
  static constexpr std::size_t kCalls = static_cast<std::size_t>(Call::kCount);
  static constexpr std::size_t index(Call call) { return static_cast<std::size_t>(call); }
  std::string subject_;  // "GPU 3", for the log
  std::array<SteadyTime, kCalls> ask_again_{};
  std::bitset<kCalls> logged_;
};

/// One handle during one collection. Once it is broken, nothing more is asked.
class Asking {
 public:
  enum class Handle { Device, Instance };
  using Clock = SteadyTime (*)();
  Asking(const Api& functions, abi::Device device, Handle kind, CallMemory& memory, Clock steady_clock)
      : api(functions), handle(device), now(steady_clock()), clock(steady_clock), kind_(kind), memory_(memory) {}

  /// Calls `function(handle, arguments...)`; true if it answered. A null function is an absent one.
  template <class... Parameters, class... Arguments>
  bool ask(Call call, abi::Return (*function)(abi::Device, Parameters...), Arguments... arguments) {
    return may_ask(call, function != nullptr) && note(call, function(handle, arguments...));
  }

  bool may_ask(Call call, bool exported) const;
  /// Draws the conclusions from a return code; true if it is a success.
  bool note(Call call, abi::Return code);

  /// The answer that ended this: the device is lost, or the instance does not exist any more. kSuccess if none.
  abi::Return broken() const { return broken_; }

  const Api& api;
  const abi::Device handle;
  const SteadyTime now;  ///< when this began
  const Clock clock;     ///< for what must know when exactly the driver answered

 private:
  Handle kind_;
  CallMemory& memory_;
  abi::Return broken_ = abi::kSuccess;
};

}  // namespace tessera::nvml
