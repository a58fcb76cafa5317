#pragma once
// From how a device is cut to how it shall be cut: what can be done now, in which order, and what has to wait for what.
// Pure, and without memory: whatever a crash, a reboot or somebody else left behind, the plan starts from what stands.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/layout/document.h"
#include "agent/layout/state.h"

namespace tessera::agent::layout {

enum class Action { Destroy, Create, Mode };
enum class StepState { Planned, Done, Waiting, Failed };

struct Step {
  Action action = Action::Create;
  Place place{};              ///< of Destroy and Create
  std::optional<bool> mig{};  ///< of Mode: the mode to come
  StepState state = StepState::Planned;
  std::string reason{};  ///< of Waiting and Failed
  bool operator==(const Step&) const = default;
};
/// "create 1g.10gb at 0:1", "turn MIG mode on".
std::string text_of(const Step& step);

enum class Progress { Done, Working, Waiting, Failed, DryRun, HandsOff };
/// As reports name them: "done", "hands-off".
std::string_view name_of(Progress progress);
std::string_view name_of(Action action);
std::string_view name_of(StepState state);

struct Plan {
  Progress progress = Progress::Done;
  std::string reason{};       ///< one sentence unless Done or Working
  std::vector<Step> steps{};  ///< what is left to do: first what can be done now, in order, then what waits
  bool operator==(const Plan&) const = default;
};

/// Working while a step can be taken now, the first of `steps`; Done where all stands as wanted. Waiting says what for:
/// somebody uses what has to go, or the device needs a reset, which is never done here. HandsOff where an instance
/// stands that is neither wanted nor was there when the layout was planned: somebody else changes this device.
///
/// A step destroys only what nobody holds and nobody wants, creates only where there is room, and switches the mode
/// only of an empty device. It touches nothing else.
Plan plan(const DeviceState& device, const WantedDevice& wanted);

/// The device as it is after a step, as far as the step says: what instances of tests and dry runs go by.
void apply(DeviceState& device, const Step& step);

}  // namespace tessera::agent::layout
