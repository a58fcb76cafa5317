#include "agent/layout/plan.h"

#include <algorithm>

#include "agent/layout/acceptance.h"
#include "gpu/geometry.h"

namespace tessera::agent::layout {
namespace {

bool contains(const std::vector<Place>& places, const Place& place) { return std::ranges::count(places, place) > 0; }

const Standing* standing_at(const DeviceState& device, const Place& place) {
  const auto found = std::ranges::find(device.instances, place, &Standing::place);
  return found == device.instances.end() ? nullptr : &*found;
}

/// A GPU instance without a compute instance is of no use to anybody yet: creating it is not finished.
bool stands(const DeviceState& device, const Place& place) {
  const Standing* standing = standing_at(device, place);
  return standing && !standing->compute_instances.empty();
}

bool fits(const DeviceState& device, const Place& place) {
  if (standing_at(device, place)) return true;  // only its compute instance is missing
  const auto profile = std::ranges::find(device.profiles, place.profile, &gpu::Profile::name);
  if (profile == device.profiles.end()) return false;
  gpu::Layout taken;
  for (const Standing& other : device.instances) {
    const auto of_other = std::ranges::find(device.profiles, other.place.profile, &gpu::Profile::name);
    if (of_other == device.profiles.end()) return false;
    taken.push_back({of_other->id, other.place.placement});
  }
  return gpu::fits(device.profiles, taken, *profile, place.placement);
}

bool idle(const DeviceState& device, const Standing& standing) {
  return standing.held_by == HeldBy::Nobody && !device.busy && device.holders_unknown.empty();
}

bool mode_wanted(const DeviceState& device, const WantedDevice& wanted) {
  return wanted.mig && device.mig && *wanted.mig != *device.mig;
}

std::string holder_of(const Standing& standing) {
  const std::string who = standing.holder.empty() ? "" : " " + standing.holder;
  return standing.held_by == HeldBy::Pod ? fmt::format("the pod{} holds it, without a process", who)
                                         : fmt::format("a process{} runs in it", who.empty() ? "" : " of" + who);
}

std::string why_not_idle(const DeviceState& device, const Standing& standing) {
  if (!device.holders_unknown.empty()) return device.holders_unknown;
  if (standing.held_by != HeldBy::Nobody) return holder_of(standing);
  return "a process or a pod uses the device as a whole";
}

/// What keeps the mode from being switched; empty if nothing.
std::string why_mode_stays(const DeviceState& device) {
  const std::string_view wanted = *device.mig ? "off" : "on";
  if (device.mode_needs_reset && device.pending == !*device.mig)
    return fmt::format(
        "MIG mode {0} is set and begins with a reset of the device, which is never done here: drain the node, "
        "`nvidia-smi -i {1} --gpu-reset`, or reboot",
        wanted, device.uuid);
  if (device.mode_needs_reset)
    return fmt::format(
        "turning MIG mode {0} resets a device of this generation, which is never done here: drain the node, "
        "`nvidia-smi -i {1} -mig {2}`, `nvidia-smi -i {1} --gpu-reset`, or reboot",
        wanted, device.uuid, *device.mig ? 0 : 1);
  if (!device.holders_unknown.empty()) return device.holders_unknown;
  if (device.busy)
    return fmt::format("a process or a pod uses the device; its MIG mode is turned {} once it is empty", wanted);
  if (!device.instances.empty()) return fmt::format("MIG mode is turned {} once no instance stands", wanted);
  return {};
}

std::optional<Step> next(const DeviceState& device, const WantedDevice& wanted) {
  if (mode_wanted(device, wanted) && why_mode_stays(device).empty())
    return Step{.action = Action::Mode, .mig = wanted.mig};
  if (device.mig == true && wanted.mig != false)
    for (const Place& place : wanted.instances)
      if (!stands(device, place) && fits(device, place)) return Step{.action = Action::Create, .place = place};
  for (const Standing& standing : device.instances)
    if (!contains(wanted.instances, standing.place) && idle(device, standing))
      return Step{.action = Action::Destroy, .place = standing.place};
  return std::nullopt;
}

/// What is left when nothing more can be done, with what each waits for.
std::vector<Step> waiting(const DeviceState& device, const WantedDevice& wanted) {
  std::vector<Step> out;
  for (const Standing& standing : device.instances)
    if (!contains(wanted.instances, standing.place))
      out.push_back({Action::Destroy, standing.place, {}, StepState::Waiting, why_not_idle(device, standing)});
  if (mode_wanted(device, wanted))
    out.push_back({Action::Mode, {}, wanted.mig, StepState::Waiting, why_mode_stays(device)});
  for (const Place& place : wanted.instances) {
    if (stands(device, place)) continue;
    std::string reason = "what stands leaves no room for it yet";
    if (device.mig == false)
      reason = wanted.mig == true ? "MIG mode is off yet"
                                  : "MIG mode is off, and the document does not say that it shall be on";
    out.push_back({Action::Create, place, {}, StepState::Waiting, std::move(reason)});
  }
  return out;
}

/// An instance that somebody else has created since the layout was planned.
const Standing* foreign(const DeviceState& device, const WantedDevice& wanted) {
  for (const Standing& standing : device.instances)
    if (!contains(wanted.instances, standing.place) && !contains(wanted.planned_from, standing.place)) return &standing;
  return nullptr;
}

}  // namespace

std::string text_of(const Place& place) {
  return fmt::format("{} at {}:{}", place.profile, place.placement.start, place.placement.size);
}

std::string text_of(const Step& step) {
  if (step.action == Action::Mode) return fmt::format("turn MIG mode {}", step.mig == true ? "on" : "off");
  return fmt::format("{} {}", name_of(step.action), text_of(step.place));
}

std::string_view name_of(Progress progress) {
  static constexpr std::string_view kNames[] = {"done", "working", "waiting", "failed", "dry-run", "hands-off"};
  return kNames[static_cast<std::size_t>(progress)];
}
std::string_view name_of(Action action) {
  static constexpr std::string_view kNames[] = {"destroy", "create", "mode"};
  return kNames[static_cast<std::size_t>(action)];
}
std::string_view name_of(StepState state) {
  static constexpr std::string_view kNames[] = {"planned", "done", "waiting", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

Plan plan(const DeviceState& device, const WantedDevice& wanted) {
  if (!device.unknown.empty()) return {Progress::Waiting, device.unknown};
  if (const auto fits_driver = legal(device, wanted); !fits_driver)
    return {Progress::HandsOff, fits_driver.error().what};
  if (const Standing* other = foreign(device, wanted))
    return {Progress::HandsOff,
            fmt::format("changed by somebody else: {} is neither wanted nor stood there when this was planned",
                        text_of(other->place))};
  Plan out;
  DeviceState then = device;
  while (auto step = next(then, wanted)) {
    apply(then, *step);
    out.steps.push_back(*std::move(step));
  }
  out.progress = out.steps.empty() ? Progress::Done : Progress::Working;
  for (Step& step : waiting(then, wanted)) {
    if (out.progress == Progress::Done) out = {Progress::Waiting, fmt::format("{}: {}", text_of(step), step.reason)};
    out.steps.push_back(std::move(step));
  }
  return out;
}

void apply(DeviceState& device, const Step& step) {
  switch (step.action) {
    case Action::Mode:
      device.mig = device.pending = step.mig;
      return;
    case Action::Destroy:
      std::erase_if(device.instances, [&](const Standing& standing) { return standing.place == step.place; });
      return;
    case Action::Create:
      std::erase_if(device.instances, [&](const Standing& standing) { return standing.place == step.place; });
      device.instances.push_back({.place = step.place, .compute_instances = {{.profile = step.place.profile}}});
      std::ranges::sort(device.instances, {}, &Standing::place);
  }
}

}  // namespace tessera::agent::layout
